/**
 * A pipeline's declaration as the machine holds it: complete, with the defaults that AWS fills in on output. The
 * given form is what a caller sends, after the wire has checked names, lengths and enumerations.
 */

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
export type ConditionKind = 'beforeEntry' | 'onSuccess' | 'onFailure';

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

export interface RuleTypeId {
  readonly category: string;
  readonly owner: string;
  readonly provider: string;
  readonly version: string;
}

export interface ActionTypeId {
  readonly category: string;
  readonly owner: string;
  readonly provider: string;
  readonly version: string;
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

/** The members that may be missing in what a caller sends. */
export type GivenDeclaration = Omit<Declaration, 'stages' | 'version' | 'executionMode' | 'pipelineType'> & {
  readonly stages: readonly GivenStage[];
  readonly executionMode?: ExecutionMode;
  readonly pipelineType?: PipelineType;
};

export type GivenStage = Omit<StageDeclaration, 'actions' | ConditionKind> & {
  readonly actions: readonly GivenAction[];
  readonly beforeEntry?: GivenConditions;
  readonly onSuccess?: GivenConditions;
  readonly onFailure?: Omit<FailureDeclaration, 'conditions'> & Partial<GivenConditions>;
};

interface GivenConditions {
  readonly conditions: readonly GivenCondition[];
}

interface GivenCondition {
  readonly result?: ConditionResult;
  readonly rules?: readonly GivenRule[];
}

export type GivenRule = Omit<RuleDeclaration, 'ruleTypeId' | 'configuration' | 'inputArtifacts'> &
  Partial<Pick<RuleDeclaration, 'configuration' | 'inputArtifacts'>> & {
    readonly ruleTypeId: {
      readonly category: string;
      readonly owner?: string;
      readonly provider: string;
      readonly version?: string;
    };
  };

export type GivenAction = Omit<
  ActionDeclaration,
  'runOrder' | 'configuration' | 'inputArtifacts' | 'outputArtifacts'
> &
  Partial<Pick<ActionDeclaration, 'runOrder' | 'configuration' | 'inputArtifacts' | 'outputArtifacts'>>;

/** Fills in what AWS fills in; a version in the input is ignored. */
export function completeDeclaration(given: GivenDeclaration, version: number): Declaration {
  return {
    ...given,
    stages: given.stages.map(completeStage),
    version,
    executionMode: given.executionMode ?? 'SUPERSEDED',
    pipelineType: given.pipelineType ?? (usesV2(given) ? 'V2' : 'V1'),
  };
}

function completeStage({ beforeEntry, onSuccess, onFailure, ...stage }: GivenStage): StageDeclaration {
  return {
    ...stage,
    actions: stage.actions.map(completeAction),
    ...(beforeEntry ? { beforeEntry: { conditions: beforeEntry.conditions.map(completeCondition) } } : {}),
    ...(onSuccess ? { onSuccess: { conditions: onSuccess.conditions.map(completeCondition) } } : {}),
    ...(onFailure ? { onFailure: completeFailure(onFailure) } : {}),
  };
}

function completeFailure({
  conditions,
  ...failure
}: NonNullable<GivenStage['onFailure']>): FailureDeclaration {
  return conditions ? { ...failure, conditions: conditions.map(completeCondition) } : failure;
}

function completeCondition({ rules, ...condition }: GivenCondition): ConditionDeclaration {
  return { ...condition, rules: (rules ?? []).map(completeRule) };
}

function completeRule(rule: GivenRule): RuleDeclaration {
  return {
    ...rule,
    ruleTypeId: {
      ...rule.ruleTypeId,
      owner: rule.ruleTypeId.owner ?? 'AWS',
      version: rule.ruleTypeId.version ?? '1',
    },
    configuration: rule.configuration ?? {},
    inputArtifacts: rule.inputArtifacts ?? [],
  };
}

function completeAction(action: GivenAction): ActionDeclaration {
  return {
    ...action,
    runOrder: action.runOrder ?? 1,
    configuration: action.configuration ?? {},
    inputArtifacts: action.inputArtifacts ?? [],
    outputArtifacts: action.outputArtifacts ?? [],
  };
}

/** True if the declaration has anything that only V2 pipelines may have. */
export function usesV2(given: GivenDeclaration): boolean {
  return (
    (given.triggers?.length ?? 0) > 0 ||
    (given.variables?.length ?? 0) > 0 ||
    (given.executionMode !== undefined && given.executionMode !== 'SUPERSEDED') ||
    given.stages.some(
      (stage) =>
        stage.onFailure !== undefined ||
        stage.onSuccess !== undefined ||
        stage.beforeEntry !== undefined ||
        stage.actions.some((action) => action.environmentVariables !== undefined),
    )
  );
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
  return declaration.artifactStore ?? declaration.artifactStores?.[region];
}
