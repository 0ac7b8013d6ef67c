/**
 * Writes what a decision changed into the room's rows, in the transaction of that decision: executions, runs of
 * actions and rules, stages that succeeded. What the state later forgets is here.
 */

import type { Kysely } from 'kysely';
import { present } from '#base/assert.ts';
import type {
  ActionDeclaration,
  ConditionKind,
  Declaration,
  RuleDeclaration,
  StageDeclaration,
} from '#core/pipeline/definition/declaration.ts';
import { actionOf, rulesOf, stageOf } from '#core/pipeline/definition/declaration.ts';
import type { Event } from '#core/pipeline/events.ts';
import type { Effect, EvaluateRule, StartAction } from '#core/pipeline/orders.ts';
import type { ActionRun, Execution, RuleRun, StageRun, State } from '#core/pipeline/state.ts';
import type { Change, EngineEvent } from '#engine/machine.ts';
import { forgetOld } from './ageing.ts';
import type { ActionRow, ExecutionRow, Tables } from './tables.ts';
import { within } from './tables.ts';

export type PipelineChange = Change<State, Event | EngineEvent, Effect>;

/** What the history keeps of an execution besides its columns. */
export type ExecutionFacts = Pick<
  Execution,
  | 'version'
  | 'mode'
  | 'type'
  | 'target'
  | 'statusSummary'
  | 'trigger'
  | 'variables'
  | 'pinned'
  | 'revisions'
  | 'artifacts'
  | 'outputs'
  | 'stop'
  | 'resumedAt'
>;

export interface ActionInput {
  readonly declared: ActionDeclaration;
  readonly resolvedConfiguration: Readonly<Record<string, string>>;
  readonly roleArn: string;
  readonly inputs: ActionRun['inputs'];
}

export interface RuleInput {
  readonly declared: RuleDeclaration;
  readonly resolvedConfiguration: Readonly<Record<string, string>>;
  readonly roleArn: string;
  readonly inputs: ActionRun['inputs'];
}

export type RuleOutput = Pick<ActionOutput, 'externalUrl' | 'summary' | 'error'>;

export interface ActionOutput {
  readonly outputs: ActionRun['outputs'];
  readonly externalUrl?: string;
  readonly summary?: string;
  readonly error?: ActionRun['error'];
  readonly logStreamArn?: string;
  readonly updatedBy?: string;
  readonly variables?: Readonly<Record<string, string>>;
}

export async function recordChange(transaction: Kysely<unknown>, change: PipelineChange): Promise<void> {
  const kysely = within(transaction);
  const { before, after, event } = change;
  if (event.type === 'ExecutionRequested') await recordToken(kysely, change, event.token);
  for (const execution of Object.values(after.executions)) {
    // Everything that a decision touches carries its time.
    if (execution.changedAt !== event.at || before?.executions[execution.id] === execution) continue;
    await recordExecution(kysely, change.id, execution);
    if (!before?.executions[execution.id]) await forgetOld(kysely, change.id, execution);
    for (const [stage, run] of Object.entries(execution.stages)) {
      await recordStage(kysely, change, execution, stage, run);
    }
  }
}

async function recordToken(
  kysely: Kysely<Tables>,
  { id, after, event }: PipelineChange,
  wanted: string | undefined,
): Promise<void> {
  const given = after.tokens.find(({ token, at }) => token === wanted && at === event.at);
  if (!given) return;
  const { token, fingerprint, executionId, at } = given;
  const row = { fingerprint, execution_id: executionId, started_at: at };
  await kysely
    .insertInto('codepipeline_tokens')
    .values({ pipeline_id: id, token, ...row })
    .onConflict((conflict) => conflict.columns(['pipeline_id', 'token']).doUpdateSet(row))
    .execute();
}

async function recordStage(
  kysely: Kysely<Tables>,
  change: PipelineChange,
  execution: Execution,
  stage: string,
  { status, actions, conditions, replaced }: StageRun,
): Promise<void> {
  const { at } = change.event;
  const before = change.before?.executions[execution.id]?.stages[stage]?.actions ?? {};
  for (const [action, run] of [...Object.entries(replaced?.actions ?? {}), ...Object.entries(actions)]) {
    // What ended before has its row, with variables that are told only once, also if this comes at the same time.
    const hasEnded = before[action]?.id === run.id && before[action].status !== 'InProgress';
    if (run.changedAt === at && !hasEnded) {
      await recordAction(kysely, change, execution, { stage, action, run });
    }
  }
  for (const runs of [replaced?.conditions ?? {}, conditions]) {
    for (const kind of CONDITION_KINDS) {
      for (const [rule, run] of Object.entries(runs[kind]?.rules ?? {})) {
        if (run.changedAt === at) await recordRule(kysely, change, execution, { stage, kind, rule, run });
      }
    }
  }
  if (status === 'Succeeded' && execution.type === 'STANDARD')
    await recordSuccess(kysely, change, execution, stage);
}

const CONDITION_KINDS = ['beforeEntry', 'onSuccess', 'onFailure'] as const;

async function recordExecution(
  kysely: Kysely<Tables>,
  pipelineId: string,
  execution: Execution,
): Promise<void> {
  const { version, mode, type, trigger, variables, pinned, revisions, artifacts, outputs } = execution;
  const { target, statusSummary, stop, resumedAt } = execution;
  const facts: ExecutionFacts = {
    version,
    mode,
    type,
    trigger,
    variables,
    pinned,
    revisions,
    artifacts,
    outputs,
    resumedAt,
    ...(target === undefined ? {} : { target }),
    ...(statusSummary === undefined ? {} : { statusSummary }),
    ...(stop === undefined ? {} : { stop }),
  };
  const row: ExecutionRow = {
    execution_id: execution.id,
    pipeline_id: pipelineId,
    number: execution.number,
    status: execution.status,
    started_at: execution.startedAt,
    changed_at: execution.changedAt,
    facts: JSON.stringify(facts),
  };
  const { status, changed_at, facts: text } = row;
  await kysely
    .insertInto('codepipeline_executions')
    .values(row)
    .onConflict((conflict) =>
      conflict.column('execution_id').doUpdateSet({ status, changed_at, facts: text }),
    )
    .execute();
}

