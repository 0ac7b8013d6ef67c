/** What workers, and those who pretend to be some, must not be able to do. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CodePipeline } from '@aws-sdk/client-codepipeline';
import { IAM } from '@aws-sdk/client-iam';
import { S3 } from '@aws-sdk/client-s3';
import { acknowledged, customAction, ended, idOf, typeOf, WITHIN_MS } from '#test/support/custom-actions.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { placeOf } from '#test/support/job-worker.ts';
import { createPipelines, type Pipelines } from '#test/support/pipelines.ts';
import { until } from '#test/support/until.ts';

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

test('an id that nobody was given is no job', async () => {
  const jobId = '00000000-0000-4000-8000-000000000000';
  const failureDetails = { type: 'JobFailed', message: 'no' } as const;
  for (const call of [
    pipelines.codepipeline.getJobDetails({ jobId }),
    pipelines.codepipeline.acknowledgeJob({ jobId, nonce: 'n' }),
    pipelines.codepipeline.putJobSuccessResult({ jobId }),
    pipelines.codepipeline.putJobFailureResult({ jobId, failureDetails }),
    pipelines.codepipeline.getThirdPartyJobDetails({ jobId, clientToken: 'any' }),
  ]) {
    await assert.rejects(call, { name: 'JobNotFoundException' });
  }
});

test('a worker may poll for the types that its policy names, and its tag rules have one spelling', async () => {
  const arn = (provider: string) =>
    `arn:aws:codepipeline:us-east-1:123456789012:actiontype:Custom/Build/${provider}/1`;
  for (const provider of ['Open', 'Closed'])
    await pipelines.codepipeline.createCustomActionType(typeOf(provider));
  const statements = [
    { Effect: 'Allow', Action: 'codepipeline:PollForJobs', Resource: arn('Open') },
    { Effect: 'Allow', Action: 'codepipeline:TagResource', Resource: '*' },
    { Effect: 'Deny', Action: 'codepipeline:TagResource', Resource: arn('Closed') },
  ];
  const { iam } = pipelines;
  await iam.createUser({ UserName: 'worker' });
  await iam.putUserPolicy({
    UserName: 'worker',
    PolicyName: 'work',
    PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: statements }),
  });
  const { AccessKey } = await iam.createAccessKey({ UserName: 'worker' });
  const { endpoint, region } = house;
  const credentials = {
    accessKeyId: AccessKey?.AccessKeyId ?? '',
    secretAccessKey: AccessKey?.SecretAccessKey ?? '',
  };
  const worker = new CodePipeline({ endpoint, region, credentials, maxAttempts: 1 });
  const denied = { name: 'AccessDeniedException' };
  assert.deepEqual((await worker.pollForJobs({ actionTypeId: idOf('Open') })).jobs, []);
  await assert.rejects(worker.pollForJobs({ actionTypeId: idOf('Closed') }), denied);
  await assert.rejects(
    worker.acknowledgeJob({ jobId: '00000000-0000-4000-8000-000000000000', nonce: 'n' }),
    denied,
  );
  const tags = [{ key: 'a', value: 'b' }];
  const otherSpelling = arn('Closed').replace('actiontype', 'actionType');
  await assert.rejects(worker.tagResource({ resourceArn: otherSpelling, tags }), denied);
  worker.destroy();
});

test('the credentials of a job open nothing besides its artifacts', async () => {
  await pipelines.codepipeline.createCustomActionType(typeOf('Curious'));
  await pipelines.create('curious', [{ name: 'S2', actions: [customAction('Curious')] }]);
  const job = await acknowledged(pipelines, 'Curious');
  const { accessKeyId = '', secretAccessKey = '', sessionToken } = job.data?.artifactCredentials ?? {};
  const { endpoint, region } = house;
  const thief = connectThief({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey, sessionToken: sessionToken ?? '' },
  });
  const denied = { name: /^AccessDenied/ };
  await assert.rejects(thief.codepipeline.listPipelines({}), denied);
  await assert.rejects(thief.codepipeline.getJobDetails({ jobId: job.id }), denied);
  await assert.rejects(thief.codepipeline.pollForJobs({ actionTypeId: idOf('Curious') }), denied);
  await assert.rejects(thief.iam.listUsers({}), denied);
  await assert.rejects(thief.s3.getObject({ Bucket: 'source', Key: 'site.zip' }), denied);
  await assert.rejects(thief.s3.putObject({ Bucket: 'site', Key: 'index.html', Body: '!' }), denied);
  const place = placeOf(job.data?.inputArtifacts?.[0] ?? {});
  await assert.rejects(thief.s3.deleteObject(place), denied);
  await assert.rejects(thief.s3.copyObject({ ...place, CopySource: 'source/site.zip' }), denied);
  await thief.s3.getObject(place).then(({ Body }) => Body?.transformToByteArray());
  thief.close();
});

test('a role that may no longer be assumed fails the action, and the job is given to nobody', async () => {
  await pipelines.codepipeline.createCustomActionType(typeOf('Locked'));
  const execution = await pipelines.create('locked', [{ name: 'S2', actions: [customAction('Locked')] }]);
  await pipelines.running('locked', execution, 'Work');
  await until('the job is queued', WITHIN_MS, async () => {
    const run = await pipelines.running('locked', execution, 'Work');
    return run.output?.executionResult?.externalExecutionSummary;
  });
  const trust = (service: string) =>
    JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
    });
  const document = (service: string) =>
    pipelines.iam.updateAssumeRolePolicy({ RoleName: 'pipeline', PolicyDocument: trust(service) });
  await document('codebuild.amazonaws.com');
  assert.deepEqual((await pipelines.codepipeline.pollForJobs({ actionTypeId: idOf('Locked') })).jobs, []);
  const run = await ended(pipelines, 'locked', execution);
  assert.equal(run.output?.executionResult?.errorDetails?.code, 'PermissionError');
  await document('pipelines.codepipeline.amazonaws.com');
});

function connectThief(options: {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { accessKeyId: string; secretAccessKey: string; sessionToken: string };
}) {
  const all = {
    codepipeline: new CodePipeline({ ...options, maxAttempts: 1 }),
    s3: new S3({ ...options, maxAttempts: 1, forcePathStyle: true }),
    iam: new IAM({ ...options, maxAttempts: 1 }),
  };
  return { ...all, close: () => Object.values(all).forEach((client) => client.destroy()) };
}
