/**
 * The action that starts another pipeline, and succeeds when that has begun. The action execution's id makes a
 * repeated start the same execution. A pipeline may start itself: nothing but the limit on executions in flight ends
 * such a loop, so a deep one says what it is. AWS: "CodePipeline invoke action reference".
 */

import type { PipelineVariable, SourceRevisionOverride } from '@aws-sdk/client-codepipeline';
import { present } from '#base/assert.ts';
import type { StartAction } from '#core/pipeline/orders.ts';
import { rows } from '#services/codepipeline/tables.ts';
import type { House } from '#services/service.ts';
import type { Action } from './action.ts';
import { ActionRefused, configured } from './action.ts';

/** Pipelines that started one another, beyond which an action warns. */
const DEPTH_WARNED = 10;

export const pipelineInvoke: Action = {
  async start({ house, caller }, order) {
    const name = configured(order, 'PipelineName');
    const variables = listOf(order, 'Variables', ['name', 'value']);
    const sourceRevisions = listOf(order, 'SourceRevisions', ['actionName', 'revisionType', 'revisionValue']);
    const { pipelineExecutionId } = await caller.send('codepipeline:StartPipelineExecution', {
      name,
      clientRequestToken: order.actionExecutionId,
      ...(variables.length > 0 ? { variables: variables as unknown as PipelineVariable[] } : {}),
      ...(sourceRevisions.length > 0
        ? { sourceRevisions: sourceRevisions as unknown as SourceRevisionOverride[] }
        : {}),
    });
    const externalId = present(pipelineExecutionId, 'id of the execution that was started');
    const depth = await depthOf(house, order.executionId);
    const warning =
      `Warning: more than ${DEPTH_WARNED} pipelines have started one another up to this execution; ` +
      'a pipeline that starts itself does so without end';
    return {
      type: 'ActionSucceeded',
      outputVariables: {},
      externalId,
      summary: depth > DEPTH_WARNED ? warning : `Started execution ${externalId} of pipeline ${name}`,
    };
  },
};

/** A JSON array of objects that have these texts, and nothing else; empty if it is not configured. */
function listOf(
  { configuration }: StartAction,
  setting: string,
  members: readonly string[],
): readonly Readonly<Record<string, string>>[] {
  const text = configuration[setting];
  if (text === undefined || text.trim() === '') return [];
  const list = parsedOf(text);
  const isItem = (item: unknown): item is Record<string, string> =>
    typeof item === 'object' &&
    item !== null &&
    Object.keys(item).length === members.length &&
    members.every((member) => typeof (item as Record<string, unknown>)[member] === 'string');
  if (Array.isArray(list) && list.every(isItem)) return list;
  const message = `${setting} must be a JSON array of objects with the texts ${members.join(', ')}`;
  throw new ActionRefused('ConfigurationError', message);
}

/** `undefined` for what is not JSON. */
function parsedOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** How many pipelines started one another until this execution; stops counting where it is too deep. */
async function depthOf(house: House, executionId: string): Promise<number> {
  let current = executionId;
  for (let depth = 1; ; depth += 1) {
    const parent = await rows(house.database)
      .selectFrom('codepipeline_actions')
      .select('execution_id')
      .where('external_id', '=', current)
      .executeTakeFirst();
    if (!parent || depth > DEPTH_WARNED) return depth;
    current = parent.execution_id;
  }
}
