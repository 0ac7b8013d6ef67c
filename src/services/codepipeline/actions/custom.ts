/**
 * Custom actions and those of third parties: the work is put into the queue from which workers poll. How it goes is
 * told by the machine of the job, in its order, so the start tells nothing by itself.
 */

import { present } from '#base/assert.ts';
import type { UrlTemplates, Work } from '#core/job/state.ts';
import type { ActionType } from '#core/pipeline/definition/catalogue.ts';
import { regionText } from '#core/pipeline/definition/declaration-fault.ts';
import type { StartAction, WithdrawAction } from '#core/pipeline/orders.ts';
import { findActionType } from '#services/codepipeline/action-types.ts';
import { forgetOldJobs } from '#services/codepipeline/job-ageing.ts';
import { queueOf, type JobRoom } from '#services/codepipeline/job-machine.ts';
import { rows } from '#services/codepipeline/tables.ts';
import type { House } from '#services/service.ts';
import { ActionRefused } from './action.ts';

const QUERY_VALUE = /^[a-zA-Z0-9_-]{1,20}$/;

/** May be repeated for the same action execution. */
export async function startWork(room: JobRoom, order: StartAction): Promise<undefined> {
  const { house, jobs, bell } = room;
  const work = await workOf(house, order);
  await house.engine.send(jobs, order.actionExecutionId, { type: 'WorkRequested', work });
  bell.ring([queueOf(work)]);
  await forgetOldJobs(room);
}

/** True if the action ends by this, as nobody had begun its work. */
export async function withdrawWork({ house, jobs }: JobRoom, order: WithdrawAction): Promise<boolean> {
  const { onlyUnacknowledged, actionExecutionId } = order;
  const event = { type: 'WorkWithdrawn', onlyUnacknowledged } as const;
  const { value } = await house.engine.send(jobs, actionExecutionId, event);
  return (value as { readonly isVoided: boolean }).isVoided;
}

async function workOf(house: House, order: StartAction): Promise<Work> {
  const { executionId, stage, action, actionExecutionId, pipeline, actionType, roleArn } = order;
  const { configuration, inputs, outputs, encryptionKey, startedAt } = order;
  const type = await findActionType(house, actionType);
  if (!type) throw unavailable(house, order);
  const queryValue = queryValueOf(type, order);
  return {
    executionId,
    stage,
    action,
    actionExecutionId,
    pipelineId: await pipelineIdOf(house, actionExecutionId),
    pipeline,
    actionType,
    ...(queryValue === undefined ? {} : { queryValue }),
    urls: urlsOf(type),
    roleArn,
    configuration,
    inputs,
    outputs,
    ...(encryptionKey === undefined ? {} : { encryptionKey }),
    ...(order.pin?.revisionId === undefined ? {} : { revisionId: order.pin.revisionId }),
    deadline: Math.min(order.deadline, startedAt + type.timeoutMs),
  };
}

/** The type was deleted, or never was, since the pipeline was declared. */
function unavailable(house: House, { action, actionType }: StartAction): ActionRefused {
  const { category, owner, provider, version } = actionType;
  return new ActionRefused(
    'ConfigurationError',
    `ActionType (Category: '${category}', Provider: '${provider}', Owner: '${owner}', Version: '${version}') ` +
      `in action '${action}' is not available in region ${regionText(house.region)}`,
  );
}

function queryValueOf(type: ActionType, { configuration }: StartAction): string | undefined {
  const property = type.properties.find(({ queryable }) => queryable);
  if (!property) return undefined;
  const value = configuration[property.name] ?? '';
  if (QUERY_VALUE.test(value)) return value;
  const message = `The value of the queryable configuration ${property.name} must have 1 to 20 characters of A-Z, a-z, 0-9, _ and -`;
  throw new ActionRefused('ConfigurationError', message);
}

function urlsOf({ settings = {} }: ActionType): UrlTemplates {
  const { entityUrlTemplate, executionUrlTemplate, revisionUrlTemplate } = settings;
  return {
    ...(entityUrlTemplate === undefined ? {} : { entity: entityUrlTemplate }),
    ...(executionUrlTemplate === undefined ? {} : { execution: executionUrlTemplate }),
    ...(revisionUrlTemplate === undefined ? {} : { revision: revisionUrlTemplate }),
  };
}

async function pipelineIdOf(house: House, actionExecutionId: string): Promise<string> {
  const row = await rows(house.database)
    .selectFrom('codepipeline_actions')
    .select('pipeline_id')
    .where('action_execution_id', '=', actionExecutionId)
    .executeTakeFirst();
  return present(row, 'the row of a started action').pipeline_id;
}
