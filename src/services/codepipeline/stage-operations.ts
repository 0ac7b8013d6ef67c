/** A pipeline as it stands: its state, its transitions, its approvals. */

import { fault, isFault } from '#base/fault.ts';
import type { RollbackTarget } from '#core/pipeline/events.ts';
import { HISTORY_MS_MAX } from '#core/pipeline/limits.ts';
import { principalArn } from '#core/policy/principal.ts';
import type { Handler } from '#services/service.ts';
import type { ExecutionFacts } from './history.ts';
import { findExecution, noSuchPipeline, requirePipeline, type Room } from './room.ts';
import { rows } from './tables.ts';
import { viewStages } from './views.ts';

type Codepipeline<Operation extends string> = Handler<'codepipeline', Operation>;

export function stageOperations(room: Room) {
  const { house, machine } = room;

  const GetPipelineState: Codepipeline<'GetPipelineState'> = async (_call, input) => {
    const pipeline = await requirePipeline(house, input.name);
    const state = await house.engine.read(machine, pipeline.pipeline_id);
    if (!state || state.deleted) throw noSuchPipeline(house, input.name);
    return {
      pipelineName: state.name,
      pipelineVersion: state.version,
      stageStates: viewStages(state),
      created: new Date(state.createdAt),
      updated: new Date(state.updatedAt),
    };
  };

  const RollbackStage: Codepipeline<'RollbackStage'> = async (call, input) => {
    const pipeline = await requirePipeline(house, input.pipelineName);
    const [stage, targetId] = [input.stageName ?? '', input.targetPipelineExecutionId ?? ''];
    const target = await findRollbackTarget(pipeline.pipeline_id, stage, targetId, call.at);
    const { value } = await house.engine.send(machine, pipeline.pipeline_id, {
      type: 'StageRollbackRequested',
      stage,
      targetId,
      by: principalArn(call.principal),
      ...(target ? { target } : {}),
    });
    return value as { pipelineExecutionId: string };
  };

  const findRollbackTarget = async (
    pipelineId: string,
    stage: string,
    executionId: string,
    at: number,
  ): Promise<RollbackTarget | undefined> => {
    const row = await findExecution(house, pipelineId, executionId);
    if (!row) return undefined;
    const success = await rows(house.database)
      .selectFrom('codepipeline_successes')
      .select('execution_id')
      .where('pipeline_id', '=', pipelineId)
      .where('stage', '=', stage)
      .where('execution_id', '=', executionId)
      .executeTakeFirst();
    const facts = JSON.parse(row.facts) as ExecutionFacts;
    const { version, variables, revisions } = facts;
    // Rows that older releases wrote lack what only rollbacks need.
    const { type = 'STANDARD', pinned = {}, artifacts, outputs = {} } = facts as Partial<ExecutionFacts>;
    return {
      executionId,
      number: row.number,
      version,
      type,
      succeeded: success !== undefined,
      outdated: artifacts === undefined || row.started_at <= at - HISTORY_MS_MAX,
      variables,
      pinned,
      revisions,
      artifacts: artifacts ?? {},
      outputs,
    };
  };

  const DisableStageTransition: Codepipeline<'DisableStageTransition'> = async (call, input) => {
    const pipeline = await requirePipeline(house, input.pipelineName);
    await house.engine.send(machine, pipeline.pipeline_id, {
      type: 'TransitionDisabled',
      stage: input.stageName ?? '',
      direction: input.transitionType ?? 'Inbound',
      by: principalArn(call.principal),
      reason: input.reason ?? '',
    });
    return {};
  };

  const EnableStageTransition: Codepipeline<'EnableStageTransition'> = async (call, input) => {
    const pipeline = await requirePipeline(house, input.pipelineName);
    await house.engine.send(machine, pipeline.pipeline_id, {
      type: 'TransitionEnabled',
      stage: input.stageName ?? '',
      direction: input.transitionType ?? 'Inbound',
      by: principalArn(call.principal),
    });
    return {};
  };

  const PutApprovalResult: Codepipeline<'PutApprovalResult'> = async (call, input) => {
    const pipeline = await requirePipeline(house, input.pipelineName);
    const token = input.token ?? '';
    try {
      const { value } = await house.engine.send(machine, pipeline.pipeline_id, {
        type: 'ApprovalAnswered',
        stage: input.stageName ?? '',
        action: input.actionName ?? '',
        token,
        approved: input.result?.status === 'Approved',
        summary: input.result?.summary ?? '',
        by: principalArn(call.principal),
      });
      return { approvedAt: new Date((value as { approvedAt: number }).approvedAt) };
    } catch (error) {
      if (!isFault(error, 'InvalidApprovalTokenException')) throw error;
      if (!(await wasAnswered(pipeline.pipeline_id, token))) throw error;
      throw fault(
        'ApprovalAlreadyCompletedException',
        'The approval action has already been approved or rejected',
        { cause: error },
      );
    }
  };

  /** The state forgets approvals of executions that left their stage; the history does not. */
  const wasAnswered = async (pipelineId: string, token: string): Promise<boolean> => {
    const row = await rows(house.database)
      .selectFrom('codepipeline_actions')
      .select('action_execution_id')
      .where('pipeline_id', '=', pipelineId)
      .where('external_id', '=', token)
      .where('answered_token', '=', token)
      .executeTakeFirst();
    return row !== undefined;
  };

  return {
    GetPipelineState,
    RollbackStage,
    DisableStageTransition,
    EnableStageTransition,
    PutApprovalResult,
  };
}
