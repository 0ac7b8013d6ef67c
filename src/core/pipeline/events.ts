/**
 * What can happen to a pipeline, past tense: what people asked for, what became of work outside. A late or repeated
 * event is normal and changes nothing.
 */

import type { ConditionKind, Declaration, RetryMode } from './definition/declaration.ts';
import type { ActionError, Execution, RevisionPin, SourceRevision, Success, Trigger } from './state.ts';

/** Which run of which action an event speaks of. */
export interface ActionAddress {
  readonly executionId: string;
  readonly stage: string;
  readonly action: string;
  readonly actionExecutionId: string;
}

/** Which run of which rule of a stage's condition an event speaks of. */
export interface RuleAddress {
  readonly executionId: string;
  readonly stage: string;
  readonly condition: ConditionKind;
  readonly rule: string;
  readonly ruleExecutionId: string;
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
      readonly type: 'StageRollbackRequested';
      readonly stage: string;
      /** From the room's history; absent when the pipeline has no such execution. */
      readonly target?: RollbackTarget;
      readonly targetId: string;
      readonly by: string;
    }
  | {
      readonly type: 'ConditionOverridden';
      readonly stage: string;
      readonly executionId: string;
      readonly condition: 'beforeEntry' | 'onSuccess';
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
  /** Work outside tells how far it is. */
  | ({ readonly type: 'ActionProgressed' } & ActionAddress & ExternalReference)
  /** Work that was to be withdrawn had not begun; after an update this ends its run. */
  | ({ readonly type: 'ActionVoided' } & ActionAddress)
  /** Someone says that the work outside ended; the machine asks for the truth. */
  | ({ readonly type: 'ActionEndReported' } & ActionAddress)
  /** A rule is being evaluated outside, or its time has not come; it is looked at again, at a given time or soon. */
  | ({ readonly type: 'RuleWaited'; readonly lookAgainAt?: number } & RuleAddress & ExternalReference)
  /** Someone says that the work outside ended; the rule is looked at at once. */
  | ({ readonly type: 'RuleEndReported' } & RuleAddress)
  | ({ readonly type: 'RuleMet' } & RuleAddress & ExternalReference)
  | ({ readonly type: 'RuleUnmet' } & RuleAddress & ExternalReference)
  /** The rule could not be evaluated. */
  | ({ readonly type: 'RuleErrored' } & ActionError & RuleAddress & ExternalReference);

export interface ExecutionRequested {
  readonly type: 'ExecutionRequested';
  readonly trigger: Trigger;
  readonly variables: Readonly<Record<string, string>>;
  readonly pinned: Readonly<Record<string, RevisionPin>>;
  readonly token?: string;
  /** Tells whether a repeated token asks for the same. */
  readonly fingerprint: string;
}

export interface RollbackTarget extends Success {
  readonly type: Execution['type'];
  /** It succeeded in the stage that is to be rolled back. */
  readonly succeeded: boolean;
  /** Older than what the history promises to keep. */
  readonly outdated: boolean;
}

/** Members that are absent leave what is known. */
export interface ExternalReference {
  readonly externalId?: string;
  readonly externalUrl?: string;
  readonly summary?: string;
  readonly percentComplete?: number;
  readonly logStreamArn?: string;
  readonly entityUrl?: string;
  readonly revisionUrl?: string;
}
