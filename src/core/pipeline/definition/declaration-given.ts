/**
 * A declaration as a caller sends it, after the wire has checked names, lengths and enumerations; and how it becomes
 * complete. AWS: "What type of pipeline is right for me?".
 */

import { actionTypeOf } from './catalogue.ts';
import type {
  ActionDeclaration,
  ConditionDeclaration,
  ConditionKind,
  ConditionResult,
  Declaration,
  ExecutionMode,
  FailureDeclaration,
  PipelineType,
  RuleDeclaration,
  StageDeclaration,
} from './declaration.ts';
import { CONDITION_KINDS } from './declaration.ts';
import type { Path } from './declaration-fault.ts';

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

export interface GivenConditions {
  readonly conditions: readonly GivenCondition[];
}

export interface GivenCondition {
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
    pipelineType: given.pipelineType ?? (v2Features(given).length > 0 ? 'V2' : 'V1'),
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

export function completeAction(action: GivenAction): ActionDeclaration {
  return {
    ...action,
    runOrder: action.runOrder ?? 1,
    configuration: action.configuration ?? {},
    inputArtifacts: action.inputArtifacts ?? [],
    outputArtifacts: action.outputArtifacts ?? [],
  };
}

/** Something that only pipelines of type V2 may have, and where it stands. */
export interface V2Feature {
  readonly name: string;
  readonly path: Path;
}

export function v2Features(given: GivenDeclaration): readonly V2Feature[] {
  const features: V2Feature[] = [];
  if ((given.triggers?.length ?? 0) > 0) features.push({ name: 'triggers', path: ['triggers'] });
  if ((given.variables?.length ?? 0) > 0) features.push({ name: 'variables', path: ['variables'] });
  if (given.executionMode !== undefined && given.executionMode !== 'SUPERSEDED') {
    features.push({ name: `the execution mode ${given.executionMode}`, path: ['executionMode'] });
  }
  for (const [index, stage] of given.stages.entries()) {
    const path = ['stages', index];
    for (const kind of CONDITION_KINDS) {
      if (stage[kind]) features.push({ name: kind, path: [...path, kind] });
    }
    for (const [at, action] of stage.actions.entries()) {
      features.push(...featuresOfAction(action, [...path, 'actions', at]));
    }
  }
  return features;
}

function featuresOfAction(action: GivenAction, path: Path): V2Feature[] {
  const features: V2Feature[] = [];
  const { category, provider } = action.actionTypeId;
  if (actionTypeOf(action.actionTypeId)?.isV2Only) {
    features.push({ name: `the action type ${category}/${provider}`, path: [...path, 'actionTypeId'] });
  }
  if (action.environmentVariables !== undefined) {
    features.push({ name: 'environmentVariables', path: [...path, 'environmentVariables'] });
  }
  return features;
}
