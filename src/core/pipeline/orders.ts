/** What the decision of a pipeline orders from the world. Each order carries all that it needs. */

import type { ActionTypeId } from './declaration.ts';
import type { ActionAddress } from './events.ts';
import type { NamedArtifact, RevisionPin } from './state.ts';

export type Effect =
  StartAction | PollAction | { readonly type: 'PublishEvents'; readonly events: readonly StateChange[] };

/** Carries all that the action needs, as it was when it started. Idempotent under `actionExecutionId`. */
export interface StartAction extends ActionAddress {
  readonly type: 'StartAction';
  readonly pipeline: string;
  /** When the action execution began. */
  readonly startedAt: number;
  readonly actionType: ActionTypeId;
  /** With its variables resolved. */
  readonly configuration: Readonly<Record<string, string>>;
  readonly roleArn: string;
  readonly actionRoleArn?: string;
  readonly inputs: readonly NamedArtifact[];
  readonly outputs: readonly NamedArtifact[];
  readonly encryptionKey?: string;
  readonly pin?: RevisionPin;
}

/** Looks at work outside. Answers with its end, or with nothing while it runs. */
export interface PollAction extends ActionAddress {
  readonly type: 'PollAction';
  readonly pipeline: string;
  readonly actionType: ActionTypeId;
  readonly roleArn: string;
  readonly actionRoleArn?: string;
  readonly externalId: string;
}

/** A state change as the bus tells it; the room adds account, region and resources. */
export interface StateChange {
  readonly id: string;
  readonly at: number;
  readonly detailType: string;
  readonly detail: Readonly<Record<string, unknown>>;
}
