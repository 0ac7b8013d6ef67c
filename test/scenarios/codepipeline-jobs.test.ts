/** Scenarios 62 and 63: custom actions, done by workers as the public Jenkins plugin does them. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ActionDeclaration, CreateCustomActionTypeInput, Job } from '@aws-sdk/client-codepipeline';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createWorker, placeOf, type Worker } from '#test/support/job-worker.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { createPipelines, type Pipelines, stageOf } from '#test/support/pipelines.ts';
import { until } from '#test/support/until.ts';

const WITHIN_MS = 20_000;
const clock = createMovableClock();
let house: TestHouse;
let pipelines: Pipelines;
const workers: Worker[] = [];
before(async () => {
  house = await createTestHouse({ clock });
  pipelines = await createPipelines(house);
  await pipelines.codepipeline.createCustomActionType(jenkins);
});
after(async () => {
  for (const worker of workers) worker.close();
  pipelines.close();
  await house.close();
});

const JENKINS = { category: 'Build', owner: 'Custom', provider: 'Jenkins', version: '1' } as const;
const jenkins: CreateCustomActionTypeInput = {
  category: 'Build',
  provider: 'Jenkins',
  version: '1',
  settings: {
    entityUrlTemplate: 'https://jenkins.example.com/job/{Config:ProjectName}',
    executionUrlTemplate: 'https://jenkins.example.com/job/{Config:ProjectName}/{ExternalExecutionId}',
  },
  configurationProperties: [
    { name: 'ProjectName', required: true, key: true, secret: false, queryable: true, type: 'String' },
  ],
  inputArtifactDetails: { minimumCount: 0, maximumCount: 5 },
  outputArtifactDetails: { minimumCount: 0, maximumCount: 5 },
};

function build(project: string): ActionDeclaration {
  return {
    name: 'Build',
    actionTypeId: JENKINS,
    configuration: { ProjectName: project },
    inputArtifacts: [{ name: 'Site' }],
    outputArtifacts: [{ name: 'Built' }],
  };
}

function workerOf(project: string): Worker {
  const { endpoint, region, credentials } = house;
  const worker = createWorker({
    endpoint,
    region,
    credentials,
    actionTypeId: JENKINS,
    queryParam: { ProjectName: project },
    systemClockOffset: clock.aheadMs,
  });
  workers.push(worker);
  return worker;
}

function polled(worker: Worker): Promise<Job> {
  return until('a job', WITHIN_MS, () => worker.poll());
}

test('scenario 62: of two workers one gets the job, reads its input, writes its output and nothing else', async () => {
  const execution = await pipelines.create('w62', [
    { name: 'S2', actions: [build('Web')] },
    stageOf('S3', 'Ask'),
  ]);
  const [one, two] = [workerOf('Web'), workerOf('Web')];
  const first = await polled(one);
  assert.equal(await two.poll(), undefined, 'one job is given to one worker');

  // The first worker is too slow: the job is given to the second, and the first one's nonce is worth nothing.
  clock.advance(61_000);
  const [slow, fast] = [workerOf('Web'), workerOf('Web')];
  pipelines.follow(clock);
  const second = await polled(fast);
  assert.equal(second.id, first.id);
  assert.deepEqual(
    (await fast.codepipeline.acknowledgeJob({ jobId: second.id, nonce: second.nonce })).status,
    'InProgress',
  );
  await assert.rejects(slow.codepipeline.acknowledgeJob({ jobId: first.id, nonce: first.nonce }), {
    name: 'InvalidNonceException',
  });

  const store = fast.storeOf(second);
  const [input] = second.data?.inputArtifacts ?? [];
  const [output] = second.data?.outputArtifacts ?? [];
  assert.ok(input && output);
  const { Body } = await store.getObject(placeOf(input));
  assert.ok(Body);
  await store.putObject({ ...placeOf(output), Body: await Body.transformToByteArray() });
  const denied = { name: 'AccessDenied' };
  const place = placeOf(output);
  await assert.rejects(store.putObject({ ...placeOf(input), Body: 'changed' }), denied);
  await assert.rejects(store.getObject(place), denied);
  await assert.rejects(store.putObject({ ...place, Key: `${place.Key}x`, Body: 'more' }), denied);
  await assert.rejects(store.deleteObject(place), denied);
  await assert.rejects(store.listObjectsV2({ Bucket: place.Bucket }), denied);
  await assert.rejects(store.getObject({ Bucket: 'source', Key: 'site.zip' }), denied);
  await assert.rejects(store.listBuckets(), denied);

  await fast.codepipeline.putJobSuccessResult({
    jobId: second.id,
    executionDetails: { summary: 'Finished: SUCCESS', externalExecutionId: '17', percentComplete: 100 },
  });
  await pipelines.entered('w62', 'S3', execution);
  const [state] = (await pipelines.stage('w62', 'S2')).actionStates ?? [];
  assert.equal(state?.entityUrl, 'https://jenkins.example.com/job/Web');
  const { latestExecution } = state ?? {};
  assert.equal(latestExecution?.status, 'Succeeded');
  assert.equal(latestExecution?.summary, 'Finished: SUCCESS');
  assert.equal(latestExecution?.externalExecutionId, '17');
  assert.equal(latestExecution?.externalExecutionUrl, 'https://jenkins.example.com/job/Web/17');
  assert.equal(latestExecution?.percentComplete, 100);
});

test('scenario 62: the worker of the Jenkins plugin takes a job the whole way', async () => {
  const execution = await pipelines.create('w62-plugin', [
    { name: 'S2', actions: [build('Shop')] },
    stageOf('S3', 'Ask'),
  ]);
  const worker = workerOf('Shop');
  await until('a job is done', WITHIN_MS, async () => {
    const isDone = await worker.workOnce(({ inputs }) => ({
      outputs: { Built: inputs['Site'] ?? new Uint8Array() },
      details: { summary: 'Finished: SUCCESS', externalExecutionId: '1' },
    }));
    return isDone || undefined;
  });
  await pipelines.entered('w62-plugin', 'S3', execution);
});

test('scenario 63: a poll gets the jobs of its own query value, and must name one', async () => {
  const execution = await pipelines.create('w63', [{ name: 'S2', actions: [build('Mine')] }]);
  await pipelines.running('w63', execution, 'Build');
  assert.equal(await workerOf('Theirs').poll(), undefined);
  const { codepipeline } = pipelines;
  await assert.rejects(codepipeline.pollForJobs({ actionTypeId: JENKINS }), { name: 'ValidationException' });
  await assert.rejects(codepipeline.pollForJobs({ actionTypeId: JENKINS, queryParam: { Other: 'Mine' } }), {
    name: 'ValidationException',
  });
  const job = await polled(workerOf('Mine'));
  assert.equal(job.data?.pipelineContext?.pipelineName, 'w63');
});
