/** Pages of action or rule executions, newest first, of a pipeline or of one execution. */

import { present } from '#base/assert.ts';
import { fault } from '#base/fault.ts';
import { HISTORY_MS_MAX } from '#core/pipeline/limits.ts';
import type { Call, House } from '#services/service.ts';
import type { ExecutionFacts } from './history.ts';
import { createPageToken, readPageToken } from './paging.ts';
import { requireExecution, requirePipeline, type Room } from './room.ts';
import { rows } from './tables.ts';

const PAGE_SIZE = 100;
/** Runs that one execution can have had; more are cut off in the filter for the latest ones. */
const ROWS_OF_EXECUTION_MAX = 10_000;

export interface RunPageRequest {
  readonly pipelineName?: string | undefined;
  readonly filter?:
    | {
        readonly pipelineExecutionId?: string | undefined;
        readonly latestInPipelineExecution?:
          | {
              readonly pipelineExecutionId: string | undefined;
              readonly startTimeRange: 'Latest' | 'All' | undefined;
            }
          | undefined;
      }
    | undefined;
  readonly maxResults?: number | undefined;
  readonly nextToken?: string | undefined;
}

/** Where a page begins: behind the run that started then and has this id. */
interface Begin {
  readonly startedAt: number;
  readonly id: string;
}

interface RunQuery {
  readonly pipelineId: string;
  readonly executionId: string | undefined;
  readonly startedAfter: number;
  readonly begin: Begin | undefined;
  readonly limit: number;
}

/** The two histories differ in their table and in the column of a run's own id. */
export interface RunSource<Row> {
  readonly table: 'codepipeline_actions' | 'codepipeline_rules';
  readonly idColumn: 'action_execution_id' | 'rule_execution_id';
  idOf(row: Row): string;
  /** What the newest run is wanted of. */
  subjectOf(row: Row): string;
}

export async function pageOfRuns<Row extends { readonly started_at: number }>(
  { house }: Room,
  call: Call,
  operation: string,
  input: RunPageRequest,
  source: RunSource<Row>,
): Promise<{ readonly page: readonly Row[]; readonly nextToken?: string }> {
  const pipeline = await requirePipeline(house, input.pipelineName);
  const { pipelineExecutionId, latestInPipelineExecution: latest } = input.filter ?? {};
  if (pipelineExecutionId !== undefined && latest !== undefined) {
    throw fault(
      'ValidationException',
      'Filter by pipelineExecutionId or by latestInPipelineExecution, not by both',
    );
  }
  const executionId = pipelineExecutionId ?? latest?.pipelineExecutionId;
  const execution =
    executionId === undefined ? undefined : await requireExecution(house, pipeline, executionId);
  const limit = input.maxResults ?? PAGE_SIZE;
  const list = JSON.stringify([operation, pipeline.pipeline_id, input.filter ?? {}]);
  const token = readPageToken(house.keyring, list, input.nextToken);
  const begin = token && { startedAt: Number(token[0]), id: String(token[1]) };
  const found = await findRuns(house, source, {
    pipelineId: pipeline.pipeline_id,
    executionId,
    startedAfter: call.at - HISTORY_MS_MAX,
    begin: latest ? undefined : begin,
    limit: latest ? ROWS_OF_EXECUTION_MAX : limit + 1,
  });
  const isAfterBegin = (row: Row) =>
    !begin ||
    row.started_at < begin.startedAt ||
    (row.started_at === begin.startedAt && source.idOf(row) < begin.id);
  const since =
    latest?.startTimeRange === 'Latest' && execution
      ? (JSON.parse(execution.facts) as ExecutionFacts).resumedAt
      : 0;
  const wanted = latest
    ? newestOfEach(found, source).filter((row) => isAfterBegin(row) && row.started_at >= since)
    : found;
  const page = wanted.slice(0, limit);
  if (wanted.length <= limit) return { page };
  const last = present(page.at(-1), 'last row of a page');
  return { page, nextToken: createPageToken(house.keyring, list, [last.started_at, source.idOf(last)]) };
}

/** Rows newest first, by start and then id. */
async function findRuns<Row>(house: House, source: RunSource<Row>, wanted: RunQuery): Promise<Row[]> {
  // Both tables have the columns that are named here; one of them stands for both before the compiler.
  const table = source.table as 'codepipeline_actions';
  const id = source.idColumn as 'action_execution_id';
  let query = rows(house.database)
    .selectFrom(table)
    .selectAll()
    .where('started_at', '>', wanted.startedAfter);
  // One or the other, so that the index of the few is taken: the execution is known to be this pipeline's.
  query =
    wanted.executionId === undefined
      ? query.where('pipeline_id', '=', wanted.pipelineId)
      : query.where('execution_id', '=', wanted.executionId);
  const { begin } = wanted;
  if (begin) {
    query = query.where((is) =>
      is.or([
        is('started_at', '<', begin.startedAt),
        is.and([is('started_at', '=', begin.startedAt), is(id, '<', begin.id)]),
      ]),
    );
  }
  const found = await query.orderBy('started_at', 'desc').orderBy(id, 'desc').limit(wanted.limit).execute();
  return found as unknown as Row[];
}

/** Of rows in the order newest first, the newest run of each subject. */
function newestOfEach<Row extends { readonly started_at: number }>(
  found: readonly Row[],
  source: RunSource<Row>,
): Row[] {
  const seen = new Set<string>();
  return found.filter((row) => {
    const subject = source.subjectOf(row);
    if (seen.has(subject)) return false;
    seen.add(subject);
    return true;
  });
}
