/** The vocabulary of a parameter's life. Values, versions and labels are rows of the room. */

import type { ParameterPolicy, PolicyType } from './policy.ts';

export interface ParameterState {
  readonly name: string;
  readonly type: string;
  readonly description: string;
  readonly status: 'There' | 'Gone';
  /** Policies that have not acted yet. */
  readonly policies: readonly ParameterPolicy[];
  /** Announcements that were ordered and are not done. */
  readonly pending: number;
}

export type ParameterEvent =
  | {
      readonly type: 'ParameterPut';
      readonly name: string;
      readonly parameterType: string;
      readonly description: string;
      readonly policies: readonly ParameterPolicy[];
    }
  | { readonly type: 'VersionLabelled' }
  | { readonly type: 'ParameterDeleted' }
  | { readonly type: 'Announced' };

export type ParameterEffect = AnnounceChange | AnnouncePolicy | Forget;

export interface AnnounceChange {
  readonly type: 'AnnounceChange';
  readonly eventId: string;
  readonly at: number;
  readonly operation: 'Create' | 'Update' | 'Delete' | 'LabelParameterVersion';
  readonly name: string;
  readonly parameterType: string;
  readonly description: string;
}

export interface AnnouncePolicy {
  readonly type: 'AnnouncePolicy';
  readonly eventId: string;
  readonly at: number;
  readonly policyType: PolicyType;
  readonly policyText: string;
  readonly name: string;
  readonly parameterType: string;
}

/** Nothing is left to do for a parameter that is gone. */
export interface Forget {
  readonly type: 'Forget';
}
