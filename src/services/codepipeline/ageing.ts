/**
 * The history of a pipeline is kept for a year. Every tenth execution removes some of what is older, so that nothing has
 * to look for it at night and a pipeline's rows stay bounded. AWS: "Quotas in AWS CodePipeline".
 */

import type { Kysely } from 'kysely';
import { HISTORY_MS_MAX, TOKEN_MS_MAX } from '#core/pipeline/limits.ts';
import type { Execution } from '#core/pipeline/state.ts';
import type { Tables } from './tables.ts';

const EVERY = 10;
/** More than so many starts add, so that the old never grow. */
const EXECUTIONS_AT_ONCE = 2 * EVERY;
const RUNS_AT_ONCE = 2_500;
const TOKENS_AT_ONCE = 2 * EVERY;

export async function forgetOld(
  kysely: Kysely<Tables>,
  pipelineId: string,
  { number, startedAt: at }: Execution,
): Promise<void> {
  if (number % EVERY !== 0) return;
  const cutoff = at - HISTORY_MS_MAX;
  const oldest = kysely
    .selectFrom('codepipeline_executions')
    .select('execution_id')
    .where('pipeline_id', '=', pipelineId)
    .orderBy('number')
    .limit(EXECUTIONS_AT_ONCE);
  const old = kysely
    .selectFrom('codepipeline_executions')
    .select('execution_id')
    .where('execution_id', 'in', oldest)
    .where('started_at', '<=', cutoff)
    .where('status', 'not in', ['InProgress', 'Stopping']);
  await kysely
    .deleteFrom('codepipeline_successes')
    .where('pipeline_id', '=', pipelineId)
    .where('execution_id', 'in', old)
    .execute();
  await kysely.deleteFrom('codepipeline_executions').where('execution_id', 'in', old).execute();
  await forgetRuns(kysely, 'codepipeline_actions', 'action_execution_id', pipelineId, cutoff);
  await forgetRuns(kysely, 'codepipeline_rules', 'rule_execution_id', pipelineId, cutoff);
  await kysely
    .deleteFrom('codepipeline_tokens')
    .where('pipeline_id', '=', pipelineId)
    .where('token', 'in', (query) =>
      query
        .selectFrom('codepipeline_tokens')
        .select('token')
        .where('pipeline_id', '=', pipelineId)
        .where('started_at', '<=', at - TOKEN_MS_MAX)
        .orderBy('started_at')
        .limit(TOKENS_AT_ONCE),
    )
    .execute();
}

async function forgetRuns(
  kysely: Kysely<Tables>,
  table: 'codepipeline_actions' | 'codepipeline_rules',
  idColumn: 'action_execution_id' | 'rule_execution_id',
  pipelineId: string,
  cutoff: number,
): Promise<void> {
  const runs =
    kysely.withTables<
      Record<typeof table, Record<typeof idColumn | 'pipeline_id' | 'started_at', unknown>>
    >();
  const old = runs
    .selectFrom(table)
    .select(idColumn)
    .where('pipeline_id', '=', pipelineId)
    .where('started_at', '<=', cutoff)
    .orderBy('started_at')
    .limit(RUNS_AT_ONCE);
  await runs.deleteFrom(table).where(idColumn, 'in', old).execute();
}
