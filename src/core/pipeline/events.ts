/**
 * What can happen to a pipeline, past tense: what people asked for, what became of work outside. A late or repeated
 * event is normal and changes nothing.
 */

import type { Declaration, RetryMode } from './declaration.ts';
import type { ActionError, RevisionPin, SourceRevision, Trigger } from './state.ts';

/** Which run of which action an event speaks of. */
export interface ActionAddress {
  readonly executionId: string;
  readonly stage: string;
  readonly action: string;
  readonly actionExecutionId: string;
}

export type Event =
  | {
      readonly type: 'PipelineCreated';
      readonly account: string;
      readonly region: string;
      readonly declaration: Declaration;
      readonly by: string;
    }
  | { readonly type: 'PipelineUpdated'; readonly declaration: Declaration }
  | { readonly type: 'PipelineDeleted' }
  | ExecutionRequested
  | {
      readonly type: 'ExecutionStopRequested';
      readonly executionId: string;
      readonly abandon: boolean;
      readonly reason?: string;
    }
  | {
      readonly type: 'StageRetryRequested';
      readonly stage: string;
      readonly executionId: string;
      readonly mode: RetryMode;
      /** The room's history has an execution of this pipeline with this id. */
      readonly known: boolean;
    }
  | {
      readonly type: 'TransitionDisabled';
      readonly stage: string;
      readonly direction: 'Inbound' | 'Outbound';
      readonly by: string;
      readonly reason: string;
    }
  | {
      readonly type: 'TransitionEnabled';
      readonly stage: string;
      readonly direction: 'Inbound' | 'Outbound';
      readonly by: string;
    }
  | {
      readonly type: 'ApprovalAnswered';
      readonly stage: string;
      readonly action: string;
      readonly token: string;
      readonly approved: boolean;
      readonly summary: string;
      readonly by: string;
    }
  | ({ readonly type: 'ActionStarted' } & ActionAddress & ExternalReference)
  | ({
      readonly type: 'ActionSucceeded';
      /** All of them; the state keeps what the declaration refers to. */
      readonly outputVariables: Readonly<Record<string, string>>;
      readonly revision?: Omit<SourceRevision, 'actionName' | 'artifactName'>;
      /** What a retry of this source action has to use again. */
      readonly pin?: RevisionPin;
    } & ActionAddress &
      ExternalReference)
  | ({ readonly type: 'ActionFailed' } & ActionError & ActionAddress & ExternalReference)
  /** Someone says that the work outside ended; the machine asks for the truth. */
  | ({ readonly type: 'ActionEndReported' } & ActionAddress);

export interface ExecutionRequested {
  readonly type: 'ExecutionRequested';
  readonly trigger: Trigger;
  readonly variables: Readonly<Record<string, string>>;
  readonly pinned: Readonly<Record<string, RevisionPin>>;
  readonly token?: string;
  /** Tells whether a repeated token asks for the same. */
  readonly fingerprint: string;
}

/** Members that are absent leave what is known. */
export interface ExternalReference {
  readonly externalId?: string;
  readonly externalUrl?: string;
  readonly summary?: string;
}
