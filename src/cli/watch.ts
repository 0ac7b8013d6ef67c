/**
 * `slipway watch PIPELINE`: an execution in the terminal, stage by stage, with times, build logs as they come, and the
 * reason for waiting. It asks the server as any client does. Output is plain lines; colour only on a terminal.
 */

import { createJsonClient, type JsonClient } from '#wire/json-client.ts';
import { environmentOf, trustAuthority } from './env.ts';
import { paint } from './paint.ts';

export interface WatchOptions {
  readonly execution?: string;
  readonly data: string;
  readonly once: boolean;
  readonly json: boolean;
}

interface ActionExecution {
  readonly stageName: string;
  readonly actionName: string;
  readonly status: string;
  readonly input: { readonly actionTypeId: { readonly category: string } };
  readonly output: {
    readonly executionResult?: {
      readonly externalExecutionId?: string;
      readonly errorDetails?: { readonly code?: string; readonly message?: string };
    };
  };
}

interface StageState {
  readonly stageName: string;
  readonly latestExecution?: { readonly pipelineExecutionId: string; readonly status: string };
}

interface Execution {
  readonly status: string;
  /** Of one in flight: why it waits. */
  readonly statusSummary?: string;
}

const POLL_MS = 250;
const CALL_MS_MAX = 30_000;
const FINAL: readonly string[] = ['Succeeded', 'Failed', 'Stopped', 'Superseded', 'Cancelled'];

