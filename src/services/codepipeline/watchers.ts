/**
 * The pipelines that look out for changes by themselves or by triggers, with their current declarations, and how many
 * may. At AWS the first are polled, whence the limit and the pause after a month in which nothing happened; here they
 * hear of changes at once.
 */

import type { Kysely } from 'kysely';
import { fault } from '#base/fault.ts';
import type { Declaration } from '#core/pipeline/definition/declaration.ts';
import { pollingDisabledAt, polls } from '#core/pipeline/trigger/trigger-sources.ts';
import type { House } from '#services/service.ts';
import { findDeclaration } from './room.ts';
import { rows, within, type PipelineRow, type Tables } from './tables.ts';

/** AWS: "Quotas in AWS CodePipeline": pipelines with polling set for source changes. */
export const POLLING_PIPELINES_MAX = 300;

export interface Watcher {
  readonly pipelineId: string;
  readonly updatedAt: number;
  readonly declaration: Declaration;
}

/** Pipelines that have a source of this provider at this place; which changes they want is in their declarations. */
export async function watching(
  house: House,
  provider: string,
  place: string,
  entry?: string,
): Promise<readonly Watcher[]> {
  const found = await rows(house.database)
    .selectFrom('codepipeline_pipelines as pipeline')
    .innerJoin('codepipeline_versions as current', (join) =>
      join
        .onRef('current.pipeline_id', '=', 'pipeline.pipeline_id')
        .onRef('current.version', '=', 'pipeline.version'),
    )
    .select(['pipeline.pipeline_id', 'pipeline.updated_at', 'current.declaration'])
    .where('pipeline.pipeline_id', 'in', (sources) => {
      const query = sources
        .selectFrom('codepipeline_sources')
        .select('pipeline_id')
        .where('provider', '=', provider)
        .where('place', '=', place);
      return entry === undefined ? query : query.where('entry', '=', entry);
    })
    .orderBy('pipeline.pipeline_id')
    .execute();
  return found.map((row) => ({
    pipelineId: row.pipeline_id,
    updatedAt: row.updated_at,
    declaration: JSON.parse(row.declaration) as Declaration,
  }));
}

/** Since when a pipeline does not look out by itself; an update, or an execution however it began, ends that. */
export async function findPollingDisabledAt(
  house: House,
  pipeline: PipelineRow,
): Promise<number | undefined> {
  const declaration = await findDeclaration(house, pipeline.pipeline_id, pipeline.version);
  return declaration && (await disabledAt(house, pipeline.pipeline_id, pipeline.updated_at, declaration));
}

export async function isPollingDisabled(house: House, watcher: Watcher): Promise<boolean> {
  const { pipelineId, updatedAt, declaration } = watcher;
  return (await disabledAt(house, pipelineId, updatedAt, declaration)) !== undefined;
}

async function disabledAt(
  house: House,
  pipelineId: string,
  updatedAt: number,
  declaration: Declaration,
): Promise<number | undefined> {
  const newest = await rows(house.database)
    .selectFrom('codepipeline_executions')
    .select('started_at')
    .where('pipeline_id', '=', pipelineId)
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst();
  const activeAt = Math.max(updatedAt, newest?.started_at ?? 0);
  return pollingDisabledAt(declaration, activeAt, house.clock.now());
}

/** Call it in the transaction that stores `declaration` for the pipeline, before that. */
export async function refuseExcessPolling(
  transaction: Kysely<unknown>,
  pipelineId: string,
  declaration: Declaration,
): Promise<void> {
  if (!polls(declaration)) return;
  const others = await currentDeclarations(within(transaction), pipelineId);
  if (others.length < POLLING_PIPELINES_MAX) return;
  const polling = others.filter((text) => polls(JSON.parse(text) as Declaration)).length;
  if (polling < POLLING_PIPELINES_MAX) return;
  throw fault(
    'LimitExceededException',
    `The account has ${polling} pipelines that poll their sources. The maximum is ${POLLING_PIPELINES_MAX}. ` +
      'Set PollForSourceChanges to false and start the pipeline by a rule of EventBridge',
  );
}

/** JSON, of every other pipeline. */
async function currentDeclarations(kysely: Kysely<Tables>, except: string): Promise<readonly string[]> {
  const found = await kysely
    .selectFrom('codepipeline_pipelines as pipeline')
    .innerJoin('codepipeline_versions as current', (join) =>
      join
        .onRef('current.pipeline_id', '=', 'pipeline.pipeline_id')
        .onRef('current.version', '=', 'pipeline.version'),
    )
    .select('current.declaration')
    .where('pipeline.pipeline_id', '!=', except)
    .execute();
  return found.map((row) => row.declaration);
}
