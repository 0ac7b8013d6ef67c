/** Scenarios 28, 35, 40 and 59: what needs real builds, and a server that can be killed. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ActionDeclaration, StageDeclaration } from '@aws-sdk/client-codepipeline';
import { CodeBuild } from '@aws-sdk/client-codebuild';
import { CodeCommit } from '@aws-sdk/client-codecommit';
import { readRootKey } from '#store/root-key.ts';
import { createPipelines, type Pipelines, ROLE_ARN, stageOf } from '#test/support/pipelines.ts';
import { createServerProcess, type ServerProcess } from '#test/support/server.ts';
import { until } from '#test/support/until.ts';

const WITHIN_MS = 60_000;
let directory: string;
let server: ServerProcess;
let pipelines: Pipelines;
let codebuild: CodeBuild;
let codecommit: CodeCommit;
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'slipway-scenario-'));
  server = await createServerProcess(join(directory, 'data'));
  await server.start();
  const credentials = readRootKey(server.data);
  assert.ok(credentials);
  const house = { endpoint: server.url, region: 'us-east-1', credentials };
  pipelines = await createPipelines(house);
  codebuild = new CodeBuild(house);
  codecommit = new CodeCommit(house);
});
after(async () => {
  pipelines?.close();
  for (const client of [codebuild, codecommit]) client?.destroy();
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function createProject(name: string, commands: readonly string[]): Promise<void> {
  const buildspec = { version: '0.2', phases: { build: { commands } }, artifacts: { files: ['out/**/*'] } };
  await codebuild.createProject({
    name,
    source: { type: 'CODEPIPELINE', buildspec: JSON.stringify(buildspec) },
    artifacts: { type: 'CODEPIPELINE' },
    environment: {
      type: 'LINUX_CONTAINER',
      image: 'aws/codebuild/standard:7.0',
      computeType: 'BUILD_GENERAL1_SMALL',
    },
    serviceRole: ROLE_ARN,
  });
}

function build(ProjectName: string, more: Partial<ActionDeclaration> = {}): StageDeclaration {
  const actionTypeId = { category: 'Build', owner: 'AWS', provider: 'CodeBuild', version: '1' } as const;
  const artifacts = { inputArtifacts: [{ name: 'Site' }], outputArtifacts: [{ name: 'Built' }] };
  return {
    name: 'S2',
    actions: [{ name: 'Build', actionTypeId, configuration: { ProjectName }, ...artifacts, ...more }],
  };
}

function publish(): ActionDeclaration {
  const actionTypeId = { category: 'Deploy', owner: 'AWS', provider: 'S3', version: '1' } as const;
  const configuration = { BucketName: 'site', Extract: 'true' };
  return { name: 'Publish', actionTypeId, configuration, inputArtifacts: [{ name: 'Built' }] };
}

async function published(key: string): Promise<string> {
  const { Body } = await pipelines.s3.getObject({ Bucket: 'site', Key: key });
  return (await Body?.transformToString()) ?? '';
}

test('scenario 28: killed while a build runs and another execution waits, all goes on and nothing runs twice', async () => {
  await createProject('slow', ['mkdir out', 'echo begun', 'sleep 3', 'date +%s%N > out/when.txt']);
  const e1 = await pipelines.create('dies', [build('slow'), { name: 'S3', actions: [publish()] }]);
  const running = await pipelines.running('dies', e1, 'Build');
  const buildId = await until('the build has an id', WITHIN_MS, async () => {
    const [found] = (await pipelines.actions('dies', e1)).filter((run) => run.actionName === 'Build');
    return found?.output?.executionResult?.externalExecutionId;
  });
  const e2 = await pipelines.start('dies');
  await pipelines.arrived('dies', 'S2', e2);
  await server.kill();
  await server.start();
  await pipelines.reached('dies', e1, 'Succeeded');
  await pipelines.entered('dies', 'S2', e2);
  await pipelines.reached('dies', e2, 'Succeeded');
  const { ids = [] } = await codebuild.listBuildsForProject({ projectName: 'slow' });
  assert.equal(ids.length, 2);
  assert.ok(ids.includes(buildId));
  const runs = await pipelines.actions('dies', e1);
  assert.equal(runs.filter((run) => run.actionName === 'Build').length, 1);
  assert.equal(runs.find((run) => run.actionName === 'Build')?.actionExecutionId, running.actionExecutionId);
  const { builds = [] } = await codebuild.batchGetBuilds({ ids });
  assert.deepEqual(
    builds.map((each) => each.buildStatus),
    ['SUCCEEDED', 'SUCCEEDED'],
  );
});

