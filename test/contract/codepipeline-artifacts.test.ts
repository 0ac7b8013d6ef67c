/** What bounds artifacts: how large they may be together, and what is no archive where one is needed. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { checkArtifactSizes } from '#services/codepipeline/artifact-limit.ts';
import { action, createWorkshop, SITE, type Workshop } from '#test/support/actions.ts';
import { ROLE_ARN, sourceAction } from '#test/support/pipelines.ts';

let workshop: Workshop;

before(async () => {
  workshop = await createWorkshop();
});
after(() => workshop.close());

test('the artifacts of one execution count together', async () => {
  const { house, pipelines, ends, run } = workshop;
  const more = { ...sourceAction('FetchMore'), outputArtifacts: [{ name: 'More' }] };
  const put = action('Put', 'Deploy/S3', {
    inputArtifacts: SITE,
    configuration: { BucketName: 'site', Extract: 'false', ObjectKey: 'site.zip' },
  });
  const first = await pipelines.create('sizes', [], {
    stages: [
      { name: 'S1', actions: [sourceAction(), more] },
      { name: 'S2', actions: [put] },
    ],
  });
  await ends('sizes', first, 'Succeeded');
  const { ContentLength = 0 } = await pipelines.s3.headObject({ Bucket: 'source', Key: 'site.zip' });
  const { actionExecutionId = '' } = await run('sizes', first, 'FetchMore');
  const check = (bytesMax: number) =>
    checkArtifactSizes(
      house.slipway.house,
      { pipeline: 'sizes', roleArn: ROLE_ARN, executionId: first, action: 'FetchMore', actionExecutionId },
      bytesMax,
    );
  await check(2 * ContentLength);
  await assert.rejects(check(2 * ContentLength - 1), {
    code: 'ConfigurationError',
    message:
      `With those of the action FetchMore the artifacts of this execution have ${2 * ContentLength} bytes, ` +
      `and may have ${2 * ContentLength - 1}`,
  });
});

test('a build that leaves no artifacts succeeds, and whoever needs its output fails', async () => {
  const { pipelines, createProject, ends, error, run } = workshop;
  await createProject('nothing');
  const build = action('Build', 'Build/CodeBuild', {
    inputArtifacts: SITE,
    outputArtifacts: [{ name: 'Out' }],
    configuration: {
      ProjectName: 'nothing',
      BuildspecOverride: '{"version": "0.2", "phases": {"build": {"commands": ["true"]}}}',
    },
  });
  const put = action('Put', 'Deploy/S3', {
    inputArtifacts: [{ name: 'Out' }],
    configuration: { BucketName: 'site', Extract: 'true', ObjectKey: 'nothing' },
  });
  const first = await pipelines.create('nothing', [
    { name: 'S2', actions: [build] },
    { name: 'S3', actions: [put] },
  ]);
  await ends('nothing', first, 'Failed');
  assert.equal((await run('nothing', first, 'Build')).status, 'Succeeded');
  assert.match(await error('nothing', first, 'Put'), /^ConfigurationError: .*key does not exist/);
});

test('a plain file passes through a source, and whoever needs an archive says that it is none', async () => {
  const { pipelines, ends, error, text } = workshop;
  await pipelines.s3.putObject({ Bucket: 'source', Key: 'plain.txt', Body: 'plain' });
  const source = sourceAction('Fetch', {
    configuration: { S3Bucket: 'source', S3ObjectKey: 'plain.txt', PollForSourceChanges: 'false' },
  });
  const put = (name: string, Extract: string) =>
    action(name, 'Deploy/S3', {
      inputArtifacts: SITE,
      configuration: { BucketName: 'site', Extract, ObjectKey: 'plain.txt' },
    });
  const first = await pipelines.create('plain', [], {
    stages: [
      { name: 'S1', actions: [source] },
      { name: 'S2', actions: [put('Copy', 'false'), put('Unpack', 'true')] },
    ],
  });
  await ends('plain', first, 'Failed');
  assert.equal(await text('site', 'plain.txt'), 'plain');
  assert.match(
    await error('plain', first, 'Unpack'),
    /^ConfigurationError: The input artifact cannot be unpacked: the object is not a ZIP archive: /,
  );
});

test('deploy actions have no targets of their own to list, and unknown ones are not found', async () => {
  const { pipelines, run } = workshop;
  const { codepipeline } = pipelines;
  const [execution] =
    (await codepipeline.listPipelineExecutions({ pipelineName: 'sizes' })).pipelineExecutionSummaries ?? [];
  const { actionExecutionId } = await run('sizes', execution?.pipelineExecutionId ?? '', 'Put');
  const list = codepipeline.listDeployActionExecutionTargets.bind(codepipeline);
  assert.deepEqual((await list({ actionExecutionId })).targets, []);
  assert.deepEqual((await list({ actionExecutionId, pipelineName: 'sizes' })).targets, []);
  await assert.rejects(list({ actionExecutionId, pipelineName: 'nowhere' }), {
    name: 'PipelineNotFoundException',
  });
  for (const pipelineName of [undefined, 'plain']) {
    const unknown = pipelineName === undefined ? '11111111-2222-4333-8444-555555555555' : actionExecutionId;
    await assert.rejects(list({ actionExecutionId: unknown, pipelineName }), {
      name: 'ActionExecutionNotFoundException',
      message: `Action execution '${unknown}' was not found`,
    });
  }
  await assert.rejects(list({ actionExecutionId, nextToken: 'forged' }), {
    name: 'InvalidNextTokenException',
  });
});