interface RecordedRun {
  readonly stage: string;
  readonly action: string;
  readonly run: ActionRun;
}

async function recordAction(
  kysely: Kysely<Tables>,
  change: PipelineChange,
  execution: Execution,
  { stage, action, run }: RecordedRun,
): Promise<void> {
  const { event } = change;
  const isOurs = event.type === 'ActionSucceeded' && event.actionExecutionId === run.id;
  const output: ActionOutput = {
    outputs: run.outputs,
    ...(run.externalUrl === undefined ? {} : { externalUrl: run.externalUrl }),
    ...(run.summary === undefined ? {} : { summary: run.summary }),
    ...(run.error === undefined ? {} : { error: run.error }),
    ...(run.logStreamArn === undefined ? {} : { logStreamArn: run.logStreamArn }),
    ...(run.updatedBy === undefined ? {} : { updatedBy: run.updatedBy }),
    ...(isOurs ? { variables: event.outputVariables } : {}),
  };
  const now = {
    status: run.status,
    changed_at: run.changedAt,
    external_id: run.externalId ?? null,
    answered_token: run.answered ? (run.token ?? null) : null,
    output: JSON.stringify(output),
  };
  if (run.startedAt !== change.event.at) {
    await kysely
      .updateTable('codepipeline_actions')
      .set(now)
      .where('action_execution_id', '=', run.id)
      .execute();
    return;
  }
  const row: ActionRow = {
    action_execution_id: run.id,
    pipeline_id: change.id,
    execution_id: execution.id,
    version: execution.version,
    stage,
    action,
    started_at: run.startedAt,
    input: JSON.stringify(inputOf(change, execution, { stage, action, run })),
    ...now,
  };
  await kysely
    .insertInto('codepipeline_actions')
    .values(row)
    .onConflict((conflict) => conflict.column('action_execution_id').doUpdateSet(now))
    .execute();
}

function inputOf(
  change: PipelineChange,
  execution: Execution,
  { stage, action, run }: RecordedRun,
): ActionInput {
  const declared = present(actionOf(declaredStageOf(change, execution, stage), action), 'declared action');
  const order = change.effects.find(
    (effect): effect is StartAction => effect.type === 'StartAction' && effect.actionExecutionId === run.id,
  );
  // An approval starts without an order; what it asks with is in its run.
  const resolvedConfiguration = order?.configuration ?? {
    ...declared.configuration,
    ...(run.token && run.summary ? { CustomData: run.summary } : {}),
    ...(run.entityUrl ? { ExternalEntityLink: run.entityUrl } : {}),
  };
  const { roleArn } = declarationOfExecution(change, execution);
  return { declared, resolvedConfiguration, roleArn, inputs: run.inputs };
}

function declarationOfExecution({ before, after }: PipelineChange, { version }: Execution): Declaration {
  return present(
    after.declarations[version] ?? before?.declarations[version],
    'declaration of an execution that changed',
  );
}

function declaredStageOf(change: PipelineChange, execution: Execution, stage: string): StageDeclaration {
  return present(stageOf(declarationOfExecution(change, execution), stage), 'declared stage');
}

interface RecordedRule {
  readonly stage: string;
  readonly kind: ConditionKind;
  readonly rule: string;
  readonly run: RuleRun;
}

async function recordRule(
  kysely: Kysely<Tables>,
  change: PipelineChange,
  execution: Execution,
  { stage, kind, rule, run }: RecordedRule,
): Promise<void> {
  const declared = present(
    rulesOf(declaredStageOf(change, execution, stage)).find(({ name }) => name === rule),
    'declared rule',
  );
  const order = change.effects.find(
    (effect): effect is EvaluateRule => effect.type === 'EvaluateRule' && effect.ruleExecutionId === run.id,
  );
  const input: RuleInput = {
    declared,
    resolvedConfiguration: order?.configuration ?? declared.configuration,
    roleArn: declarationOfExecution(change, execution).roleArn,
    inputs: order?.inputs ?? [],
  };
  const output: RuleOutput = {
    ...(run.externalUrl === undefined ? {} : { externalUrl: run.externalUrl }),
    ...(run.summary === undefined ? {} : { summary: run.summary }),
    ...(run.error === undefined ? {} : { error: run.error }),
  };
  const now = {
    status: run.status,
    changed_at: run.changedAt,
    external_id: run.externalId ?? null,
    output: JSON.stringify(output),
  };
  await kysely
    .insertInto('codepipeline_rules')
    .values({
      rule_execution_id: run.id,
      pipeline_id: change.id,
      execution_id: execution.id,
      version: execution.version,
      stage,
      rule,
      condition: kind,
      started_at: run.startedAt,
      input: JSON.stringify(input),
      ...now,
    })
    .onConflict((conflict) => conflict.column('rule_execution_id').doUpdateSet(now))
    .execute();
}

async function recordSuccess(
  kysely: Kysely<Tables>,
  change: PipelineChange,
  execution: Execution,
  stage: string,
): Promise<void> {
  await kysely
    .insertInto('codepipeline_successes')
    .values({ pipeline_id: change.id, stage, execution_id: execution.id, version: execution.version })
    .onConflict((conflict) => conflict.columns(['pipeline_id', 'stage', 'execution_id']).doNothing())
    .execute();
}
