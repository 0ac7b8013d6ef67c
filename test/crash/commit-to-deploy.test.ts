/**
 * The main job under `kill -9`: the server is killed again and again while a commit travels, at moments that move from
 * run to run over the whole way. After each start it goes on by itself; the release arrives, and the world has seen
 * every build command, approval, deployment and hook exactly once.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CloudWatchLogs } from '@aws-sdk/client-cloudwatch-logs';
import { NAMES } from '#scripts/demo/world.ts';
import { readRootKey } from '#store/root-key.ts';
import { createServerProcess, type ServerProcess } from '#test/support/server.ts';
import { createStory, type Story } from '#test/support/story.ts';

/** Pauses between kills, a run each; different steps make different moments. */
const KILL_AFTER_MS = [350, 520, 810];
const KILLS_MAX = 25;
const HOOKS = ['before-install', 'start', 'validate'];
const HOST_NAMES = ['host-1', 'host-2'];

let directory: string;
let server: ServerProcess;
let story: Story;
let latest: string;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'slipway-crash-'));
  server = await createServerProcess(join(directory, 'data'));
  await server.start();
  story = await createStory(
    () => ({ endpoint: server.url, region: 'us-east-1', maxAttempts: 12, ...rootKey() }),
    directory,
    HOST_NAMES,
  );
  latest = await story.nextExecution(undefined);
  for (const hook of HOOKS) {
    const text = story.read(`hooks/${hook}.sh`);
    story.write(`hooks/${hook}.sh`, `${text}echo "$DEPLOYMENT_ID $LIFECYCLE_EVENT" >> /opt/hooks.log\n`);
  }
  story.write(
    'buildspec.yml',
    story.read('buildspec.yml').replace('- mkdir', '- sleep 0.3; echo "MARK $RELEASE"\n      - mkdir'),
  );
});

after(async () => {
  await story?.close();
  await server?.stop();
  if (directory) rmSync(directory, { recursive: true, force: true });
});

for (const pauseMs of KILL_AFTER_MS) {
  test(`a commit arrives once, with the server killed every ${pauseMs} ms`, async () => {
    story.write('number', `${pauseMs}\n`);
    const travelling = travel(`Release while dying every ${pauseMs} ms`);
    const { status, execution } = await killWhile(travelling, pauseMs);
    assert.equal(status, 'Succeeded');
    await assertOnce(execution);
    latest = execution;
  });
}

async function travel(message: string): Promise<{ status: string; execution: string }> {
  await pushUntilAnswered(message);
  const execution = await story.nextExecution(latest);
  return { status: await story.approveAndFollow(execution), execution };
}

/** A push whose answer was lost is repeated, as a person would; git then finds everything up to date. */
async function pushUntilAnswered(message: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await (attempt === 1 ? story.commitAndPush(message) : story.push());
      return;
    } catch (error) {
      if (attempt >= KILLS_MAX) throw error;
    }
  }
}

async function killWhile<Result>(work: Promise<Result>, pauseMs: number): Promise<Result> {
  let isDone = false;
  const ended = work.finally(() => (isDone = true));
  ended.catch(() => {});
  for (let kills = 0; kills < KILLS_MAX && !isDone; kills++) {
    // Time between kills is what this test varies; nothing is waited for here.
    await Promise.race([new Promise((resolve) => setTimeout(resolve, pauseMs)), ended.catch(() => {})]);
    if (isDone) break;
    await server.kill();
    await server.start();
  }
  return ended;
}

/** What the world has seen of this execution. */
async function assertOnce(execution: string): Promise<void> {
  const { actionExecutionDetails = [] } = await story.clients.codepipeline.listActionExecutions({
    pipelineName: NAMES.pipeline,
    filter: { pipelineExecutionId: execution },
  });
  assert.deepEqual(actionExecutionDetails.map(({ actionName, status }) => `${actionName} ${status}`).sort(), [
    'BuildAndTest Succeeded',
    'Commit Succeeded',
    'Hosts Succeeded',
    'Release Succeeded',
  ]);
  const externalOf = (name: string) =>
    actionExecutionDetails.find(({ actionName }) => actionName === name)?.output?.executionResult
      ?.externalExecutionId ?? '';
  const { ids: builds = [] } = await story.clients.codebuild.listBuildsForProject({
    projectName: NAMES.project,
  });
  const { pipelineExecutionSummaries: executions = [] } =
    await story.clients.codepipeline.listPipelineExecutions({
      pipelineName: NAMES.pipeline,
    });
  assert.equal(builds.length, executions.length - 1, 'one build for each execution that found a commit');
  assert.equal(builds[0], externalOf('BuildAndTest'));
  const marks = (await buildLog(builds[0] ?? '')).filter((line) => line.startsWith('MARK '));
  assert.equal(marks.length, 1, `the build command ran once: ${marks.join()}`);
  const { deployments = [] } = await story.clients.codedeploy.listDeployments({
    applicationName: NAMES.application,
    deploymentGroupName: NAMES.group,
  });
  assert.equal(
    deployments.length,
    executions.length - 1,
    'one deployment for each execution that found a commit',
  );
  for (const host of story.hosts) {
    const lines = readFileSync(join(host.directory, 'opt/hooks.log'), 'utf8').trim().split('\n');
    assert.deepEqual(
      lines.filter((line) => line.startsWith(externalOf('Hosts'))).map((line) => line.split(' ')[1]),
      ['BeforeInstall', 'ApplicationStart', 'ValidateService'],
      `hooks on ${host.name}`,
    );
  }
}

async function buildLog(buildId: string): Promise<readonly string[]> {
  const { builds } = await story.clients.codebuild.batchGetBuilds({ ids: [buildId] });
  const logs = new CloudWatchLogs({ endpoint: server.url, region: 'us-east-1', credentials: rootKey() });
  const { events = [] } = await logs.getLogEvents({
    logGroupName: builds?.[0]?.logs?.groupName,
    logStreamName: builds?.[0]?.logs?.streamName ?? '',
    startFromHead: true,
  });
  return events.map(({ message }) => message ?? '');
}

function rootKey() {
  const key = readRootKey(join(directory, 'data'));
  assert.ok(key);
  return key;
}
