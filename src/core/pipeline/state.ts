/**
 * The vocabulary of a pipeline. The unit of decision is the pipeline: its stage locks, its waiting areas and its
 * executions in flight are one bounded state. What is finished, and no longer the latest in any stage, is history in
 * the room's rows and leaves the state.
 *
 *   start ─▶ [waiting | stage 1] ─▶ [waiting | stage 2] ─▶ … ─▶ Succeeded
 *              one or a queue   ╲ the occupant holds the lock until its stage ends
 */

import type { ConditionKind, Declaration, ExecutionMode } from './definition/declaration.ts';

export interface State {
  readonly name: string;
  readonly account: string;
  readonly region: string;
  /** True from DeletePipeline on; a deleted pipeline is silent. */
  readonly deleted: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Of the current declaration. */
  readonly version: number;
  /** By version: the current declaration, and older ones as long as an execution runs them. */
  readonly declarations: Readonly<Record<number, Declaration>>;
  /** In the order of the current declaration; stages that an update removed follow while something holds them. */
  readonly stages: readonly StageState[];
  /** By id: those in flight, and those that entered some stage last. */
  readonly executions: Readonly<Record<string, Execution>>;
  /** The number of the newest execution; a higher number is a newer execution. */
  readonly executionCount: number;
  /** Client request tokens of the last day, so that a repeated start starts once. */
  readonly tokens: readonly StartToken[];
}

export interface StageState {
  readonly name: string;
  /** The switch on the way in. */
  readonly transition: Transition;
  /** Who holds the lock. Unused by PARALLEL executions. */
  readonly occupant?: string;
  /** Ids in the order of arrival. */
  readonly waiting: readonly string[];
  /** The execution that entered last. */
  readonly latest?: string;
  /** The newest success in this stage: what an automatic rollback goes back to. */
  readonly success?: Success;
}

/** What a rollback runs a stage with again. */
export interface Success extends Inheritance {
  readonly executionId: string;
  readonly number: number;
  readonly version: number;
}

/** What an execution brings into a stage. */
export type Inheritance = Pick<Execution, 'variables' | 'pinned' | 'revisions' | 'artifacts' | 'outputs'>;

export interface Transition {
  readonly enabled: boolean;
  readonly changedBy?: string;
  readonly changedAt?: number;
  readonly reason?: string;
}

export interface StartToken {
  readonly token: string;
  readonly fingerprint: string;
  readonly executionId: string;
  readonly at: number;
}

export type ExecutionStatus =
  'InProgress' | 'Stopping' | 'Stopped' | 'Succeeded' | 'Superseded' | 'Failed' | 'Cancelled';

export interface Execution {
  readonly id: string;
  readonly number: number;
  readonly version: number;
  readonly mode: ExecutionMode;
  /** A ROLLBACK runs one stage again with what its target had, and ends. */
  readonly type: 'STANDARD' | 'ROLLBACK';
  /** Of a ROLLBACK: the execution whose success it repeats. */
  readonly target?: string;
  readonly status: ExecutionStatus;
  readonly statusSummary?: string;
  readonly trigger: Trigger;
  /** Pipeline variables, fixed at the start. */
  readonly variables: Readonly<Record<string, string>>;
  /** By source action: what a start or an earlier run of the action fixed. */
  readonly pinned: Readonly<Record<string, RevisionPin>>;
  readonly revisions: readonly SourceRevision[];
  /** By artifact name: the newest successful output. */
  readonly artifacts: Readonly<Record<string, ArtifactLocation>>;
  /** By namespace: the output variables that the declaration refers to. */
  readonly outputs: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly stop?: { readonly reason?: string; readonly abandon: boolean };
  /** The pipeline was updated: running actions end, then the execution is Cancelled. */
  readonly cancelling: boolean;
  /** 1, and one more for every retry. */
  readonly attempt: number;
  readonly startedAt: number;
  readonly changedAt: number;
  /** The last start or resumption. */
  readonly resumedAt: number;
  /** Where it is; absent once it ended. */
  readonly position?: Position;
  /** By stage name: stages in which it is, or which it entered last of all. */
  readonly stages: Readonly<Record<string, StageRun>>;
}

export interface Position {
  readonly stage: string;
  readonly phase: 'waiting' | 'inside';
  readonly since: number;
}

