/** The history of actions. */

import { fault } from '#base/fault.ts';
import type { Handler } from '#services/service.ts';
import { requirePipeline, type Room } from './room.ts';
import { pageOfRuns, type RunQuery } from './run-pages.ts';
import { rows, type ActionRow } from './tables.ts';
import { viewActionExecution } from './views.ts';

type Codepipeline<Operation extends string> = Handler<'codepipeline', Operation>;

export function actionExecutionOperations(room: Room) {
  const { house } = room;

  const ListActionExecutions: Codepipeline<'ListActionExecutions'> = async (call, input) => {
    const { page, nextToken } = await pageOfRuns(room, call, 'ListActionExecutions', input, {
      find,
      idOf: (row) => row.action_execution_id,
      subjectOf: (row) => JSON.stringify([row.stage, row.action]),
    });
    return { actionExecutionDetails: page.map((row) => viewActionExecution(row, house.region)), nextToken };
  };

  const find = async (wanted: RunQuery): Promise<ActionRow[]> => {
    let query = rows(house.database)
      .selectFrom('codepipeline_actions')
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
          is.and([is('started_at', '=', begin.startedAt), is('action_execution_id', '<', begin.id)]),
        ]),
      );
    }
    return query
      .orderBy('started_at', 'desc')
      .orderBy('action_execution_id', 'desc')
      .limit(wanted.limit)
      .execute();
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
    // Only the EC2 deploy action has targets of its own, and it is not carried; so no list has a second page.
    if (input.nextToken !== undefined) {
      throw fault('InvalidNextTokenException', 'The next token is not valid for this list');
    }
    return { targets: [] };
  };

  return { ListActionExecutions, ListDeployActionExecutionTargets };
}