test('scenario 35: after ALL_ACTIONS the deployment takes the artifact of the new build', async () => {
  await createProject('writes', ['mkdir out', 'date +%s%N > out/number.txt']);
  // The build and a question share the stage, so that the stage can fail after the build succeeded.
  const together = {
    name: 'S2',
    actions: [...(build('writes').actions ?? []), ...(stageOf('S2', 'Gate').actions ?? [])],
  };
  const execution = await pipelines.create('rebuilds', [together, { name: 'S3', actions: [publish()] }]);
  const keyOf = async () => {
    const runs = await pipelines.actions('rebuilds', execution);
    return runs.find((run) => run.actionName === 'Build' && run.status === 'Succeeded')?.output
      ?.outputArtifacts?.[0]?.s3location?.key;
  };
  const first = await until('the first build', WITHIN_MS, keyOf);
  await pipelines.answer('rebuilds', execution, 'Gate', 'Rejected');
  await pipelines.reached('rebuilds', execution, 'Failed');
  await pipelines.codepipeline.retryStageExecution({
    pipelineName: 'rebuilds',
    stageName: 'S2',
    pipelineExecutionId: execution,
    retryMode: 'ALL_ACTIONS',
  });
  const second = await until('the second build', WITHIN_MS, async () => {
    const key = await keyOf();
    return key === first ? undefined : key;
  });
  await pipelines.answer('rebuilds', execution, 'Gate', 'Approved');
  await pipelines.reached('rebuilds', execution, 'Succeeded');
  const deployed = (await pipelines.actions('rebuilds', execution)).find(
    (run) => run.actionName === 'Publish',
  );
  assert.equal(deployed?.input?.inputArtifacts?.[0]?.s3location?.key, second);
  assert.match(await published('out/number.txt'), /^\d{19}\n$/);
});

test('scenario 40: abandoned, the action ends at once and the build goes on (W9)', async () => {
  await createProject('goes-on', ['mkdir out', 'sleep 2', 'echo done > out/end.txt']);
  const execution = await pipelines.create('abandons', [build('goes-on'), stageOf('S3', 'Ask')]);
  await pipelines.running('abandons', execution, 'Build');
  const buildId = await until('the build has an id', WITHIN_MS, async () => {
    const [found] = (await pipelines.actions('abandons', execution)).filter(
      (run) => run.actionName === 'Build',
    );
    return found?.output?.executionResult?.externalExecutionId;
  });
  const asked = Date.now();
  await pipelines.codepipeline.stopPipelineExecution({
    pipelineName: 'abandons',
    pipelineExecutionId: execution,
    abandon: true,
  });
  await pipelines.reached('abandons', execution, 'Stopped');
  assert.ok(Date.now() - asked < 2_000);
  const run = (await pipelines.actions('abandons', execution)).find((each) => each.actionName === 'Build');
  assert.equal(run?.status, 'Abandoned');
  const ended = await until('the build ends', WITHIN_MS, async () => {
    const { builds: [found] = [] } = await codebuild.batchGetBuilds({ ids: [buildId] });
    return found?.buildComplete ? found : undefined;
  });
  assert.equal(ended.buildStatus, 'SUCCEEDED');
  assert.equal(await pipelines.status('abandons', execution), 'Stopped');
});

test('scenario 59: a variable without default has to be given; a push without it fails with a clear summary', async () => {
  await codecommit.createRepository({ repositoryName: 'vars' });
  const source: ActionDeclaration = {
    name: 'Fetch',
    actionTypeId: { category: 'Source', owner: 'AWS', provider: 'CodeCommit', version: '1' },
    configuration: { RepositoryName: 'vars', BranchName: 'main' },
    outputArtifacts: [{ name: 'Site' }],
  };
  const first = await pipelines.create('vars', [], {
    stages: [{ name: 'S1', actions: [source] }, stageOf('S2', 'Ask')],
    variables: [{ name: 'Region' }, { name: 'Size', defaultValue: 'small' }],
  });
  assert.equal(await pipelines.status('vars', first), 'Failed');
  await assert.rejects(pipelines.start('vars'), { name: 'ValidationException', message: /'Region'/ });
  const { pipelineExecutionId } = await pipelines.codepipeline.startPipelineExecution({
    name: 'vars',
    variables: [{ name: 'Region', value: 'north' }],
  });
  const { pipelineExecution } = await pipelines.codepipeline.getPipelineExecution({
    pipelineName: 'vars',
    pipelineExecutionId,
  });
  assert.deepEqual(pipelineExecution?.variables, [
    { name: 'Size', resolvedValue: 'small' },
    { name: 'Region', resolvedValue: 'north' },
  ]);
  await codecommit.putFile({
    ...{ repositoryName: 'vars', branchName: 'main', filePath: 'a.txt' },
    fileContent: Buffer.from('a'),
  });
  const pushed = await until('the push starts', WITHIN_MS, async () => {
    const { pipelineExecutionSummaries: [newest] = [] } = await pipelines.codepipeline.listPipelineExecutions(
      { pipelineName: 'vars' },
    );
    return newest?.trigger?.triggerType === 'PollForSourceChanges' ? newest : undefined;
  });
  assert.equal(pushed.status, 'Failed');
  assert.equal(
    pushed.statusSummary,
    "The pipeline variable 'Region' has no default value and none was given",
  );
});