export interface Trigger {
  readonly type:
    | 'CreatePipeline'
    | 'StartPipelineExecution'
    | 'PollForSourceChanges'
    | 'Webhook'
    | 'CloudWatchEvent'
    | 'PutActionRevision'
    | 'WebhookV2'
    | 'ManualRollback'
    | 'AutomatedRollback';
  readonly detail: string;
}

export interface RevisionPin {
  readonly commitId?: string;
  readonly objectVersionId?: string;
  readonly objectKey?: string;
  readonly imageDigest?: string;
  /** Of a custom source: whatever its worker understands. */
  readonly revisionId?: string;
}

export interface SourceRevision {
  readonly actionName: string;
  readonly artifactName: string;
  readonly revisionId: string;
  readonly changeId?: string;
  readonly summary?: string;
  readonly url?: string;
  readonly createdAt: number;
}

export interface ArtifactLocation {
  readonly bucket: string;
  readonly key: string;
}

export type StageStatus =
  'InProgress' | 'Stopping' | 'Stopped' | 'Succeeded' | 'Failed' | 'Cancelled' | 'Skipped';

/**
 * What the stage is at:
 *
 *   entering ─▶ acting ─▶ leaving ─▶ (succeeded)
 *      │          └─▶ failing ─▶ (failed, perhaps rolled back, perhaps once more acting)
 *      └─▶ (failed or skipped)
 *
 * While entering, leaving and failing its conditions are evaluated, if it has any.
 */
export type StagePhase = 'entering' | 'acting' | 'leaving' | 'failing';

export interface StageRun {
  readonly status: StageStatus;
  readonly phase: StagePhase;
  readonly startedAt: number;
  readonly retry?: {
    readonly manual: number;
    readonly automatic: number;
    readonly latest: 'ManualStageRetry' | 'AutomatedStageRetry';
    readonly at: number;
  };
  /** By action name; an action that has not run is not here. */
  readonly actions: Readonly<Record<string, ActionRun>>;
  /** A condition that has not been evaluated is not here. */
  readonly conditions: ConditionRuns;
  /** The runs that the latest retry took away; what ended in the very decision of the retry is told by them. */
  readonly replaced?: {
    readonly actions: Readonly<Record<string, ActionRun>>;
    readonly conditions: ConditionRuns;
  };
}

export type ConditionRuns = Readonly<Partial<Record<ConditionKind, ConditionRun>>>;

export type ConditionStatus =
  'InProgress' | 'Failed' | 'Errored' | 'Succeeded' | 'Cancelled' | 'Abandoned' | 'Overridden';

export interface ConditionRun {
  readonly status: ConditionStatus;
  readonly summary?: string;
  readonly startedAt: number;
  readonly changedAt: number;
  /** By rule name; all start together. */
  readonly rules: Readonly<Record<string, RuleRun>>;
}

export type RunStatus = 'InProgress' | 'Succeeded' | 'Failed' | 'Abandoned';

/** One run of something that works outside: an action or a rule. */
export interface Run {
  readonly id: string;
  readonly status: RunStatus;
  readonly startedAt: number;
  readonly changedAt: number;
  /** When it fails if it still runs. */
  readonly deadline: number;
  /** Set while work goes on outside: when to look at it next, and the pause before. */
  readonly poll?: { readonly at: number; readonly pauseMs: number };
  readonly externalId?: string;
  readonly externalUrl?: string;
  readonly summary?: string;
  readonly error?: ActionError;
}

/** Succeeded: the rule is met. Failed: it is not, or with an error it could not be evaluated. */
export type RuleRun = Run;

export interface ActionRun extends Run {
  readonly inputs: readonly NamedArtifact[];
  readonly outputs: readonly NamedArtifact[];
  readonly percentComplete?: number;
  readonly logStreamArn?: string;
  /** Of a manual approval. */
  readonly token?: string;
  /** The approval was answered by a person. */
  readonly answered?: boolean;
  readonly updatedBy?: string;
  readonly revision?: SourceRevision;
  readonly entityUrl?: string;
  readonly revisionUrl?: string;
}

export interface NamedArtifact extends ArtifactLocation {
  readonly name: string;
  /** Of an input that a source action made: the revision it holds. */
  readonly revisionId?: string;
}

export type ActionErrorCode =
  | 'JobFailed'
  | 'ConfigurationError'
  | 'PermissionError'
  | 'RevisionOutOfSync'
  | 'RevisionUnavailable'
  | 'SystemUnavailable'
  | 'JobTimedOut'
  | 'InternalError';

export interface ActionError {
  readonly code: ActionErrorCode;
  readonly message: string;
}
