/** Rows and states as AWS answers them. Pure. */

import type {
  ActionDeclaration as ActionView,
  ActionExecutionDetail,
  ActionState,
  ArtifactDetail,
  PipelineDeclaration,
  PipelineExecution,
  PipelineExecutionSummary,
  RuleExecution,
  StageConditionState,
  StageState as StageView,
} from '@aws-sdk/client-codepipeline';
import type {
  ActionDeclaration,
  ConditionKind,
  Declaration,
  RuleDeclaration,
  StageDeclaration,
} from '#core/pipeline/definition/declaration.ts';
import type {
  ActionRun,
  ConditionRun,
  NamedArtifact,
  RuleRun,
  StageRun,
  State,
} from '#core/pipeline/state.ts';
import { reasonsOf } from '#core/pipeline/explain.ts';
import type { ActionInput, ActionOutput, ExecutionFacts } from './history.ts';
import { maskConfiguration } from './secrets.ts';
import type { ActionRow, ExecutionRow } from './tables.ts';

/** The stored form is complete and has AWS's names; only the wire's own types differ, in being writable. */
export function viewDeclaration(declaration: Declaration): PipelineDeclaration {
  return structuredClone(declaration) as unknown as PipelineDeclaration;
}

export function viewExecution(
  pipelineName: string,
  row: ExecutionRow,
  state: State | undefined,
): PipelineExecution {
  const facts = JSON.parse(row.facts) as ExecutionFacts;
  return {
    pipelineName,
    pipelineVersion: facts.version,
    pipelineExecutionId: row.execution_id,
    status: row.status as PipelineExecution['status'],
    statusSummary: summaryOf(row, facts, state),
    artifactRevisions: facts.revisions.map((revision) => ({
      name: revision.artifactName,
      revisionId: revision.revisionId,
      revisionChangeIdentifier: revision.changeId,
      revisionSummary: revision.summary,
      created: new Date(revision.createdAt),
      revisionUrl: revision.url,
    })),
    variables: Object.entries(facts.variables).map(([name, resolvedValue]) => ({ name, resolvedValue })),
    trigger: { triggerType: facts.trigger.type, triggerDetail: facts.trigger.detail },
    executionMode: facts.mode,
    executionType: facts.type ?? 'STANDARD',
    rollbackMetadata:
      facts.target === undefined ? undefined : { rollbackTargetPipelineExecutionId: facts.target },
  };
}

/** The summary of what ended; of what is in flight, why it waits. */
function summaryOf(row: ExecutionRow, facts: ExecutionFacts, state: State | undefined): string | undefined {
  if (facts.statusSummary !== undefined || !state) return facts.statusSummary;
  return reasonsOf(state, row.execution_id).join('; ') || undefined;
}

export function viewExecutionSummary(row: ExecutionRow, state: State | undefined): PipelineExecutionSummary {
  const facts = JSON.parse(row.facts) as ExecutionFacts;
  return {
    pipelineExecutionId: row.execution_id,
    status: row.status as PipelineExecutionSummary['status'],
    statusSummary: summaryOf(row, facts, state),
    startTime: new Date(row.started_at),
    lastUpdateTime: new Date(row.changed_at),
    sourceRevisions: facts.revisions.map((revision) => ({
      actionName: revision.actionName,
      revisionId: revision.revisionId,
      revisionSummary: revision.summary,
      revisionUrl: revision.url,
    })),
    trigger: { triggerType: facts.trigger.type, triggerDetail: facts.trigger.detail },
    stopTrigger: facts.stop?.reason === undefined ? undefined : { reason: facts.stop.reason },
    executionMode: facts.mode,
    executionType: facts.type ?? 'STANDARD',
    rollbackMetadata:
      facts.target === undefined ? undefined : { rollbackTargetPipelineExecutionId: facts.target },
  };
}

export function viewActionExecution(row: ActionRow, region: string): ActionExecutionDetail {
  const { declared, ...input } = JSON.parse(row.input) as ActionInput;
  const output = JSON.parse(row.output) as ActionOutput;
  return {
    pipelineExecutionId: row.execution_id,
    actionExecutionId: row.action_execution_id,
    pipelineVersion: row.version,
    stageName: row.stage,
    actionName: row.action,
    startTime: new Date(row.started_at),
    lastUpdateTime: new Date(row.changed_at),
    updatedBy: output.updatedBy,
    status: row.status as ActionExecutionDetail['status'],
    input: {
      actionTypeId: { ...declared.actionTypeId } as ActionView['actionTypeId'],
      configuration: maskConfiguration(declared.configuration),
      resolvedConfiguration: maskConfiguration(input.resolvedConfiguration),
      roleArn: declared.roleArn ?? input.roleArn,
      region: declared.region ?? region,
      inputArtifacts: input.inputs.map(viewArtifact),
      namespace: declared.namespace,
    },
    output: {
      outputArtifacts: row.status === 'Succeeded' ? output.outputs.map(viewArtifact) : [],
      executionResult: {
        externalExecutionId: row.external_id ?? undefined,
        externalExecutionSummary: output.summary,
        externalExecutionUrl: output.externalUrl,
        errorDetails: output.error && { ...output.error },
        logStreamARN: output.logStreamArn,
      },
      outputVariables: { ...output.variables },
    },
  };
}

