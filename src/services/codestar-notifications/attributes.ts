/**
 * What a notification about a pipeline adds to the event: which actions failed and why, what an approval asks, what a
 * stage works on. Rules that want BASIC detail get no texts of errors and questions. AWS: the examples of "Events for
 * notification rules on pipelines".
 */

import type { ActionExecutionDetail } from '@aws-sdk/client-codepipeline';
import type { Notice } from '#core/notification/notice.ts';
import { isFault } from '#base/fault.ts';
import type { House } from '#services/service.ts';
import { SERVICE } from './room.ts';

type Attributes = Readonly<Record<string, unknown>>;

const ACTIONS_MAX = 100;
const PAGES_MAX = 10;

export async function additionalAttributes(house: House, notice: Notice): Promise<Attributes> {
  const has = (ending: string) => notice.eventTypes.some((id) => id.endsWith(ending));
  if (notice.source !== 'aws.codepipeline') return {};
  if (has('pipeline-execution-failed')) return failedPipeline(await actionsOf(house, notice), notice);
  if (has('stage-execution-started')) return startedStage(await actionsOf(house, notice));
  if (!notice.isFull) return {};
  if (has('manual-approval-needed')) return neededApproval(await actionsOf(house, notice), notice);
  if (has('action-execution-failed') || has('manual-approval-failed')) {
    return failedAction(await actionsOf(house, notice), notice);
  }
  return {};
}

function failedPipeline(actions: readonly ActionExecutionDetail[], { isFull }: Notice): Attributes {
  const failed = actions.filter(({ status }) => status === 'Failed');
  // Newest first; what failed before a retry is told from what failed now by the stage's last attempts.
  const stage = failed[0]?.stageName;
  const latest = new Map<string | undefined, ActionExecutionDetail>();
  for (const action of actions.filter(({ stageName }) => stageName === stage)) {
    if (!latest.has(action.actionName)) latest.set(action.actionName, action);
  }
  const failedActions = [...latest.values()].filter(({ status }) => status === 'Failed').reverse();
  return {
    failedActionCount: failedActions.length,
    failedActions: failedActions.map((action) => ({
      action: action.actionName,
      ...(isFull ? { additionalInformation: explain(action) } : {}),
    })),
    ...(stage === undefined ? {} : { failedStage: stage }),
  };
}

function startedStage(actions: readonly ActionExecutionDetail[]): Attributes {
  const sources = actions.filter(({ input }) => input?.actionTypeId?.category === 'Source').reverse();
  return {
    sourceActions: sources.map(({ actionName, input, output }) => ({
      sourceActionName: actionName,
      sourceActionProvider: input?.actionTypeId?.provider,
      sourceActionVariables: output?.outputVariables ?? {},
    })),
  };
}

function neededApproval(actions: readonly ActionExecutionDetail[], notice: Notice): Attributes {
  const configuration = actionOf(actions, notice)?.input?.resolvedConfiguration;
  return {
    externalEntityLink: configuration?.['ExternalEntityLink'] ?? null,
    customData: configuration?.['CustomData'] ?? null,
  };
}

function failedAction(actions: readonly ActionExecutionDetail[], notice: Notice): Attributes {
  const action = actionOf(actions, notice);
  return { additionalInformation: action ? explain(action) : '' };
}

function explain({ output }: ActionExecutionDetail): string {
  const result = output?.executionResult;
  return result?.errorDetails?.message ?? result?.externalExecutionSummary ?? '';
}

function actionOf(
  actions: readonly ActionExecutionDetail[],
  { detail }: Notice,
): ActionExecutionDetail | undefined {
  return actions.find(({ actionExecutionId }) => actionExecutionId === detail['action-execution-id']);
}

/** Newest first. A pipeline that is gone meanwhile has nothing more to tell. */
async function actionsOf(house: House, notice: Notice): Promise<readonly ActionExecutionDetail[]> {
  const { detail, ruleArn } = notice;
  const caller = house.asService(SERVICE, ruleArn);
  const found: ActionExecutionDetail[] = [];
  let nextToken: string | undefined;
  try {
    for (let page = 0; page < PAGES_MAX; page++) {
      const answer = await caller.send('codepipeline:ListActionExecutions', {
        pipelineName: String(detail['pipeline']),
        filter: { pipelineExecutionId: String(detail['execution-id']) },
        maxResults: ACTIONS_MAX,
        nextToken,
      });
      found.push(...(answer.actionExecutionDetails ?? []));
      nextToken = answer.nextToken;
      if (nextToken === undefined) break;
    }
  } catch (error) {
    if (!isFault(error, 'PipelineNotFoundException')) throw error;
  }
  return found;
}
