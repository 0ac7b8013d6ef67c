/** Many at once: fifty PARALLEL executions in flight, a thousand starts of one pipeline, a queue that is always full. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { StageDeclaration } from '@aws-sdk/client-codepipeline';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import {
  approval,
  createPipelines,
  type Pipelines,
  sourceAction,
  stageOf,
  zipOf,
} from '#test/support/pipelines.ts';
import { until } from '#test/support/until.ts';

const WITHIN_MS = 120_000;
let house: TestHouse;
let pipelines: Pipelines;
before(async () => {
  house = await createTestHouse();
  pipelines = await createPipelines(house);
});
after(async () => {
  pipelines.close();
  await house.close();
});

async function statuses(pipelineName: string): Promise<string[]> {
  const found: string[] = [];
  let nextToken: string | undefined;
  do {
    const page = await pipelines.codepipeline.listPipelineExecutions({ pipelineName, nextToken });
    found.push(...(page.pipelineExecutionSummaries ?? []).map((each) => each.status ?? ''));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return found;
}

/** A stage that ends by itself at once. */
const deployStage: StageDeclaration = {
  name: 'S2',
  actions: [
    {
      name: 'Publish',
      actionTypeId: { category: 'Deploy', owner: 'AWS', provider: 'S3', version: '1' },
      configuration: { BucketName: 'site', Extract: 'false', ObjectKey: '{uuid}.zip' },
      inputArtifacts: [{ name: 'Site' }],
    },
  ],
};

test('fifty PARALLEL executions in flight all ask, and all end when they are answered', async () => {
  const stage = { name: 'S2', actions: [approval('A'), approval('B', { runOrder: 2 })] };
  const executions = [await pipelines.create('parallel', [stage], { executionMode: 'PARALLEL' })];
  while (executions.length < 50) executions.push(await pipelines.start('parallel'));
  await assert.rejects(pipelines.start('parallel'), {
    name: 'ConcurrentPipelineExecutionsLimitExceededException',
  });
  for (const action of ['A', 'B']) {
    await Promise.all(executions.map((each) => pipelines.answer('parallel', each, action, 'Approved')));
  }
  await until('all have succeeded', WITHIN_MS, async () =>
    (await statuses('parallel')).every((status) => status === 'Succeeded') ? true : undefined,
  );
});

test('of a thousand starts behind one that holds the stage, the first and the last go through', async () => {
  const first = await pipelines.create('superseded', [stageOf('S2', 'Ask')]);
  await pipelines.entered('superseded', 'S2', first);
  const start = async (clientRequestToken: string) => {
    const answer = await pipelines.codepipeline.startPipelineExecution({
      name: 'superseded',
      clientRequestToken,
    });
    return answer.pipelineExecutionId ?? '';
  };
  const started: string[] = [];
  for (let count = 0; count < 1_000; count++) started.push(await start(`start-${count}`));
  const last = started.at(-1) ?? '';
  // However many came since, a repeated start is the start that it was.
  for (const count of [0, 500, 999]) assert.equal(await start(`start-${count}`), started[count]);
  await pipelines.arrived('superseded', 'S2', last);
  await pipelines.answer('superseded', first, 'Ask', 'Approved');
  await pipelines.answer('superseded', last, 'Ask', 'Approved');
  await pipelines.reached('superseded', last, 'Succeeded');
  const all = await statuses('superseded');
  assert.equal(all.length, 1_001);
  assert.equal(all.filter((status) => status === 'Succeeded').length, 2);
  assert.equal(all.filter((status) => status === 'Superseded').length, 999);
});

test('a queue that is refilled as it empties runs every execution once, in order', async () => {
  await pipelines.create('queue', [deployStage], { executionMode: 'QUEUED' });
  let started = 1;
  await until('two hundred starts', WITHIN_MS, async () => {
    try {
      await pipelines.start('queue');
      started += 1;
    } catch (error) {
      assert.equal((error as Error).name, 'ConcurrentPipelineExecutionsLimitExceededException');
    }
    return started === 200 ? true : undefined;
  });
  await until('all have succeeded', WITHIN_MS, async () => {
    const all = await statuses('queue');
    return all.length === 200 && all.every((status) => status === 'Succeeded') ? true : undefined;
  });
  const deployments = await house.slipway.root.send('s3:ListObjectsV2', { Bucket: 'site' });
  assert.equal(deployments.KeyCount, 200);
});

test('scenario 21: five starts within one source run: the first and the last run (W12)', async () => {
  await pipelines.codepipeline.createCustomActionType({
    ...{ category: 'Source', provider: 'Slow', version: '1' },
    inputArtifactDetails: { minimumCount: 0, maximumCount: 0 },
    outputArtifactDetails: { minimumCount: 1, maximumCount: 1 },
  });
  const actionTypeId = { category: 'Source', owner: 'Custom', provider: 'Slow', version: '1' } as const;
  const slow = sourceAction('Fetch', { actionTypeId, configuration: {} });
  const stages = [{ name: 'S1', actions: [slow] }, stageOf('S2', 'Ask')];
  const executions = [await pipelines.create('source', [], { stages })];
  while (executions.length < 5) executions.push(await pipelines.start('source'));
  const work = async () => {
    const job = await until('a job', WITHIN_MS, async () => {
      const { jobs } = await pipelines.codepipeline.pollForJobs({ actionTypeId, maxBatchSize: 1 });
      return jobs?.[0];
    });
    const { id: jobId = '', nonce } = job;
    await pipelines.codepipeline.acknowledgeJob({ jobId, nonce });
    const location = job.data?.outputArtifacts?.[0]?.location?.s3Location;
    await pipelines.s3.putObject({
      Bucket: location?.bucketName,
      Key: location?.objectKey,
      Body: await zipOf({ 'index.html': 'one' }),
    });
    const currentRevision = { revision: 'r1', changeIdentifier: 'c1' };
    await pipelines.codepipeline.putJobSuccessResult({ jobId, currentRevision });
  };
  const [first = '', ...others] = executions;
  const last = others.pop() ?? '';
  for (const other of others) assert.equal(await pipelines.status('source', other), 'Superseded');
  for (const execution of [first, last]) {
    await work();
    await pipelines.answer('source', execution, 'Ask', 'Approved');
    await pipelines.reached('source', execution, 'Succeeded');
  }
});
