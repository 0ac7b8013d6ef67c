/** Executions: start, stop, retry a stage, get, list. */

import { createHash } from 'node:crypto';
import { present } from '#base/assert.ts';
import type { Trigger } from '#core/pipeline/state.ts';
import { HISTORY_MS_MAX } from '#core/pipeline/limits.ts';
import { principalArn } from '#core/policy/principal.ts';
import type { Call, Handler } from '#services/service.ts';
import { createPageToken, readPageToken } from './paging.ts';
import { findDeclaration, findExecution, requireExecution, requirePipeline, type Room } from './room.ts';
import { pinsOf } from './revisions.ts';
import { requestExecution } from './starts.ts';
import { rows, type ExecutionRow } from './tables.ts';
import { viewExecution, viewExecutionSummary } from './views.ts';

type Codepipeline<Operation extends string> = Handler<'codepipeline', Operation>;

const PAGE_SIZE = 100;

export function executionOperations(room: Room) {
  const { house, machine } = room;
  const idOf = (value: unknown) => value as { pipelineExecutionId: string };

  const StartPipelineExecution: Codepipeline<'StartPipelineExecution'> = async (call, input) => {
    const pipeline = await requirePipeline(house, input.name);
    const declaration = await findDeclaration(house, pipeline.pipeline_id, pipeline.version);
    const variables = Object.fromEntries(
      (input.variables ?? []).map(({ name, value }) => [name ?? '', value ?? '']),
    );
    const pinned = pinsOf(present(declaration, 'declaration'), input.sourceRevisions ?? []);
    const fingerprint = createHash('sha256')
      .update(JSON.stringify([variables, input.sourceRevisions ?? []]))
      .digest('base64url');
    const pipelineExecutionId = await requestExecution(room, pipeline.pipeline_id, {
      type: 'ExecutionRequested',
      trigger: triggerOf(call),
      variables,
      pinned,
      fingerprint,
      ...(input.clientRequestToken === undefined ? {} : { token: `request:${input.clientRequestToken}` }),
    });
    return { pipelineExecutionId };
  };

  const StopPipelineExecution: Codepipeline<'StopPipelineExecution'> = async (_call, input) => {
    const pipeline = await requirePipeline(house, input.pipelineName);
    const { value } = await house.engine.send(machine, pipeline.pipeline_id, {
      type: 'ExecutionStopRequested',
      executionId: input.pipelineExecutionId ?? '',
      abandon: input.abandon ?? false,
      ...(input.reason === undefined ? {} : { reason: input.reason }),
    });
    return idOf(value);
  };

  const RetryStageExecution: Codepipeline<'RetryStageExecution'> = async (_call, input) => {
    const pipeline = await requirePipeline(house, input.pipelineName);
    const executionId = input.pipelineExecutionId ?? '';
    const known = await findExecution(house, pipeline.pipeline_id, executionId);
    const { value } = await house.engine.send(machine, pipeline.pipeline_id, {
      type: 'StageRetryRequested',
      stage: input.stageName ?? '',
      executionId,
      mode: input.retryMode ?? 'FAILED_ACTIONS',
      known: known !== undefined,
    });
    return idOf(value);
  };

  const GetPipelineExecution: Codepipeline<'GetPipelineExecution'> = async (_call, input) => {
    const pipeline = await requirePipeline(house, input.pipelineName);
    const row = await requireExecution(house, pipeline, input.pipelineExecutionId);
    const state = isRunning(row) ? await house.engine.read(machine, pipeline.pipeline_id) : undefined;
    return { pipelineExecution: viewExecution(pipeline.name, row, state) };
  };

  const ListPipelineExecutions: Codepipeline<'ListPipelineExecutions'> = async (call, input) => {
    const pipeline = await requirePipeline(house, input.pipelineName);
    const limit = input.maxResults ?? PAGE_SIZE;
    const stage = input.filter?.succeededInStage?.stageName;
    const list = JSON.stringify(['ListPipelineExecutions', pipeline.pipeline_id, stage ?? '']);
    const [before] = readPageToken(house.keyring, list, input.nextToken) ?? [];
    let query = rows(house.database)
      .selectFrom('codepipeline_executions')
      .selectAll()
      .where('pipeline_id', '=', pipeline.pipeline_id)
      .where('started_at', '>', call.at - HISTORY_MS_MAX);
    if (before !== undefined) query = query.where('number', '<', Number(before));
    if (stage !== undefined) {
      query = query.where('execution_id', 'in', (subquery) =>
        subquery
          .selectFrom('codepipeline_successes')
          .select('execution_id')
          .where('pipeline_id', '=', pipeline.pipeline_id)
          .where('stage', '=', stage)
          .where('version', '=', pipeline.version),
      );
    }
    const found = await query
      .orderBy('number', 'desc')
      .limit(limit + 1)
      .execute();
    const page = found.slice(0, limit);
    const state = page.some(isRunning) ? await house.engine.read(machine, pipeline.pipeline_id) : undefined;
    const pipelineExecutionSummaries = page.map((row) => viewExecutionSummary(row, state));
    if (found.length <= limit) return { pipelineExecutionSummaries };
    const last = present(page.at(-1), 'last row of a page').number;
    return { pipelineExecutionSummaries, nextToken: createPageToken(house.keyring, list, [last]) };
  };

  return {
    StartPipelineExecution,
    StopPipelineExecution,
    RetryStageExecution,
    GetPipelineExecution,
    ListPipelineExecutions,
  };
}

function isRunning({ status }: ExecutionRow): boolean {
  return status === 'InProgress' || status === 'Stopping';
}

/** A rule of EventBridge is its own trigger; everybody else is named. */
function triggerOf(call: Call): Trigger {
  if (call.source === 'events.amazonaws.com' && call.sourceArn !== undefined) {
    return { type: 'CloudWatchEvent', detail: call.sourceArn };
  }
  return { type: 'StartPipelineExecution', detail: principalArn(call.principal) };
}
