/** Follows an execution over the public API and says what happened, with build output and hook results as they come. */

import { CloudWatchLogs } from '@aws-sdk/client-cloudwatch-logs';
import { done, failed, quote, step } from './show.ts';
import { type Clients, NAMES } from './world.ts';

type Approve = (clients: Clients, stageName: string, actionName: string, token: string) => Promise<void>;

const POLL_MS = 100;
const FOLLOW_MS_MAX = 120_000;
const FINAL: readonly string[] = ['Succeeded', 'Failed', 'Stopped', 'Superseded', 'Cancelled'];

/** The newest execution; with `after`, waits for one that is newer than that. */
export async function newestExecution(
  clients: Clients,
  pipelineName: string,
  after?: string,
): Promise<string> {
  return poll(`no execution of ${pipelineName} started`, async () => {
    const { pipelineExecutionSummaries } = await clients.codepipeline.listPipelineExecutions({
      pipelineName,
      maxResults: 1,
    });
    const id = pipelineExecutionSummaries?.[0]?.pipelineExecutionId;
    return id === after ? undefined : id;
  });
}

export async function waitForExecution(clients: Clients, pipelineName: string, pipelineExecutionId: string) {
  return poll(`execution ${pipelineExecutionId} did not end`, async () => {
    const { pipelineExecution } = await clients.codepipeline.getPipelineExecution({
      pipelineName,
      pipelineExecutionId,
    });
    return FINAL.includes(pipelineExecution?.status ?? '') ? pipelineExecution?.status : undefined;
  });
}

/** Resolves with the final status. */
export async function followExecution(
  clients: Clients,
  pipelineName: string,
  executionId: string,
  approve: Approve,
) {
  const said = new Set<string>();
  const once = (text: string, say: (text: string) => void) => {
    if (!said.has(text)) say(text);
    said.add(text);
  };
  const approved = new Set<string>();
  return poll(`execution ${executionId} did not end`, async () => {
    // Asked first, so that the last look at the stages tells everything that led to the end.
    const { pipelineExecution } = await clients.codepipeline.getPipelineExecution({
      pipelineName,
      pipelineExecutionId: executionId,
    });
    const { stageStates } = await clients.codepipeline.getPipelineState({ name: pipelineName });
    for (const stage of stageStates ?? []) {
      if (stage.latestExecution?.pipelineExecutionId !== executionId) continue;
      for (const action of stage.actionStates ?? []) {
        const latest = action.latestExecution;
        const name = `${stage.stageName} / ${action.actionName}`;
        if (!latest) continue;
        once(`${name} started`, step);
        if (latest.externalExecutionId)
          await tellMore(clients, action.actionName ?? '', latest.externalExecutionId, once);
        if (latest.status === 'Succeeded') once(`${name} succeeded`, done);
        if (latest.status === 'Failed') {
          once(`${name} failed: ${latest.errorDetails?.code} ${latest.errorDetails?.message}`, failed);
        }
        if (latest.token && latest.status === 'InProgress' && !approved.has(latest.token)) {
          approved.add(latest.token);
          await approve(clients, stage.stageName ?? '', action.actionName ?? '', latest.token);
        }
      }
    }
    return FINAL.includes(pipelineExecution?.status ?? '') ? pipelineExecution?.status : undefined;
  });
}

type Once = (text: string, say: (text: string) => void) => void;

async function tellMore(clients: Clients, action: string, externalId: string, once: Once): Promise<void> {
  if (action === 'Hosts') await tellDeployment(clients, externalId, once);
  else if (externalId.startsWith(`${NAMES.project}:`)) await tellBuild(clients, externalId, once);
}

async function tellBuild(clients: Clients, buildId: string, once: Once): Promise<void> {
  const { builds } = await clients.codebuild.batchGetBuilds({ ids: [buildId] });
  const logs = builds?.[0]?.logs;
  if (!logs?.groupName || !logs.streamName) return;
  const { events } = await logsClient(clients).getLogEvents({
    logGroupName: logs.groupName,
    logStreamName: logs.streamName,
    startFromHead: true,
  });
  for (const [index, event] of (events ?? []).entries()) {
    const line = (event.message ?? '').trimEnd();
    if (line && !line.startsWith('[Container]'))
      once(`${index}\u0000${line}`, (text) => quote(text.split('\u0000')[1] ?? ''));
  }
}

async function tellDeployment(clients: Clients, deploymentId: string, once: Once): Promise<void> {
  const { targetIds } = await clients.codedeploy.listDeploymentTargets({ deploymentId });
  if (!targetIds?.length) return;
  const { deploymentTargets } = await clients.codedeploy.batchGetDeploymentTargets({
    deploymentId,
    targetIds,
  });
  for (const { instanceTarget: target } of deploymentTargets ?? []) {
    if (!target) continue;
    for (const event of target.lifecycleEvents ?? []) {
      if (event.status === 'Succeeded' || event.status === 'Failed') {
        once(`${target.targetId}: ${event.lifecycleEventName} ${event.status}`, quote);
      }
    }
  }
}

let cachedLogs: CloudWatchLogs | undefined;

function logsClient(clients: Clients): CloudWatchLogs {
  cachedLogs ??= new CloudWatchLogs({
    endpoint: clients.codebuild.config.endpoint as never,
    region: clients.codebuild.config.region,
    credentials: clients.codebuild.config.credentials,
  });
  return cachedLogs;
}

async function poll<Value>(problem: string, ask: () => Promise<Value | undefined>): Promise<Value> {
  const until = Date.now() + FOLLOW_MS_MAX;
  while (Date.now() < until) {
    const value = await ask();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`${problem} within ${FOLLOW_MS_MAX / 1000} s`);
}
