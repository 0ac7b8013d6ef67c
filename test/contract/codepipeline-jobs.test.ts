/** Jobs of custom actions through the official client: what a worker is given, and what becomes of what it reports. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CodePipeline } from '@aws-sdk/client-codepipeline';
import { KMS } from '@aws-sdk/client-kms';
import { S3 } from '@aws-sdk/client-s3';
import {
  acknowledged,
  customAction,
  ended,
  idOf,
  polled,
  typeOf,
  WITHIN_MS,
} from '#test/support/custom-actions.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { placeOf } from '#test/support/job-worker.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { createPipelines, type Pipelines, stageOf } from '#test/support/pipelines.ts';
import { until } from '#test/support/until.ts';

const clock = createMovableClock();
let house: TestHouse;
let pipelines: Pipelines;
before(async () => {
  house = await createTestHouse({ clock });
  pipelines = await createPipelines(house);
});
after(async () => {
  pipelines.close();
  await house.close();
});

test('a job tells all that a worker needs, secrets in clear, and is over after one result', async () => {
  await pipelines.codepipeline.createCustomActionType(typeOf('Whole'));
  const configuration = { Target: 'all', Password: 'hunter2' };
  const whole = customAction('Whole', { configuration, namespace: 'Done' });
  const execution = await pipelines.create('whole', [{ name: 'S2', actions: [whole] }]);
  const before = await until('the queued job is told', WITHIN_MS, async () => {
    const run = await pipelines.running('whole', execution, 'Work');
    return run.output?.executionResult?.externalExecutionSummary === undefined ? undefined : run;
  });
  const waiting = 'No job worker has polled for this job yet';
  assert.equal(before.output?.executionResult?.externalExecutionSummary, waiting);
  assert.equal(before.input?.configuration?.['Password'], '****');

  const job = await polled(pipelines, 'Whole');
  assert.equal(job.accountId, '123456789012');
  assert.deepEqual(job.data?.actionTypeId, idOf('Whole'));
  assert.deepEqual(job.data?.actionConfiguration?.configuration, { Target: 'all', Password: 'hunter2' });
  assert.deepEqual(job.data?.pipelineContext, {
    pipelineName: 'whole',
    stage: { name: 'S2' },
    action: { name: 'Work', actionExecutionId: before.actionExecutionId },
    pipelineArn: 'arn:aws:codepipeline:us-east-1:123456789012:whole',
    pipelineExecutionId: execution,
  });
  const [input] = job.data?.inputArtifacts ?? [];
  assert.equal(input?.name, 'Site');
  assert.ok(input?.revision, 'the version of the source');
  assert.match(input?.location?.s3Location?.objectKey ?? '', /^whole\/Site\/.*\.zip$/);

  const early = pipelines.codepipeline.putJobSuccessResult({ jobId: job.id });
  await assert.rejects(early, { name: 'InvalidJobStateException' });
  const wrong = pipelines.codepipeline.acknowledgeJob({ jobId: job.id, nonce: 'guess' });
  await assert.rejects(wrong, { name: 'InvalidNonceException' });
  const acknowledge = () => pipelines.codepipeline.acknowledgeJob({ jobId: job.id, nonce: job.nonce });
  assert.equal((await acknowledge()).status, 'InProgress');
  assert.equal((await acknowledge()).status, 'InProgress');

  const { jobDetails } = await pipelines.codepipeline.getJobDetails({ jobId: job.id });
  assert.deepEqual(jobDetails?.data?.actionConfiguration, job.data?.actionConfiguration);
  assert.notEqual(
    jobDetails?.data?.artifactCredentials?.sessionToken,
    job.data?.artifactCredentials?.sessionToken,
  );

  const [output] = job.data?.outputArtifacts ?? [];
  await pipelines.s3.putObject({ ...placeOf(output ?? {}), Body: 'built' });
  const outputVariables = { Version: '1.2.3' };
  const both = { jobId: job.id, outputVariables, continuationToken: 'more' };
  await assert.rejects(pipelines.codepipeline.putJobSuccessResult(both), { name: 'ValidationException' });
  const large = { jobId: job.id, outputVariables: { Text: 'x'.repeat(122_880) } };
  await assert.rejects(pipelines.codepipeline.putJobSuccessResult(large), {
    name: 'OutputVariablesSizeExceededException',
  });
  await pipelines.codepipeline.putJobSuccessResult({ jobId: job.id, outputVariables });
  const run = await ended(pipelines, 'whole', execution);
  assert.equal(run.status, 'Succeeded');
  assert.deepEqual(run.output?.outputVariables, outputVariables);
  await pipelines.reached('whole', execution, 'Succeeded');

  await assert.rejects(pipelines.codepipeline.putJobSuccessResult({ jobId: job.id }), {
    name: 'InvalidJobStateException',
  });
  assert.equal((await acknowledge()).status, 'Succeeded');
  const after = (await pipelines.codepipeline.getJobDetails({ jobId: job.id })).jobDetails?.data;
  assert.equal(after?.artifactCredentials, undefined);
  assert.equal(after?.actionConfiguration?.configuration?.['Password'], '****');
});

test('a continuation is another job with the token, and its progress shows meanwhile', async () => {
  await pipelines.codepipeline.createCustomActionType(typeOf('Steps'));
  const steps = customAction('Steps', { inputArtifacts: [], outputArtifacts: [] });
  const execution = await pipelines.create('steps', [{ name: 'S2', actions: [steps] }]);
  const first = await acknowledged(pipelines, 'Steps');
  assert.equal(first.data?.continuationToken, undefined);
  await pipelines.codepipeline.putJobSuccessResult({
    jobId: first.id,
    continuationToken: 'step 2',
    executionDetails: { percentComplete: 50, summary: 'half', externalExecutionId: 'x-1' },
  });
  const shown = await until('the progress', WITHIN_MS, async () => {
    const [state] = (await pipelines.stage('steps', 'S2')).actionStates ?? [];
    return state?.latestExecution?.percentComplete === 50 ? state.latestExecution : undefined;
  });
  assert.equal(shown.summary, 'half');
  assert.equal(shown.externalExecutionId, 'x-1');
  const second = await acknowledged(pipelines, 'Steps');
  assert.notEqual(second.id, first.id);
  assert.equal(second.data?.continuationToken, 'step 2');
  await pipelines.codepipeline.putJobFailureResult({
    jobId: second.id,
    failureDetails: { type: 'RevisionUnavailable', message: 'the revision is gone' },
  });
  const run = await ended(pipelines, 'steps', execution);
  assert.deepEqual(run.output?.executionResult?.errorDetails, {
    code: 'RevisionUnavailable',
    message: 'the revision is gone',
  });
  const repeated = pipelines.codepipeline.acknowledgeJob({ jobId: first.id, nonce: first.nonce });
  assert.equal((await repeated).status, 'Succeeded');
});

test('a success without the output that it promised is a failure', async () => {
  await pipelines.codepipeline.createCustomActionType(typeOf('Liar'));
  const execution = await pipelines.create('liar', [{ name: 'S2', actions: [customAction('Liar')] }]);
  const job = await acknowledged(pipelines, 'Liar');
  await pipelines.codepipeline.putJobSuccessResult({ jobId: job.id });
  const run = await ended(pipelines, 'liar', execution);
  assert.equal(run.status, 'Failed');
  assert.match(run.output?.executionResult?.errorDetails?.message ?? '', /output artifact Built is not in/);
});

test('a custom source tells which revision it is', async () => {
  await pipelines.codepipeline.createCustomActionType(
    typeOf('Depot', {
      category: 'Source',
      settings: { revisionUrlTemplate: 'https://depot/{Config:Target}/{RevisionId}' },
    }),
  );
  const id = { ...idOf('Depot'), category: 'Source' } as const;
  const source = customAction('Depot', { name: 'Work', actionTypeId: id, inputArtifacts: [] });
  await pipelines.codepipeline.createPipeline({
    pipeline: {
      name: 'depot',
      roleArn: 'arn:aws:iam::123456789012:role/pipeline',
      artifactStore: { type: 'S3', location: 'artifacts' },
      stages: [{ name: 'S1', actions: [source] }, stageOf('S2', 'Ask')],
    },
  });
  const job = await until('a job', WITHIN_MS, async () => {
    const { jobs = [] } = await pipelines.codepipeline.pollForJobs({ actionTypeId: id });
    return jobs[0];
  });
  await pipelines.codepipeline.acknowledgeJob({ jobId: job.id, nonce: job.nonce });
  await pipelines.s3.putObject({ ...placeOf(job.data?.outputArtifacts?.[0] ?? {}), Body: 'zip' });
  const created = new Date(1_700_000_000_000);
  await pipelines.codepipeline.putJobSuccessResult({
    jobId: job.id,
    currentRevision: { revision: 'r77', changeIdentifier: 'c1', created, revisionSummary: 'a change' },
  });
  const [revision] = await until('the revision', WITHIN_MS, async () => {
    const { pipelineExecutionSummaries: [newest] = [] } = await pipelines.codepipeline.listPipelineExecutions(
      {
        pipelineName: 'depot',
      },
    );
    return newest?.sourceRevisions?.length ? newest.sourceRevisions : undefined;
  });
  assert.deepEqual(revision, {
    actionName: 'Work',
    revisionId: 'r77',
    revisionSummary: 'a change',
    revisionUrl: 'https://depot/all/r77',
  });

  await pipelines.codepipeline.putActionRevision({
    pipelineName: 'depot',
    stageName: 'S1',
    actionName: 'Work',
    actionRevision: { revisionId: 'r78', revisionChangeId: 'c2', created },
  });
  const next = await until('the job of the new revision', WITHIN_MS, async () => {
    const { jobs = [] } = await pipelines.codepipeline.pollForJobs({ actionTypeId: id });
    return jobs[0];
  });
  assert.equal(next.data?.outputArtifacts?.[0]?.revision, 'r78', 'the worker is told what is wanted');
});

test('a job of a stopped execution takes no result, and one that nobody began is taken away by an update', async () => {
  await pipelines.codepipeline.createCustomActionType(typeOf('Stopped'));
  const stages = [{ name: 'S2', actions: [customAction('Stopped')] }];
  const execution = await pipelines.create('stopped', stages);
  const job = await acknowledged(pipelines, 'Stopped');
  await pipelines.codepipeline.stopPipelineExecution({
    pipelineName: 'stopped',
    pipelineExecutionId: execution,
    abandon: true,
  });
  await pipelines.reached('stopped', execution, 'Stopped');
  await until('the job is withdrawn', WITHIN_MS, async () => {
    const { status } = await pipelines.codepipeline.acknowledgeJob({ jobId: job.id, nonce: job.nonce });
    return status === 'Failed' || undefined;
  });
  await assert.rejects(pipelines.codepipeline.putJobSuccessResult({ jobId: job.id }), {
    name: 'InvalidJobStateException',
  });

  const waiting = await pipelines.start('stopped');
  await pipelines.running('stopped', waiting, 'Work');
  const { pipeline } = await pipelines.codepipeline.getPipeline({ name: 'stopped' });
  assert.ok(pipeline);
  await pipelines.codepipeline.updatePipeline({ pipeline });
  await pipelines.reached('stopped', waiting, 'Cancelled');
  assert.equal((await pipelines.codepipeline.pollForJobs({ actionTypeId: idOf('Stopped') })).jobs?.length, 0);
});

test('a job that nobody does times out with its action, after a day', async () => {
  await pipelines.codepipeline.createCustomActionType(typeOf('Slow'));
  const execution = await pipelines.create('slow', [{ name: 'S2', actions: [customAction('Slow')] }]);
  const job = await acknowledged(pipelines, 'Slow');
  clock.advance(86_400_000);
  pipelines.follow(clock);
  const run = await ended(pipelines, 'slow', execution);
  assert.equal(run.output?.executionResult?.errorDetails?.code, 'JobTimedOut');
  await until('the job has timed out', WITHIN_MS, async () => {
    const { status } = await pipelines.codepipeline.acknowledgeJob({ jobId: job.id, nonce: job.nonce });
    return status === 'TimedOut' || undefined;
  });
});

test('jobs that were queued meet many polls at once, each job one poll', async () => {
  await pipelines.codepipeline.createCustomActionType(typeOf('Crowd'));
  const plain = customAction('Crowd', { inputArtifacts: [], outputArtifacts: [] });
  const names = ['Work', 'Work2', 'Work3', 'Work4', 'Work5', 'Work6'];
  const actions = names.map((name) => ({ ...plain, name }));
  const execution = await pipelines.create('crowd', [{ name: 'S2', actions }]);
  for (const name of names) await pipelines.running('crowd', execution, name);
  const polls = await Promise.all(
    Array.from({ length: 12 }, () => pipelines.codepipeline.pollForJobs({ actionTypeId: idOf('Crowd') })),
  );
  const ids = polls.flatMap(({ jobs = [] }) => jobs.map(({ id }) => id));
  assert.equal(new Set(ids).size, ids.length);
  const rest = await pipelines.codepipeline.pollForJobs({ actionTypeId: idOf('Crowd'), maxBatchSize: 1_000 });
  assert.equal(ids.length + (rest.jobs?.length ?? 0), names.length);
});

test('under a key of the customer the worker encrypts through the store, and cannot use the key itself', async () => {
  const { endpoint, region, credentials } = house;
  const options = { endpoint, region, credentials, systemClockOffset: clock.aheadMs };
  const owner = new KMS(options);
  const { KeyMetadata } = await owner.createKey({});
  const key = KeyMetadata?.Arn ?? '';
  await pipelines.codepipeline.createCustomActionType(typeOf('Vault'));
  const encryptionKey = { id: key, type: 'KMS' } as const;
  const artifactStore = { type: 'S3', location: 'artifacts', encryptionKey } as const;
  const stages = [{ name: 'S2', actions: [customAction('Vault')] }];
  const execution = await pipelines.create('vault', stages, { artifactStore });
  const job = await acknowledged(pipelines, 'Vault');
  assert.deepEqual(job.data?.encryptionKey, encryptionKey);
  const { accessKeyId = '', secretAccessKey = '', sessionToken } = job.data?.artifactCredentials ?? {};
  const worker = {
    ...options,
    credentials: { accessKeyId, secretAccessKey, sessionToken: sessionToken ?? '' },
  };
  const store = new S3({ ...worker, forcePathStyle: true });
  const input = await store.getObject(placeOf(job.data?.inputArtifacts?.[0] ?? {}));
  assert.equal(input.SSEKMSKeyId, key);
  await store.putObject({
    ...placeOf(job.data?.outputArtifacts?.[0] ?? {}),
    Body: (await input.Body?.transformToByteArray()) ?? '',
    ServerSideEncryption: 'aws:kms',
    SSEKMSKeyId: key,
  });
  const direct = new KMS({ ...worker, maxAttempts: 1 });
  await assert.rejects(direct.generateDataKey({ KeyId: key, KeySpec: 'AES_256' }), {
    name: 'AccessDeniedException',
  });
  await pipelines.codepipeline.putJobSuccessResult({ jobId: job.id });
  assert.equal((await ended(pipelines, 'vault', execution)).status, 'Succeeded');
  for (const client of [owner, direct, store]) client.destroy();
});

test('the job of a deleted pipeline takes no result', async () => {
  await pipelines.codepipeline.createCustomActionType(typeOf('Orphan'));
  await pipelines.create('orphan', [{ name: 'S2', actions: [customAction('Orphan')] }]);
  const job = await acknowledged(pipelines, 'Orphan');
  await pipelines.codepipeline.deletePipeline({ name: 'orphan' });
  await until('the job is withdrawn', WITHIN_MS, async () => {
    const { status } = await pipelines.codepipeline.acknowledgeJob({ jobId: job.id, nonce: job.nonce });
    return status === 'Failed' || undefined;
  });
  await assert.rejects(pipelines.codepipeline.putJobSuccessResult({ jobId: job.id }), {
    name: 'InvalidJobStateException',
  });
});

test('jobs are forgotten after a year', async () => {
  await pipelines.codepipeline.createCustomActionType(typeOf('Yearly'));
  const yearly = customAction('Yearly', { outputArtifacts: [] });
  const execution = await pipelines.create('yearly', [{ name: 'S2', actions: [yearly] }]);
  const job = await acknowledged(pipelines, 'Yearly');
  await pipelines.codepipeline.putJobSuccessResult({ jobId: job.id });
  await pipelines.reached('yearly', execution, 'Succeeded');
  clock.advance(367 * 86_400_000);
  pipelines.follow(clock);
  // A few with every new job, so one start may not be enough after the other tests.
  await until('the old job is forgotten', WITHIN_MS, async () => {
    await pipelines.start('yearly');
    const next = await acknowledged(pipelines, 'Yearly');
    await pipelines.codepipeline.putJobSuccessResult({ jobId: next.id });
    const gone = pipelines.codepipeline.getJobDetails({ jobId: job.id });
    return gone.then(
      () => undefined,
      (error: Error) => error.name === 'JobNotFoundException' || undefined,
    );
  });
});

test('jobs survive a restart', async () => {
  await pipelines.codepipeline.createCustomActionType(typeOf('Durable'));
  const plain = customAction('Durable', { outputArtifacts: [] });
  const execution = await pipelines.create('durable', [{ name: 'S2', actions: [plain] }]);
  const job = await acknowledged(pipelines, 'Durable');
  await house.restart();
  pipelines.close();
  const { endpoint, region, credentials } = house;
  const client = new CodePipeline({ endpoint, region, credentials, systemClockOffset: clock.aheadMs });
  await client.putJobSuccessResult({ jobId: job.id });
  await until('the end', WITHIN_MS, async () => {
    const { pipelineExecution } = await client.getPipelineExecution({
      pipelineName: 'durable',
      pipelineExecutionId: execution,
    });
    return pipelineExecution?.status === 'Succeeded' || undefined;
  });
  client.destroy();
});
