/**
 * The main job, told once from end to end with real git, real sandboxes and real agents: a pushed commit is built,
 * approved and deployed; a release that does not work is rolled back; a role that lacks a permission says so.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { NAMES } from '#scripts/demo/world.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createStory, type Story } from '#test/support/story.ts';
import { until } from '#test/support/until.ts';

const SLIPWAY = resolve(import.meta.dirname, '../../bin/slipway');

let house: TestHouse;
let story: Story;
let first: string;

before(async () => {
  house = await createTestHouse();
  const connection = () => ({ endpoint: house.endpoint, region: house.region, ...house.credentials });
  story = await createStory(connection, house.directory);
  first = await story.nextExecution(undefined);
});

after(async () => {
  await story?.close();
  await house?.close();
});

test('a new pipeline runs once by itself, and says why it found nothing', async () => {
  const { actionExecutionDetails = [] } = await story.clients.codepipeline.listActionExecutions({
    pipelineName: NAMES.pipeline,
    filter: { pipelineExecutionId: first },
  });
  assert.deepEqual(
    actionExecutionDetails.map(({ actionName, status }) => [actionName, status]),
    [['Commit', 'Failed']],
  );
  const error = actionExecutionDetails[0]?.output?.executionResult?.errorDetails;
  assert.equal(error?.code, 'ConfigurationError');
  assert.match(error?.message ?? '', /main/);
});

test('a pushed commit is built, approved, deployed, and answers on every host', async () => {
  const commit = await story.commitAndPush(
    'Say hello: "quotes", #{braces} and $dollars\n\nand a second line',
  );
  const execution = await story.nextExecution(first);
  assert.equal(await story.approveAndFollow(execution), 'Succeeded');
  const release = `1.0-${commit.slice(0, 7)}`;
  for (const host of story.hosts) {
    assert.equal(await host.call(['/opt/hello/hello']), `hello from ${host.name}, release ${release}`);
  }
  const { pipelineExecution } = await story.clients.codepipeline.getPipelineExecution({
    pipelineName: NAMES.pipeline,
    pipelineExecutionId: execution,
  });
  assert.equal(pipelineExecution?.artifactRevisions?.[0]?.revisionId, commit);
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
  const build = actionExecutionDetails.find(({ actionName }) => actionName === 'BuildAndTest');
  assert.equal(build?.output?.outputVariables?.['RELEASE'], release);
  first = execution;
});

test('slipway watch tells stages, actions, build output and the end', async () => {
  const { stdout } = await promisify(execFile)(SLIPWAY, ['watch', NAMES.pipeline, '--json'], {
    env: house.environment,
  });
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { change?: string; log?: string });
  const changes = lines.flatMap(({ change }) => change ?? []);
  for (const said of ['Source/Commit Succeeded', 'Build/BuildAndTest Succeeded', 'Deploy Succeeded']) {
    assert.ok(changes.includes(said), `${said} in ${stdout}`);
  }
  assert.ok(lines.some(({ log }) => log?.startsWith('ok: hello from build, release 1.0-')));
  assert.equal(changes.at(-1), `execution ${first} Succeeded`);
});

test('a release that does not answer is rolled back to the one before, on the host that got it', async () => {
  const good = await story.hosts[0]?.call(['/opt/hello/hello']);
  story.write('hooks/validate.sh', '#!/bin/sh\necho "this release does not work" >&2\nexit 7\n');
  await story.commitAndPush('Break it');
  const execution = await story.nextExecution(first);
  assert.equal(await story.approveAndFollow(execution), 'Failed');
  const { actionExecutionDetails = [] } = await story.clients.codepipeline.listActionExecutions({
    pipelineName: NAMES.pipeline,
    filter: { pipelineExecutionId: execution },
  });
  const deploy = actionExecutionDetails.find(({ actionName }) => actionName === 'Hosts');
  const deploymentId = deploy?.output?.executionResult?.externalExecutionId ?? '';
  assert.equal(deploy?.output?.executionResult?.errorDetails?.code, 'JobFailed');
  const { deploymentInfo } = await story.clients.codedeploy.getDeployment({ deploymentId });
  assert.equal(deploymentInfo?.status, 'Failed');
  assert.equal(deploymentInfo?.errorInformation?.code, 'HEALTH_CONSTRAINTS');
  const rollbackId = deploymentInfo?.rollbackInfo?.rollbackDeploymentId ?? '';
  assert.match(rollbackId, /^d-[A-Z0-9]{9}$/);
  const ended = await until('the end of the rollback', 60_000, async () => {
    const { deploymentInfo: rollback } = await story.clients.codedeploy.getDeployment({
      deploymentId: rollbackId,
    });
    return ['Succeeded', 'Failed', 'Stopped'].includes(rollback?.status ?? '') ? rollback : undefined;
  });
  assert.equal(ended.status, 'Succeeded');
  assert.equal(ended.creator, 'codeDeployRollback');
  assert.equal(await story.hosts[0]?.call(['/opt/hello/hello']), good);
  first = execution;
});

test('a pipeline role that may not read the bucket fails its action with the reason', async () => {
  await story.clients.iam.putRolePolicy({
    RoleName: 'hello-pipeline',
    PolicyName: 'not-this-bucket',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Deny', Action: 's3:PutObject', Resource: `arn:aws:s3:::${NAMES.bucket}/*` }],
    }),
  });
  const { pipelineExecutionId = '' } = await story.clients.codepipeline.startPipelineExecution({
    name: NAMES.pipeline,
  });
  assert.equal(await story.approveAndFollow(pipelineExecutionId), 'Failed');
  const { actionExecutionDetails = [] } = await story.clients.codepipeline.listActionExecutions({
    pipelineName: NAMES.pipeline,
    filter: { pipelineExecutionId },
  });
  const error = actionExecutionDetails[0]?.output?.executionResult?.errorDetails;
  assert.equal(error?.code, 'PermissionError');
  assert.match(
    error?.message ?? '',
    /not authorized to perform: s3:PutObject on resource: arn:aws:s3:::hello-artifacts\//,
  );
  assert.match(error?.message ?? '', /with an explicit deny in an identity-based policy/);
});
