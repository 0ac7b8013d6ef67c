/**
 * Every start of an action is performed twice, as after a crash that came between the work and its record: one build,
 * one child execution, the same objects.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { NamedMachine } from '#engine/machine.ts';
import { action, createWorkshop, SITE, type Workshop } from '#test/support/actions.ts';

let workshop: Workshop;
let started = 0;

type Perform = (effect: unknown, performance: unknown) => Promise<unknown>;

function startTwice(machine: NamedMachine): void {
  if (machine.kind !== 'codepipeline.pipeline') return;
  const { effects } = machine as unknown as { effects: Record<string, Perform> };
  const perform = effects['StartAction'];
  assert.ok(perform);
  effects['StartAction'] = async (effect, performance) => {
    await perform(effect, performance);
    started += 1;
    return perform(effect, performance);
  };
}

before(async () => {
  workshop = await createWorkshop({ disturb: startTwice });
});
after(() => workshop.close());

test('an action that is started twice happens once', async () => {
  const { pipelines, builds, ends, run, text } = workshop;
  await pipelines.create('child', [
    {
      name: 'S2',
      actions: [action('Run', 'Compute/Commands', { inputArtifacts: SITE, commands: ['true'] })],
    },
  ]);
  const first = await pipelines.create('parent', [
    {
      name: 'S2',
      actions: [
        action('Run', 'Compute/Commands', {
          inputArtifacts: SITE,
          outputArtifacts: [{ name: 'Out', files: ['out.txt'] }],
          commands: ['echo "only $CODEBUILD_BUILD_ID" > out.txt'],
          outputVariables: ['CODEBUILD_BUILD_ID'],
        }),
      ],
    },
    {
      name: 'S3',
      actions: [
        action('Start', 'Invoke/CodePipeline', { configuration: { PipelineName: 'child' } }),
        action('Put', 'Deploy/S3', {
          inputArtifacts: [{ name: 'Out' }],
          configuration: { BucketName: 'site', Extract: 'true', ObjectKey: '{uuid}' },
        }),
      ],
    },
  ]);
  await ends('parent', first, 'Succeeded');
  assert.ok(started >= 5, `${started}`);

  const { output, actionExecutionId: runId } = await run('parent', first, 'Run');
  const buildId = output?.executionResult?.externalExecutionId;
  assert.deepEqual(output?.outputVariables, { CODEBUILD_BUILD_ID: buildId });
  const { events = [] } = await builds.logs.getLogEvents({
    logGroupName: '/aws/codepipeline/parent',
    logStreamName: runId,
  });
  const commands = events.filter(({ message }) => message?.includes('Running command'));
  assert.equal(commands.length, 1);

  const { pipelineExecutionSummaries: children = [] } = await pipelines.codepipeline.listPipelineExecutions({
    pipelineName: 'child',
  });
  const child = (await run('parent', first, 'Start')).output?.executionResult?.externalExecutionId;
  assert.equal(children.length, 2);
  assert.equal(children[0]?.pipelineExecutionId, child);

  const { Contents = [] } = await pipelines.s3.listObjectsV2({ Bucket: 'site' });
  const { actionExecutionId: putId } = await run('parent', first, 'Put');
  assert.deepEqual(
    Contents.map(({ Key }) => Key),
    [`${putId}/out.txt`],
  );
  assert.equal(await text('site', `${putId}/out.txt`), `only ${buildId}\n`);
});
