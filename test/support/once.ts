/** What shows that nothing was done twice: traces that builds and hooks leave, and the check that counts them. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CloudWatchLogs } from '@aws-sdk/client-cloudwatch-logs';
import { NAMES } from '#scripts/demo/world.ts';
import type { Story } from './story.ts';

const HOOKS = ['before-install', 'start', 'validate'];

/** From the next commit on, every build command and every hook leaves a line behind. */
export function leaveTraces(story: Story): void {
  for (const hook of HOOKS) {
    const text = story.read(`hooks/${hook}.sh`);
    story.write(`hooks/${hook}.sh`, `${text}echo "$DEPLOYMENT_ID $LIFECYCLE_EVENT" >> /opt/hooks.log\n`);
  }
  const spec = story.read('buildspec.yml');
  story.write('buildspec.yml', spec.replace('- mkdir', '- sleep 0.3; echo "MARK $RELEASE"\n      - mkdir'));
}

/** What the world has seen of this execution. */
export async function assertOnce(story: Story, execution: string): Promise<void> {
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
  const marks = (await buildLog(story, builds[0] ?? '')).filter((line) => line.startsWith('MARK '));
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

async function buildLog({ clients, connection }: Story, buildId: string): Promise<readonly string[]> {
  const { builds } = await clients.codebuild.batchGetBuilds({ ids: [buildId] });
  const { endpoint, region, ...credentials } = connection();
  const logs = new CloudWatchLogs({ endpoint, region, credentials });
  const { events = [] } = await logs.getLogEvents({
    logGroupName: builds?.[0]?.logs?.groupName,
    logStreamName: builds?.[0]?.logs?.streamName ?? '',
    startFromHead: true,
  });
  return events.map(({ message }) => message ?? '');
}
