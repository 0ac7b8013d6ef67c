/** The history of actions. */

import { fault } from '#base/fault.ts';
import type { Handler } from '#services/service.ts';
import { requirePipeline, type Room } from './room.ts';
import { pageOfRuns } from './run-pages.ts';
import { rows, type ActionRow } from './tables.ts';
import { viewActionExecution } from './views.ts';

type Codepipeline<Operation extends string> = Handler<'codepipeline', Operation>;

export function actionExecutionOperations(room: Room) {
  const { house } = room;

  const ListActionExecutions: Codepipeline<'ListActionExecutions'> = async (call, input) => {
    const { page, nextToken } = await pageOfRuns(room, call, 'ListActionExecutions', input, {
      table: 'codepipeline_actions',
      idColumn: 'action_execution_id',
      idOf: (row: ActionRow) => row.action_execution_id,
      subjectOf: (row: ActionRow) => JSON.stringify([row.stage, row.action]),
    });
    return { actionExecutionDetails: page.map((row) => viewActionExecution(row, house.region)), nextToken };
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