export function viewArtifact({ name, bucket, key }: NamedArtifact): ArtifactDetail {
  return { name, s3location: { bucket, key } };
}

export function viewStages(state: State): StageView[] {
  const declaration = state.declarations[state.version];
  const isParallel = declaration?.executionMode === 'PARALLEL';
  return (declaration?.stages ?? []).map((declared) => {
    const stage = state.stages.find((candidate) => candidate.name === declared.name);
    const latest = isParallel ? undefined : state.executions[stage?.latest ?? ''];
    const run = latest?.stages[declared.name];
    const inbound = isParallel
      ? []
      : (stage?.waiting ?? []).map((id) => ({
          pipelineExecutionId: id,
          status: 'InProgress' as const,
          type: 'STANDARD' as const,
        }));
    return {
      stageName: declared.name,
      inboundTransitionState: {
        enabled: stage?.transition.enabled ?? true,
        lastChangedBy: stage?.transition.changedBy,
        lastChangedAt: dateOf(stage?.transition.changedAt),
        disabledReason: stage?.transition.reason,
      },
      ...(inbound[0] ? { inboundExecution: inbound[0], inboundExecutions: inbound } : {}),
      ...(latest && run
        ? { latestExecution: { pipelineExecutionId: latest.id, status: run.status, type: latest.type } }
        : {}),
      ...(run ? viewConditions(declared, run) : {}),
      ...(run?.retry ? { retryStageMetadata: viewRetry(run.retry) } : {}),
      actionStates: declared.actions.map((action) => viewAction(action, run?.actions[action.name])),
    };
  });
}

function viewRetry(retry: NonNullable<StageRun['retry']>): StageView['retryStageMetadata'] {
  return {
    autoStageRetryAttempt: retry.automatic || undefined,
    manualStageRetryAttempt: retry.manual || undefined,
    latestRetryTrigger: retry.latest,
  };
}

function viewConditions(
  declared: StageDeclaration,
  { conditions }: StageRun,
): Pick<StageView, 'beforeEntryConditionState' | 'onSuccessConditionState' | 'onFailureConditionState'> {
  const view = (kind: ConditionKind) => {
    const run = conditions[kind];
    const rules = declared[kind]?.conditions?.[0]?.rules ?? [];
    return run && viewCondition(run, rules);
  };
  return {
    beforeEntryConditionState: view('beforeEntry'),
    onSuccessConditionState: view('onSuccess'),
    onFailureConditionState: view('onFailure'),
  };
}

function viewCondition(run: ConditionRun, declared: readonly RuleDeclaration[]): StageConditionState {
  const { status, summary } = run;
  return {
    latestExecution: { status, summary },
    conditionStates: [
      {
        latestExecution: { status, summary, lastStatusChange: new Date(run.changedAt) },
        ruleStates: declared.map(({ name }) => ({
          ruleName: name,
          latestExecution: viewRule(run.rules[name]),
        })),
      },
    ],
  };
}

function viewRule(run: RuleRun | undefined): RuleExecution | undefined {
  if (!run) return undefined;
  return {
    ruleExecutionId: run.id,
    status: run.status,
    summary: run.summary,
    lastStatusChange: new Date(run.changedAt),
    externalExecutionId: run.externalId,
    externalExecutionUrl: run.externalUrl,
    errorDetails: run.error && { ...run.error },
  };
}

function viewAction(action: ActionDeclaration, run: ActionRun | undefined): ActionState {
  if (!run) return { actionName: action.name };
  const { revision } = run;
  return {
    actionName: action.name,
    ...(revision
      ? {
          currentRevision: {
            revisionId: revision.revisionId,
            revisionChangeId: revision.changeId ?? revision.revisionId,
            created: new Date(revision.createdAt),
          },
          revisionUrl: run.revisionUrl ?? revision.url,
        }
      : {}),
    latestExecution: {
      actionExecutionId: run.id,
      status: run.status,
      summary: run.summary,
      lastStatusChange: new Date(run.changedAt),
      token: run.status === 'InProgress' ? run.token : undefined,
      lastUpdatedBy: run.updatedBy,
      externalExecutionId: run.externalId,
      externalExecutionUrl: run.externalUrl,
      percentComplete: run.percentComplete,
      errorDetails: run.error && { ...run.error },
      logStreamARN: run.logStreamArn,
    },
    entityUrl: run.entityUrl,
  };
}

function dateOf(at: number | undefined): Date | undefined {
  return at === undefined ? undefined : new Date(at);
}
