/** The history of actions, and the types that actions can have. */

import { present } from '#base/assert.ts';
import { fault } from '#base/fault.ts';
import type { ActionType } from '#core/pipeline/catalogue.ts';
import { ACTION_TYPES } from '#core/pipeline/catalogue.ts';
import type { ActionType as ActionTypeView } from '@aws-sdk/client-codepipeline';
import type { Handler } from '#services/service.ts';
import type { ExecutionFacts } from './history.ts';
import { createPageToken, readPageToken } from './paging.ts';
import { requireExecution, requirePipeline, type Room } from './room.ts';
import { rows, type ActionRow, type ExecutionRow } from './tables.ts';
import { viewActionExecution } from './views.ts';

type Codepipeline<Operation extends string> = Handler<'codepipeline', Operation>;

const PAGE_SIZE = 100;
const HISTORY_MS_MAX = 365 * 86_400_000;
/** Actions that one execution can have run; more are cut off in the filter for the latest ones. */
const ROWS_OF_EXECUTION_MAX = 10_000;

export function actionExecutionOperations(room: Room) {
  const { house } = room;

  const ListActionExecutions: Codepipeline<'ListActionExecutions'> = async (call, input) => {
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
    const list = JSON.stringify(['ListActionExecutions', pipeline.pipeline_id, input.filter ?? {}]);
    const begin = readPageToken(house.keyring, list, input.nextToken);

    let query = rows(house.database)
      .selectFrom('codepipeline_actions')
      .selectAll()
      .where('pipeline_id', '=', pipeline.pipeline_id)
      .where('started_at', '>', call.at - HISTORY_MS_MAX);
    if (executionId !== undefined) query = query.where('execution_id', '=', executionId);
    const [startedAt, id] = [Number(begin?.[0] ?? 0), String(begin?.[1] ?? '')];
    if (begin && !latest) {
      query = query.where((is) =>
        is.or([
          is('started_at', '<', startedAt),
          is.and([is('started_at', '=', startedAt), is('action_execution_id', '<', id)]),
        ]),
      );
    }
    const found = await query
      .orderBy('started_at', 'desc')
      .orderBy('action_execution_id', 'desc')
      .limit(latest ? ROWS_OF_EXECUTION_MAX : limit + 1)
      .execute();
    const isAfterBegin = (row: ActionRow) =>
      !begin || row.started_at < startedAt || (row.started_at === startedAt && row.action_execution_id < id);
    const resumedAt = (row: ExecutionRow) => (JSON.parse(row.facts) as ExecutionFacts).resumedAt;
    const since = latest?.startTimeRange === 'Latest' && execution ? resumedAt(execution) : 0;
    const wanted = latest
      ? newestOfEach(found).filter((row) => isAfterBegin(row) && row.started_at >= since)
      : found;
    const page = wanted.slice(0, limit);
    const actionExecutionDetails = page.map((row) => viewActionExecution(row, house.region));
    if (wanted.length <= limit) return { actionExecutionDetails };
    const last = present(page.at(-1), 'last row of a page');
    const nextToken = createPageToken(house.keyring, list, [last.started_at, last.action_execution_id]);
    return { actionExecutionDetails, nextToken };
  };

  const ListDeployActionExecutionTargets: Codepipeline<'ListDeployActionExecutionTargets'> = async (
    _call,
    input,
  ) => {
    const pipeline =
      input.pipelineName === undefined ? undefined : await requirePipeline(house, input.pipelineName);
    let query = rows(house.database)
      .selectFrom('codepipeline_actions')
      .select('action_execution_id')
      .where('action_execution_id', '=', input.actionExecutionId ?? '');
    if (pipeline) query = query.where('pipeline_id', '=', pipeline.pipeline_id);
    if (!(await query.executeTakeFirst())) {
      throw fault(
        'ActionExecutionNotFoundException',
        `Action execution '${input.actionExecutionId}' was not found`,
      );
    }
    // Only the EC2 deploy action has targets of its own, and it is not carried.
    return { targets: [] };
  };

  const ListActionTypes: Codepipeline<'ListActionTypes'> = async (_call, input) => ({
    actionTypes: ACTION_TYPES.filter(
      (type) => (input.actionOwnerFilter ?? type.id.owner) === type.id.owner,
    ).map(viewActionType),
  });

  return { ListActionExecutions, ListDeployActionExecutionTargets, ListActionTypes };
}

/** Of rows in the order newest first, the newest run of each action. */
function newestOfEach(found: readonly ActionRow[]): ActionRow[] {
  const seen = new Set<string>();
  return found.filter((row) => {
    const key = JSON.stringify([row.stage, row.action]);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function viewActionType(type: ActionType): ActionTypeView {
  return {
    id: { ...type.id } as ActionTypeView['id'],
    settings: {},
    actionConfigurationProperties: type.properties.map((property) => ({
      name: property.name,
      required: property.required,
      key: true,
      secret: property.secret,
      queryable: false,
    })),
    inputArtifactDetails: { minimumCount: type.inputs.min, maximumCount: type.inputs.max },
    outputArtifactDetails: { minimumCount: type.outputs.min, maximumCount: type.outputs.max },
  };
}
