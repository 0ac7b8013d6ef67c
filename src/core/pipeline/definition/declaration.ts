/**
 * A pipeline's declaration as the machine holds it: complete, with the defaults that AWS fills in on output. What a
 * caller sends is in `declaration-given.ts`.
 */

import type { ActionTypeId, RuleTypeId } from './catalogue-type.ts';

export type { ActionTypeId, RuleTypeId } from './catalogue-type.ts';

export type ExecutionMode = 'SUPERSEDED' | 'QUEUED' | 'PARALLEL';
export type PipelineType = 'V1' | 'V2';

export interface Declaration {
  readonly name: string;
  readonly roleArn: string;
  readonly artifactStore?: ArtifactStore;
  readonly artifactStores?: Readonly<Record<string, ArtifactStore>>;
  readonly stages: readonly StageDeclaration[];
  readonly version: number;
  readonly executionMode: ExecutionMode;
  readonly pipelineType: PipelineType;
  readonly triggers?: readonly TriggerDeclaration[];
  readonly variables?: readonly VariableDeclaration[];
}

export interface ArtifactStore {
  readonly type: 'S3';
  readonly location: string;
  readonly encryptionKey?: { readonly id: string; readonly type: 'KMS' };
}

export interface VariableDeclaration {
  readonly name: string;
  readonly defaultValue?: string;
  readonly description?: string;
}

/** Which events of a repository start the pipeline; without one, every push to the source action's branch does. */
export interface TriggerDeclaration {
  readonly providerType: 'CodeStarSourceConnection';
  readonly gitConfiguration: GitTrigger;
}

export interface GitTrigger {
  readonly sourceActionName: string;
  readonly push?: readonly PushFilter[];
  readonly pullRequest?: readonly PullRequestFilter[];
}

export interface PushFilter {
  readonly tags?: PatternFilter;
  readonly branches?: PatternFilter;
  readonly filePaths?: PatternFilter;
}

export interface PullRequestFilter {
  readonly events?: readonly PullRequestEvent[];
  /** Of the branch into which it is to be merged. */
  readonly branches?: PatternFilter;
  readonly filePaths?: PatternFilter;
}

export type PullRequestEvent = 'OPEN' | 'UPDATED' | 'CLOSED';

/** Globs. Without includes everything matches; what an exclude matches does not. */
export interface PatternFilter {
  readonly includes?: readonly string[];
  readonly excludes?: readonly string[];
}

export interface StageDeclaration {
  readonly name: string;
  readonly blockers?: readonly unknown[];
  readonly actions: readonly ActionDeclaration[];
  readonly onFailure?: FailureDeclaration;
  readonly onSuccess?: ConditionsDeclaration;
  readonly beforeEntry?: ConditionsDeclaration;
}

export interface FailureDeclaration {
  readonly result?: ConditionResult;
  readonly retryConfiguration?: { readonly retryMode?: RetryMode };
  readonly conditions?: readonly ConditionDeclaration[];
}

export type RetryMode = 'FAILED_ACTIONS' | 'ALL_ACTIONS';

export interface ConditionsDeclaration {
  readonly conditions: readonly ConditionDeclaration[];
}

/** When a condition of a stage is evaluated. */
export type ConditionKind = (typeof CONDITION_KINDS)[number];

export const CONDITION_KINDS = ['beforeEntry', 'onSuccess', 'onFailure'] as const;

export type ConditionResult = 'ROLLBACK' | 'RETRY' | 'FAIL' | 'SKIP';

export interface ConditionDeclaration {
  readonly result?: ConditionResult;
  readonly rules: readonly RuleDeclaration[];
}

export interface RuleDeclaration {
  readonly name: string;
  readonly ruleTypeId: RuleTypeId;
  readonly configuration: Readonly<Record<string, string>>;
  readonly commands?: readonly string[];
  readonly inputArtifacts: readonly { readonly name: string }[];
  readonly roleArn?: string;
  readonly region?: string;
  readonly timeoutInMinutes?: number;
}

export interface ActionDeclaration {
  readonly name: string;
  readonly actionTypeId: ActionTypeId;
  readonly runOrder: number;
  readonly configuration: Readonly<Record<string, string>>;
  readonly inputArtifacts: readonly { readonly name: string }[];
  readonly outputArtifacts: readonly { readonly name: string; readonly files?: readonly string[] }[];
  readonly commands?: readonly string[];
  readonly outputVariables?: readonly string[];
  readonly environmentVariables?: readonly EnvironmentVariable[];
  readonly roleArn?: string;
  readonly region?: string;
  readonly namespace?: string;
  readonly timeoutInMinutes?: number;
}

export interface EnvironmentVariable {
  readonly name: string;
  readonly value: string;
  readonly type?: 'PLAINTEXT' | 'SECRETS_MANAGER';
}

export function stageOf(declaration: Declaration, name: string): StageDeclaration | undefined {
  return declaration.stages.find((stage) => stage.name === name);
}

/** The rules of all conditions of a stage. */
export function rulesOf(stage: Pick<StageDeclaration, ConditionKind>): readonly RuleDeclaration[] {
  const { beforeEntry, onSuccess, onFailure } = stage;
  return [beforeEntry, onSuccess, onFailure].flatMap((each) =>
    (each?.conditions ?? []).flatMap((condition) => condition.rules),
  );
}

export function actionOf(stage: StageDeclaration, name: string): ActionDeclaration | undefined {
  return stage.actions.find((action) => action.name === name);
}

/** The store whose bucket holds the artifacts of actions in `region`. */
export function artifactStoreOf(declaration: Declaration, region: string): ArtifactStore | undefined {
  const { artifactStore, artifactStores } = declaration;
  if (artifactStore) return artifactStore;
  return artifactStores && Object.hasOwn(artifactStores, region) ? artifactStores[region] : undefined;
}
