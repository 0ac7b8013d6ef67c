/**
 * Writes what a decision changed into the room's rows, in the transaction of that decision: executions, action runs,
 * stages that succeeded. What the state later forgets is here.
 */

import type { Kysely } from 'kysely';
import { present } from '#base/assert.ts';
import { actionOf, stageOf } from '#core/pipeline/declaration.ts';
import type { ActionDeclaration } from '#core/pipeline/declaration.ts';
import type { Event } from '#core/pipeline/events.ts';
import type { Effect, StartAction } from '#core/pipeline/orders.ts';
import type { ActionRun, Execution, State } from '#core/pipeline/state.ts';
import type { Change, EngineEvent } from '#engine/machine.ts';
import type { ActionRow, ExecutionRow, Tables } from './tables.ts';
import { within } from './tables.ts';

export type PipelineChange = Change<State, Event | EngineEvent, Effect>;

/** What the history keeps of an execution besides its columns. */
export type ExecutionFacts = Pick<
  Execution,
  'version' | 'mode' | 'statusSummary' | 'trigger' | 'variables' | 'revisions' | 'stop' | 'resumedAt'
>;

export interface ActionInput {
  readonly declared: ActionDeclaration;
  readonly resolvedConfiguration: Readonly<Record<string, string>>;
  readonly roleArn: string;
  readonly inputs: ActionRun['inputs'];
}

export interface ActionOutput {
  readonly outputs: ActionRun['outputs'];
  readonly externalUrl?: string;
  readonly summary?: string;
  readonly error?: ActionRun['error'];
  readonly updatedBy?: string;
  readonly variables?: Readonly<Record<string, string>>;
}

export async function recordChange(transaction: Kysely<unknown>, change: PipelineChange): Promise<void> {
  const kysely = within(transaction);
  const { before, after, event } = change;
  for (const execution of Object.values(after.executions)) {
    // Everything that a decision touches carries its time.
    if (execution.changedAt !== event.at || before?.executions[execution.id] === execution) continue;
    await recordExecution(kysely, change.id, execution);
    for (const [stage, run] of Object.entries(execution.stages)) {
      const all = [...Object.entries(run.replaced ?? {}), ...Object.entries(run.actions)];
      for (const [action, actionRun] of all) {
        if (actionRun.changedAt === event.at) {
          await recordAction(kysely, change, execution, { stage, action, run: actionRun });
        }
      }
      if (run.status === 'Succeeded') await recordSuccess(kysely, change, execution, stage);
    }
  }
}

async function recordExecution(
  kysely: Kysely<Tables>,
  pipelineId: string,
  execution: Execution,
): Promise<void> {
  const { version, mode, statusSummary, trigger, variables, revisions, stop, resumedAt } = execution;
  const facts: ExecutionFacts = {
    version,
    mode,
    trigger,
    variables,
    revisions,
    resumedAt,
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
  const declaration = present(
    change.after.declarations[execution.version] ?? change.before?.declarations[execution.version],
    'declaration of an execution that changed',
  );
  const declaredStage = present(stageOf(declaration, stage), 'declared stage');
  const declared = present(actionOf(declaredStage, action), 'declared action');
  const order = change.effects.find(
    (effect): effect is StartAction => effect.type === 'StartAction' && effect.actionExecutionId === run.id,
  );
  // An approval starts without an order; what it asks with is in its run.
  const resolvedConfiguration = order?.configuration ?? {
    ...declared.configuration,
    ...(run.token && run.summary ? { CustomData: run.summary } : {}),
    ...(run.entityUrl ? { ExternalEntityLink: run.entityUrl } : {}),
  };
  return { declared, resolvedConfiguration, roleArn: declaration.roleArn, inputs: run.inputs };
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