export async function watch(pipeline: string, options: WatchOptions): Promise<void> {
  const client = clientFor(options.data, 'codepipeline', 'CodePipeline_20150709');
  const logs = createLogFollower(options);
  const execution = options.execution ?? (await newestExecution(client, pipeline));
  const said = new Set<string>();
  const started = Date.now();
  for (;;) {
    // In this order, so that the last look at the actions tells everything that led to the end.
    const { status, statusSummary } = await lookAt(client, pipeline, execution);
    const runs = await client.send('ListActionExecutions', {
      pipelineName: pipeline,
      filter: { pipelineExecutionId: execution },
    });
    const actions = (runs['actionExecutionDetails'] as readonly ActionExecution[]).toReversed();
    const state = await client.send('GetPipelineState', { name: pipeline });
    const changes = [
      ...actions.flatMap((action) => actionChanges(action, pipeline)),
      ...stageChanges(state['stageStates'] as readonly StageState[], execution),
      ...reasonChanges(statusSummary),
    ];
    for (const change of changes) {
      if (said.has(change.text)) continue;
      said.add(change.text);
      say(options, started, change);
      if (change.buildId) await logs.follow(change.buildId);
    }
    await logs.print((line) => say(options, started, { text: line, log: true }));
    if (FINAL.includes(status) || options.once) {
      say(options, started, { text: `execution ${execution} ${status}` });
      if (status === 'Failed') process.exitCode = 1;
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

interface Change {
  readonly text: string;
  readonly buildId?: string | undefined;
  readonly log?: boolean;
}

/** Of PARALLEL executions the state tells nothing. */
function stageChanges(stages: readonly StageState[], execution: string): readonly Change[] {
  return stages.flatMap(({ stageName, latestExecution: latest }) =>
    latest?.pipelineExecutionId === execution ? [{ text: `${stageName} ${latest.status}` }] : [],
  );
}

/** Reasons for waiting; a pause says itself once. */
function reasonChanges(statusSummary: string | undefined): readonly Change[] {
  return statusSummary ? statusSummary.split('; ').map((text) => ({ text })) : [];
}

function actionChanges(action: ActionExecution, pipeline: string): readonly Change[] {
  const { stageName, actionName, status } = action;
  const { externalExecutionId: id, errorDetails } = action.output.executionResult ?? {};
  const name = `${stageName}/${actionName}`;
  const error = errorDetails?.message ? `: ${errorDetails.code} ${errorDetails.message}` : '';
  const changes: Change[] = [{ text: `${name} ${status}${error}`, buildId: id }];
  if (action.input.actionTypeId.category === 'Approval' && id !== undefined && status === 'InProgress') {
    changes.push({
      text:
        `${name} waits for approval: aws codepipeline put-approval-result --pipeline-name ${pipeline} ` +
        `--stage-name ${stageName} --action-name ${actionName} --token ${id} ` +
        '--result status=Approved,summary=ok',
    });
  }
  return changes;
}

function say(options: WatchOptions, started: number, change: Change): void {
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ at: Date.now(), [change.log ? 'log' : 'change']: change.text })}\n`
      : `${paint.dim(seconds.padStart(7))}  ${change.log ? paint.dim(`| ${change.text}`) : paint.status(change.text)}\n`,
  );
}

async function newestExecution(client: JsonClient, pipeline: string): Promise<string> {
  const answer = await client.send('ListPipelineExecutions', { pipelineName: pipeline, maxResults: 1 });
  const [newest] = answer['pipelineExecutionSummaries'] as readonly { pipelineExecutionId: string }[];
  if (!newest)
    throw new Error(
      `${pipeline} has not run yet. Start it: aws codepipeline start-pipeline-execution --name ${pipeline}`,
    );
  return newest.pipelineExecutionId;
}

async function lookAt(
  client: JsonClient,
  pipelineName: string,
  pipelineExecutionId: string,
): Promise<Execution> {
  const answer = await client.send('GetPipelineExecution', { pipelineName, pipelineExecutionId });
  return answer['pipelineExecution'] as Execution;
}

/** Follows the CloudWatch Logs of the builds that actions started. */
function createLogFollower(options: WatchOptions) {
  const builds = clientFor(options.data, 'codebuild', 'CodeBuild_20161006');
  const logs = clientFor(options.data, 'logs', 'Logs_20140328');
  const known = new Set<string>();
  const streams: { group: string; stream: string; token?: string }[] = [];
  return {
    async follow(externalId: string): Promise<void> {
      if (known.has(externalId) || !/^[^:]+:[0-9a-f-]{36}$/.test(externalId)) return;
      const answer = await builds.send('BatchGetBuilds', { ids: [externalId] });
      const [build] = answer['builds'] as readonly { logs?: { groupName?: string; streamName?: string } }[];
      if (!build?.logs?.groupName || !build.logs.streamName) return;
      known.add(externalId);
      streams.push({ group: build.logs.groupName, stream: build.logs.streamName });
    },
    async print(write: (line: string) => void): Promise<void> {
      for (const stream of streams) {
        const answer = await logs.send('GetLogEvents', {
          logGroupName: stream.group,
          logStreamName: stream.stream,
          startFromHead: true,
          ...(stream.token ? { nextToken: stream.token } : {}),
        });
        stream.token = String(answer['nextForwardToken']);
        for (const { message } of answer['events'] as readonly { message: string }[]) {
          write(message.replace(/\r?\n$/, '').replace(CONTROLS, ''));
        }
      }
    },
  };
}

/** Control characters of build output must not steer the terminal of whoever watches. */
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

function clientFor(data: string, signingName: string, targetPrefix: string): JsonClient {
  const own =
    process.env['AWS_ENDPOINT_URL'] &&
    process.env['AWS_ACCESS_KEY_ID'] &&
    process.env['AWS_SECRET_ACCESS_KEY'];
  const variables = own ? process.env : environmentOf({ data });
  if (variables['AWS_ENDPOINT_URL']?.startsWith('https:')) trustAuthority(data);
  const token = own ? process.env['AWS_SESSION_TOKEN'] : undefined;
  return createJsonClient({
    endpoint: variables['AWS_ENDPOINT_URL'] ?? '',
    region: variables['AWS_REGION'] ?? 'us-east-1',
    credentials: {
      accessKeyId: variables['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: variables['AWS_SECRET_ACCESS_KEY'] ?? '',
      ...(token ? { sessionToken: token } : {}),
    },
    signingName,
    targetPrefix,
    timeoutMs: CALL_MS_MAX,
  });
}
