/**
 * Which objects running executions need: their artifacts, and what their running actions are about to write. The s3 room
 * asks before it deletes, so that a cleanup of the artifact bucket cannot break a deployment that is under way.
 */

import type { Kysely } from 'kysely';
import type { ArtifactLocation } from '#core/pipeline/state.ts';
import type { House } from '#services/service.ts';
import type { Migration } from '#store/database.ts';
import type { ActionOutput, ExecutionFacts } from './history.ts';
import { rows } from './tables.ts';

export const holdingMigrations: readonly Migration[] = [
  { name: 'codepipeline/030-in-flight', up: createInFlightIndexes },
];

export function createHeldOf(
  house: House,
): (arns: readonly string[]) => Promise<ReadonlyMap<string, string>> {
  return async (arns) => {
    const wanted = new Set(arns.filter((arn) => arn.startsWith('arn:aws:s3:::')));
    const held = new Map<string, string>();
    if (wanted.size === 0) return held;
    for (const { locations, name, id } of await inFlight(house)) {
      for (const { bucket, key } of locations) {
        const arn = `arn:aws:s3:::${bucket}/${key}`;
        if (wanted.has(arn)) held.set(arn, `execution ${id} of pipeline ${name}`);
      }
    }
    return held;
  };
}

interface InFlight {
  readonly id: string;
  readonly name: string;
  readonly locations: readonly ArtifactLocation[];
}

async function inFlight({ database }: House): Promise<readonly InFlight[]> {
  const executions = await rows(database)
    .selectFrom('codepipeline_executions as execution')
    .innerJoin('codepipeline_pipelines as pipeline', 'pipeline.pipeline_id', 'execution.pipeline_id')
    .select(['execution.execution_id as id', 'pipeline.name as name', 'execution.facts as facts'])
    .where('execution.status', 'in', ['InProgress', 'Stopping'])
    .execute();
  const actions = await rows(database)
    .selectFrom('codepipeline_actions as action')
    .innerJoin('codepipeline_pipelines as pipeline', 'pipeline.pipeline_id', 'action.pipeline_id')
    .select(['action.execution_id as id', 'pipeline.name as name', 'action.output as output'])
    .where('action.status', '=', 'InProgress')
    .execute();
  return [
    ...executions.map(({ id, name, facts }) => ({
      id,
      name,
      locations: Object.values((JSON.parse(facts) as ExecutionFacts).artifacts),
    })),
    ...actions.map(({ id, name, output }) => ({
      id,
      name,
      locations: (JSON.parse(output) as ActionOutput).outputs,
    })),
  ];
}

/** Few of all executions run: the question costs as much as runs, not as much as ever ran. */
async function createInFlightIndexes({ schema }: Kysely<unknown>): Promise<void> {
  for (const table of ['codepipeline_executions', 'codepipeline_actions']) {
    await schema.createIndex(`${table}_status`).on(table).column('status').execute();
  }
}
