/** What the files of this room share: the house, the machine of pipelines, and how things are looked up. */

import { arnOf } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import type { Declaration } from '#core/pipeline/definition/declaration.ts';
import type { Event } from '#core/pipeline/events.ts';
import type { Effect } from '#core/pipeline/orders.ts';
import type { State } from '#core/pipeline/state.ts';
import { HISTORY_MS_MAX } from '#core/pipeline/limits.ts';
import type { Machine } from '#engine/machine.ts';
import type { House, Scope } from '#services/service.ts';
import type { ExecutionRow, PipelineRow } from './tables.ts';
import { rows } from './tables.ts';

export type PipelineMachine = Machine<State, Event, Effect>;

export interface Room {
  readonly house: House;
  readonly machine: PipelineMachine;
}

/** `arn:aws:codepipeline:region:account:name`; a stage and an action follow with slashes, for policies only. */
export function pipelineArn({ region, account }: Scope, ...names: readonly string[]): string {
  return arnOf('codepipeline', region, account, names.join('/'));
}

export async function findPipeline(house: House, name: string): Promise<PipelineRow | undefined> {
  return rows(house.database)
    .selectFrom('codepipeline_pipelines')
    .selectAll()
    .where('name', '=', name)
    .executeTakeFirst();
}

export async function requirePipeline(house: House, name: string | undefined): Promise<PipelineRow> {
  const row = await findPipeline(house, name ?? '');
  if (row) return row;
  throw noSuchPipeline(house, name);
}

export function noSuchPipeline(house: House, name: string | undefined) {
  return fault(
    'PipelineNotFoundException',
    `Account '${house.account}' does not have a pipeline with name '${name}'`,
  );
}

export async function findDeclaration(
  house: House,
  pipelineId: string,
  version: number,
): Promise<Declaration | undefined> {
  const row = await rows(house.database)
    .selectFrom('codepipeline_versions')
    .select('declaration')
    .where('pipeline_id', '=', pipelineId)
    .where('version', '=', version)
    .executeTakeFirst();
  return row && (JSON.parse(row.declaration) as Declaration);
}

export async function findExecution(
  house: House,
  pipelineId: string,
  executionId: string,
): Promise<ExecutionRow | undefined> {
  return rows(house.database)
    .selectFrom('codepipeline_executions')
    .selectAll()
    .where('execution_id', '=', executionId)
    .where('pipeline_id', '=', pipelineId)
    .executeTakeFirst();
}

export async function requireExecution(
  house: House,
  pipeline: PipelineRow,
  executionId: string | undefined,
): Promise<ExecutionRow> {
  const row = await findExecution(house, pipeline.pipeline_id, executionId ?? '');
  if (row && row.started_at > house.clock.now() - HISTORY_MS_MAX) return row;
  throw fault(
    'PipelineExecutionNotFoundException',
    `Pipeline execution '${executionId}' was not found in pipeline '${pipeline.name}'`,
  );
}
