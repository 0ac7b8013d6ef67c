/** What the decision of a pipeline orders from the world. Each order carries all that it needs. */

import type { ActionTypeId, EnvironmentVariable } from './definition/declaration.ts';
import type { ActionAddress, RuleAddress } from './events.ts';
import type { NamedArtifact, RevisionPin } from './state.ts';

export type Effect =
  | StartAction
  | PollAction
  | WithdrawAction
  | EvaluateRule
  | { readonly type: 'PublishEvents'; readonly events: readonly StateChange[] };

/** Under whom and where an order is carried out. */
interface Acting {
  readonly pipeline: string;
  readonly roleArn: string;
  readonly actionRoleArn?: string;
  /** Only if it is not the pipeline's. */
  readonly region?: string;
}

/** Carries all that the action needs, as it was when it started. Idempotent under `actionExecutionId`. */
export interface StartAction extends ActionAddress, Acting {
  readonly type: 'StartAction';
  /** When the action execution began. */
  readonly startedAt: number;
  /** When it fails if it still runs. */
  readonly deadline: number;
  readonly actionType: ActionTypeId;
  /** With its variables resolved. */
  readonly configuration: Readonly<Record<string, string>>;
  readonly inputs: readonly NamedArtifact[];
  readonly outputs: readonly NamedArtifact[];
  /** Where artifacts of the action's region rest; inputs that lie elsewhere have to be copied there first. */
  readonly artifactBucket: string;
  readonly encryptionKey?: string;
  readonly pin?: RevisionPin;
  /** Of a compute action, resolved. */
  readonly commands?: readonly string[];
  readonly environmentVariables?: readonly EnvironmentVariable[];
  readonly outputVariableNames?: readonly string[];
  /** By name of the output artifact: the patterns of what goes in. */
  readonly files?: Readonly<Record<string, readonly string[]>>;
  /** Of a manual approval: the question that is open. */
  readonly approval?: { readonly token: string; readonly expiresAt: number };
}

/** Looks at work outside. Answers with its end, or with nothing while it runs. */
export interface PollAction extends ActionAddress, Acting {
  readonly type: 'PollAction';
  readonly actionType: ActionTypeId;
  readonly externalId: string;
  /** The summary that is known of it so far. */
  readonly told?: string;
}

/** The run of an action that a worker does ended without its result: nothing is to be done for it any more. */
export interface WithdrawAction extends ActionAddress {
  readonly type: 'WithdrawAction';
  readonly pipeline: string;
  readonly actionType: ActionTypeId;
  /** The pipeline was updated: work that a worker has begun may end; else `ActionVoided` is the answer. */
  readonly onlyUnacknowledged: boolean;
}

/**
 * Evaluates a rule of a condition, or looks at it again. Answers with how it stands. Idempotent under
 * `ruleExecutionId`; work that it began is known by `externalId` from then on.
 */
export interface EvaluateRule extends RuleAddress, Acting {
  readonly type: 'EvaluateRule';
  readonly startedAt: number;
  readonly deadline: number;
  readonly ruleType: { readonly provider: string; readonly version: string };
  /** With its variables resolved. */
  readonly configuration: Readonly<Record<string, string>>;
  readonly commands?: readonly string[];
  readonly inputs: readonly NamedArtifact[];
  readonly artifactBucket: string;
  readonly encryptionKey?: string;
  readonly externalId?: string;
}

/** A state change as the bus tells it; the room adds account, region and resources. */
export interface StateChange {
  readonly id: string;
  readonly at: number;
  readonly detailType: string;
  readonly detail: Readonly<Record<string, unknown>>;
}
