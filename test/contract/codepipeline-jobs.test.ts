/** Jobs and the action types of workers through the official client, and what a worker must not be able to do. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  CodePipeline,
  type ActionDeclaration,
  type ActionTypeDeclaration,
  type CreateCustomActionTypeInput,
  type Job,
} from '@aws-sdk/client-codepipeline';
import { IAM } from '@aws-sdk/client-iam';
import { S3 } from '@aws-sdk/client-s3';
import { readRegistrations } from '#services/codepipeline/registered-types.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { placeOf } from '#test/support/job-worker.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { createPipelines, type Pipelines, stageOf } from '#test/support/pipelines.ts';
import { until } from '#test/support/until.ts';

const WITHIN_MS = 20_000;
const CLIENT = { clientId: '11111111-2222-4333-8444-555555555555', clientToken: 'partner-secret' };
const PARTNER = { category: 'Test', owner: 'ThirdParty', provider: 'Prober', version: '1' } as const;
const clock = createMovableClock();
let house: TestHouse;
let pipelines: Pipelines;
let codepipeline: CodePipeline;
before(async () => {
  house = await createTestHouse({ clock });
  writeFileSync(
    join(house.directory, 'data', 'action-types.json'),
    JSON.stringify([{ declaration: declarationOf(), ...CLIENT }]),
  );
  await house.restart();
  pipelines = await createPipelines(house);
  ({ codepipeline } = pipelines);
});
after(async () => {
  pipelines.close();
  await house.close();
});

function declarationOf(change: Partial<ActionTypeDeclaration> = {}): ActionTypeDeclaration {
  return {
    id: { ...PARTNER },
    executor: {
      type: 'JobWorker',
      configuration: { jobWorkerExecutorConfiguration: { pollingAccounts: ['123456789012'] } },
      jobTimeout: 3600,
    },
    inputArtifactDetails: { minimumCount: 0, maximumCount: 1 },
    outputArtifactDetails: { minimumCount: 0, maximumCount: 0 },
    permissions: { allowedAccounts: ['*'] },
    properties: [
      { name: 'Target', optional: false, key: true, noEcho: false },
      { name: 'ApiKey', optional: true, key: false, noEcho: true },
    ],
    ...change,
  };
}

function createPipelineClients(options: {
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

function typeOf(provider: string, change: Partial<CreateCustomActionTypeInput> = {}) {
  return {
    category: 'Build',
    provider,
    version: '1',
    configurationProperties: [
      { name: 'Target', required: true, key: true, secret: false },
      { name: 'Password', required: false, key: false, secret: true },
    ],
    inputArtifactDetails: { minimumCount: 0, maximumCount: 5 },
    outputArtifactDetails: { minimumCount: 0, maximumCount: 5 },
    ...change,
  } satisfies CreateCustomActionTypeInput;
}

function idOf(provider: string) {
  return { category: 'Build', owner: 'Custom', provider, version: '1' } as const;
}

function action(provider: string, change: Partial<ActionDeclaration> = {}): ActionDeclaration {
  return {
    name: 'Work',
    actionTypeId: idOf(provider),
    configuration: { Target: 'all' },
    inputArtifacts: [{ name: 'Site' }],
    outputArtifacts: [{ name: 'Built' }],
    ...change,
  };
}

function polled(provider: string, client: CodePipeline = codepipeline): Promise<Job> {
  return until(`a job of ${provider}`, WITHIN_MS, async () => {
    const { jobs = [] } = await client.pollForJobs({ actionTypeId: idOf(provider) });
    return jobs[0];
  });
}

async function acknowledged(provider: string): Promise<Job> {
  const job = await polled(provider);
  await codepipeline.acknowledgeJob({ jobId: job.id, nonce: job.nonce });
  return job;
}

/** The newest run of the action `Work`, once it is over. */
function ended(name: string, execution: string) {
  return until(`the end of Work in ${name}`, WITHIN_MS, async () =>
    (await pipelines.actions(name, execution)).find(
      (run) => run.actionName === 'Work' && run.status !== 'InProgress',
    ),
  );
}

describe('custom action types', () => {
  test('a type is made once, found again, deleted, and made live again by the same definition', async () => {
    const input = typeOf('Maker', {
      settings: { entityUrlTemplate: 'https://x/{Config:Target}' },
      tags: [{ key: 'team', value: 'a' }],
    });
    const { actionType, tags } = await codepipeline.createCustomActionType(input);
    assert.deepEqual(actionType?.id, idOf('Maker'));
    assert.deepEqual(actionType?.settings, { entityUrlTemplate: 'https://x/{Config:Target}' });
    assert.deepEqual(
      actionType?.actionConfigurationProperties?.map(({ name, required, secret }) => [
        name,
        required,
        secret,
      ]),
      [
        ['Target', true, false],
        ['Password', false, true],
      ],
    );
    assert.deepEqual(tags, [{ key: 'team', value: 'a' }]);
    const again = await codepipeline.createCustomActionType({ ...input, tags: undefined });
    assert.deepEqual(again.actionType, actionType);
    assert.deepEqual(again.tags, [{ key: 'team', value: 'a' }]);
    const other = { ...input, inputArtifactDetails: { minimumCount: 1, maximumCount: 1 } };
    const inUse = { name: 'ValidationException', message: /already exists with another definition/ };
    await assert.rejects(codepipeline.createCustomActionType(other), inUse);

    const id = { category: 'Build', provider: 'Maker', version: '1' } as const;
    const listed = async () => {
      const { actionTypes = [] } = await codepipeline.listActionTypes({ actionOwnerFilter: 'Custom' });
      return actionTypes.some((type) => type.id?.provider === 'Maker');
    };
    assert.equal(await listed(), true);
    await codepipeline.deleteCustomActionType(id);
    await codepipeline.deleteCustomActionType(id);
    assert.equal(await listed(), false);
    await assert.rejects(codepipeline.pollForJobs({ actionTypeId: idOf('Maker') }), {
      name: 'ActionTypeNotFoundException',
    });
    await assert.rejects(codepipeline.createCustomActionType(other), inUse);
    await codepipeline.createCustomActionType(input);
    assert.equal(await listed(), true);
  });

  test('what is wrong in a definition is refused', async () => {
    const property = { name: 'Q', required: true, key: true, secret: false, queryable: true };
    const template = (entityUrlTemplate: string) => ({ settings: { entityUrlTemplate } });
    const wrong: readonly (readonly [Partial<CreateCustomActionTypeInput>, RegExp])[] = [
      [{ category: 'Approval' }, /cannot be of category Approval/],
      [{ category: 'Compute' }, /cannot be of category Compute/],
      [{ inputArtifactDetails: { minimumCount: 2, maximumCount: 1 } }, /minimum count of input artifacts/],
      [{ configurationProperties: [property, { ...property, name: 'R' }] }, /At most one property/],
      [{ configurationProperties: [{ ...property, required: false }] }, /must be required and not secret/],
      [{ configurationProperties: [{ ...property, secret: true }] }, /must be required and not secret/],
      [{ configurationProperties: [property, property] }, /Q is there twice/],
      [
        template('https://x/{Config:Password}'),
        /\{Config:Password\} in entityUrlTemplate stands for nothing/,
      ],
      [template('https://x/{Job}'), /\{Job\} in entityUrlTemplate stands for nothing/],
      [{ outputArtifactDetails: { minimumCount: 0, maximumCount: 6 } }, /less than or equal to 5/],
    ];
    for (const [change, message] of wrong) {
      const refusal = codepipeline.createCustomActionType(typeOf('Wrong', change));
      await assert.rejects(refusal, { name: 'ValidationException', message });
    }
    await assert.rejects(
      codepipeline.createCustomActionType(typeOf('Wrong', { tags: [{ key: 'aws:x', value: '' }] })),
      { name: 'InvalidTagsException' },
    );
  });

  test('tags are on the ARN of the type, in both spellings', async () => {
    await codepipeline.createCustomActionType(typeOf('Tagged'));
    const arn = (kind: string) => `arn:aws:codepipeline:us-east-1:123456789012:${kind}:Custom/Build/Tagged/1`;
    await codepipeline.tagResource({ resourceArn: arn('actiontype'), tags: [{ key: 'a', value: '1' }] });
    assert.deepEqual((await codepipeline.listTagsForResource({ resourceArn: arn('actionType') })).tags, [
      { key: 'a', value: '1' },
    ]);
    await codepipeline.untagResource({ resourceArn: arn('actiontype'), tagKeys: ['a'] });
    assert.deepEqual((await codepipeline.listTagsForResource({ resourceArn: arn('actiontype') })).tags, []);
    const unknown = codepipeline.listTagsForResource({
      resourceArn: arn('actiontype').replace('Tagged', 'No'),
    });
    await assert.rejects(unknown, { name: 'ResourceNotFoundException' });
  });

  test('an account has at most fifty', async () => {
    const { actionTypes = [] } = await codepipeline.listActionTypes({ actionOwnerFilter: 'Custom' });
    for (let count = actionTypes.length; count < 50; count++) {
      await codepipeline.createCustomActionType(typeOf(`Many${count}`));
    }
    await assert.rejects(codepipeline.createCustomActionType(typeOf('OneMore')), {
      name: 'LimitExceededException',
    });
    for (let count = actionTypes.length; count < 50; count++) {
      await codepipeline.deleteCustomActionType({
        category: 'Build',
        provider: `Many${count}`,
        version: '1',
      });
    }
  });

  test('an action whose type was deleted fails when it starts', async () => {
    await codepipeline.createCustomActionType(typeOf('Gone'));
    const execution = await pipelines.create('gone', [
      { name: 'S2', actions: [...(stageOf('S2', 'Ask').actions ?? []), action('Gone', { runOrder: 2 })] },
    ]);
    await codepipeline.deleteCustomActionType({ category: 'Build', provider: 'Gone', version: '1' });
    await pipelines.answer('gone', execution, 'Ask', 'Approved');
    const run = await ended('gone', execution);
    assert.equal(run.output?.executionResult?.errorDetails?.code, 'ConfigurationError');
    assert.match(
      run.output?.executionResult?.errorDetails?.message ?? '',
      /Provider: 'Gone'.*is not available/,
    );
  });
});

describe('third parties', () => {
  const probe = (name: string): ActionDeclaration => ({
    name,
    actionTypeId: PARTNER,
    configuration: { Target: 'web', ApiKey: 'open-sesame' },
    inputArtifacts: [{ name: 'Site' }],
  });

  async function polledPartner(): Promise<string> {
    return until('a job for the partner', WITHIN_MS, async () => {
      const { jobs = [] } = await codepipeline.pollForThirdPartyJobs({ actionTypeId: PARTNER });
      assert.ok(jobs.every(({ clientId }) => clientId === CLIENT.clientId));
      return jobs[0]?.jobId;
    });
  }

  test('a registered type is shown, listed and updated, but not made stricter for everybody', async () => {
    const { actionType } = await codepipeline.getActionType(PARTNER);
    assert.deepEqual(actionType, declarationOf());
    const { actionTypes = [] } = await codepipeline.listActionTypes({ actionOwnerFilter: 'ThirdParty' });
    assert.ok(actionTypes.some(({ id }) => id?.provider === PARTNER.provider));
    await codepipeline.updateActionType({ actionType: declarationOf({ description: 'probes' }) });
    assert.equal((await codepipeline.getActionType(PARTNER)).actionType?.description, 'probes');
    const [target, key] = declarationOf().properties ?? [];
    assert.ok(target && key);
    const stricter = declarationOf({ properties: [target, { ...key, optional: false }] });
    await assert.rejects(codepipeline.updateActionType({ actionType: stricter }), {
      name: 'ValidationException',
      message: /ApiKey of a public type cannot become required/,
    });
    const unknown = { ...PARTNER, provider: 'Nobody' };
    await assert.rejects(codepipeline.getActionType(unknown), { name: 'ActionTypeNotFoundException' });
    const lambda = { type: 'Lambda', configuration: {} } as const;
    await assert.rejects(codepipeline.updateActionType({ actionType: declarationOf({ executor: lambda }) }), {
      name: 'ValidationException',
      message: /only executors of type JobWorker/,
    });
  });

  test('a job is given to whoever has the secret of the client', async () => {
    const execution = await pipelines.create('probed', [{ name: 'S2', actions: [probe('Work')] }]);
    const jobId = await polledPartner();
    const { clientToken } = CLIENT;
    const { jobDetails } = await codepipeline.getThirdPartyJobDetails({ jobId, clientToken });
    const { nonce, data } = jobDetails ?? {};
    assert.deepEqual(data?.actionConfiguration?.configuration, { Target: 'web', ApiKey: 'open-sesame' });
    assert.equal(data?.pipelineContext?.pipelineName, 'probed');
    assert.equal(data?.pipelineContext?.pipelineArn, undefined);
    assert.equal(data?.pipelineContext?.pipelineExecutionId, undefined);
    const { status } = await codepipeline.acknowledgeThirdPartyJob({ jobId, nonce, clientToken });
    assert.equal(status, 'InProgress');
    await codepipeline.putThirdPartyJobSuccessResult({
      jobId,
      clientToken,
      continuationToken: 'again',
      executionDetails: { percentComplete: 10 },
    });
    const next = await polledPartner();
    assert.notEqual(next, jobId);
    const details = (await codepipeline.getThirdPartyJobDetails({ jobId: next, clientToken })).jobDetails;
    assert.equal(details?.data?.continuationToken, 'again');
    await codepipeline.acknowledgeThirdPartyJob({ jobId: next, nonce: details?.nonce, clientToken });
    await codepipeline.putThirdPartyJobFailureResult({
      jobId: next,
      clientToken,
      failureDetails: { type: 'JobFailed', message: 'the probe found a hole' },
    });
    const run = await ended('probed', execution);
    assert.equal(run.output?.executionResult?.errorDetails?.message, 'the probe found a hole');
    await assert.rejects(codepipeline.getThirdPartyJobDetails({ jobId: next, clientToken }), {
      name: 'InvalidJobException',
    });
  });

  test('another token, and the operations for custom jobs, reach nothing', async () => {
    await pipelines.create('guarded', [{ name: 'S2', actions: [probe('Work')] }]);
    const jobId = await polledPartner();
    const failureDetails = { type: 'JobFailed', message: 'no' } as const;
    const wrong = { jobId, clientToken: 'partner-secreT' };
    for (const call of [
      codepipeline.getThirdPartyJobDetails(wrong),
      codepipeline.acknowledgeThirdPartyJob({ ...wrong, nonce: 'n' }),
      codepipeline.putThirdPartyJobSuccessResult(wrong),
      codepipeline.putThirdPartyJobFailureResult({ ...wrong, failureDetails }),
    ]) {
      await assert.rejects(call, { name: 'InvalidClientTokenException' });
    }
    for (const call of [
      codepipeline.getJobDetails({ jobId }),
      codepipeline.acknowledgeJob({ jobId, nonce: 'n' }),
      codepipeline.putJobSuccessResult({ jobId }),
      codepipeline.putJobFailureResult({ jobId, failureDetails }),
    ]) {
      await assert.rejects(call, { name: 'JobNotFoundException' });
    }
    await assert.rejects(codepipeline.pollForJobs({ actionTypeId: PARTNER }), {
      name: 'ValidationException',
    });
    await assert.rejects(codepipeline.pollForThirdPartyJobs({ actionTypeId: idOf('Maker') }), {
      name: 'ValidationException',
    });
  });

  test('a wrong registration stops the start, with what is wrong', async () => {
    const path = join(house.directory, 'data', 'action-types.json');
    const entry = { declaration: declarationOf(), ...CLIENT };
    const custom = { ...entry, declaration: { ...declarationOf(), id: { ...PARTNER, owner: 'Custom' } } };
    const wrong: readonly (readonly [string, RegExp])[] = [
      ['{', /is not JSON/],
      ['{}', /must be a JSON array/],
      [JSON.stringify([{ ...entry, clientId: 'me' }]), /entry 1: clientId must be a UUID/],
      [JSON.stringify([entry, { ...entry, clientToken: '' }]), /entry 2: clientToken must be a text/],
      [JSON.stringify([custom]), /the owner of the declaration must be ThirdParty/],
      [JSON.stringify([{ ...entry, declaration: declarationOf({ executor: undefined }) }]), /executor/],
    ];
    for (const [text, message] of wrong) {
      writeFileSync(path, text);
      await assert.rejects(readRegistrations({ ...house.slipway.house }), { message });
    }
    writeFileSync(path, JSON.stringify([entry]));
    await readRegistrations(house.slipway.house);
  });
});

describe('attacks', () => {
  test('an id that nobody was given is no job', async () => {
    const jobId = '00000000-0000-4000-8000-000000000000';
    const failureDetails = { type: 'JobFailed', message: 'no' } as const;
    for (const call of [
      codepipeline.getJobDetails({ jobId }),
      codepipeline.acknowledgeJob({ jobId, nonce: 'n' }),
      codepipeline.putJobSuccessResult({ jobId }),
      codepipeline.putJobFailureResult({ jobId, failureDetails }),
      codepipeline.getThirdPartyJobDetails({ jobId, clientToken: CLIENT.clientToken }),
    ]) {
      await assert.rejects(call, { name: 'JobNotFoundException' });
    }
  });

  test('a worker may poll for the types that its policy names, and its tag rules have one spelling', async () => {
    const arn = (provider: string) =>
      `arn:aws:codepipeline:us-east-1:123456789012:actiontype:Custom/Build/${provider}/1`;
    for (const provider of ['Open', 'Closed']) await codepipeline.createCustomActionType(typeOf(provider));
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
    await codepipeline.createCustomActionType(typeOf('Curious'));
    await pipelines.create('curious', [{ name: 'S2', actions: [action('Curious')] }]);
    const job = await acknowledged('Curious');
    const { accessKeyId = '', secretAccessKey = '', sessionToken } = job.data?.artifactCredentials ?? {};
    const { endpoint, region } = house;
    const thief = createPipelineClients({
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
    await codepipeline.createCustomActionType(typeOf('Locked'));
    const execution = await pipelines.create('locked', [{ name: 'S2', actions: [action('Locked')] }]);
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
    assert.deepEqual((await codepipeline.pollForJobs({ actionTypeId: idOf('Locked') })).jobs, []);
    const run = await ended('locked', execution);
    assert.equal(run.output?.executionResult?.errorDetails?.code, 'PermissionError');
    await document('codepipeline.amazonaws.com');
  });
});

describe('jobs', () => {
  test('a job tells all that a worker needs, secrets in clear, and is over after one result', async () => {
    await codepipeline.createCustomActionType(typeOf('Whole'));
    const configuration = { Target: 'all', Password: 'hunter2' };
    const whole = action('Whole', { configuration, namespace: 'Done' });
    const execution = await pipelines.create('whole', [{ name: 'S2', actions: [whole] }]);
    const before = await until('the queued job is told', WITHIN_MS, async () => {
      const run = await pipelines.running('whole', execution, 'Work');
      return run.output?.executionResult?.externalExecutionSummary === undefined ? undefined : run;
    });
    const waiting = 'No job worker has polled for this job yet';
    assert.equal(before.output?.executionResult?.externalExecutionSummary, waiting);
    assert.equal(before.input?.configuration?.['Password'], '****');

    const job = await polled('Whole');
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

    const early = codepipeline.putJobSuccessResult({ jobId: job.id });
    await assert.rejects(early, { name: 'InvalidJobStateException' });
    const wrong = codepipeline.acknowledgeJob({ jobId: job.id, nonce: 'guess' });
    await assert.rejects(wrong, { name: 'InvalidNonceException' });
    const acknowledge = () => codepipeline.acknowledgeJob({ jobId: job.id, nonce: job.nonce });
    assert.equal((await acknowledge()).status, 'InProgress');
    assert.equal((await acknowledge()).status, 'InProgress');

    const { jobDetails } = await codepipeline.getJobDetails({ jobId: job.id });
    assert.deepEqual(jobDetails?.data?.actionConfiguration, job.data?.actionConfiguration);
    assert.notEqual(
      jobDetails?.data?.artifactCredentials?.sessionToken,
      job.data?.artifactCredentials?.sessionToken,
    );

    const [output] = job.data?.outputArtifacts ?? [];
    await pipelines.s3.putObject({ ...placeOf(output ?? {}), Body: 'built' });
    const outputVariables = { Version: '1.2.3' };
    const both = { jobId: job.id, outputVariables, continuationToken: 'more' };
    await assert.rejects(codepipeline.putJobSuccessResult(both), { name: 'ValidationException' });
    const large = { jobId: job.id, outputVariables: { Text: 'x'.repeat(122_880) } };
    await assert.rejects(codepipeline.putJobSuccessResult(large), {
      name: 'OutputVariablesSizeExceededException',
    });
    await codepipeline.putJobSuccessResult({ jobId: job.id, outputVariables });
    const run = await ended('whole', execution);
    assert.equal(run.status, 'Succeeded');
    assert.deepEqual(run.output?.outputVariables, outputVariables);
    await pipelines.reached('whole', execution, 'Succeeded');

    await assert.rejects(codepipeline.putJobSuccessResult({ jobId: job.id }), {
      name: 'InvalidJobStateException',
    });
    assert.equal((await acknowledge()).status, 'Succeeded');
    const after = (await codepipeline.getJobDetails({ jobId: job.id })).jobDetails?.data;
    assert.equal(after?.artifactCredentials, undefined);
    assert.equal(after?.actionConfiguration?.configuration?.['Password'], '****');
  });

  test('a continuation is another job with the token, and its progress shows meanwhile', async () => {
    await codepipeline.createCustomActionType(typeOf('Steps'));
    const steps = action('Steps', { inputArtifacts: [], outputArtifacts: [] });
    const execution = await pipelines.create('steps', [{ name: 'S2', actions: [steps] }]);
    const first = await acknowledged('Steps');
    assert.equal(first.data?.continuationToken, undefined);
    await codepipeline.putJobSuccessResult({
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
    const second = await acknowledged('Steps');
    assert.notEqual(second.id, first.id);
    assert.equal(second.data?.continuationToken, 'step 2');
    await codepipeline.putJobFailureResult({
      jobId: second.id,
      failureDetails: { type: 'RevisionUnavailable', message: 'the revision is gone' },
    });
    const run = await ended('steps', execution);
    assert.deepEqual(run.output?.executionResult?.errorDetails, {
      code: 'RevisionUnavailable',
      message: 'the revision is gone',
    });
    const repeated = codepipeline.acknowledgeJob({ jobId: first.id, nonce: first.nonce });
    assert.equal((await repeated).status, 'Succeeded');
  });

  test('a success without the output that it promised is a failure', async () => {
    await codepipeline.createCustomActionType(typeOf('Liar'));
    const execution = await pipelines.create('liar', [{ name: 'S2', actions: [action('Liar')] }]);
    const job = await acknowledged('Liar');
    await codepipeline.putJobSuccessResult({ jobId: job.id });
    const run = await ended('liar', execution);
    assert.equal(run.status, 'Failed');
    assert.match(run.output?.executionResult?.errorDetails?.message ?? '', /output artifact Built is not in/);
  });

  test('a custom source tells which revision it is', async () => {
    await codepipeline.createCustomActionType(
      typeOf('Depot', {
        category: 'Source',
        settings: { revisionUrlTemplate: 'https://depot/{Config:Target}/{RevisionId}' },
      }),
    );
    const id = { ...idOf('Depot'), category: 'Source' } as const;
    const source = action('Depot', { name: 'Work', actionTypeId: id, inputArtifacts: [] });
    await codepipeline.createPipeline({
      pipeline: {
        name: 'depot',
        roleArn: 'arn:aws:iam::123456789012:role/pipeline',
        artifactStore: { type: 'S3', location: 'artifacts' },
        stages: [{ name: 'S1', actions: [source] }, stageOf('S2', 'Ask')],
      },
    });
    const job = await until('a job', WITHIN_MS, async () => {
      const { jobs = [] } = await codepipeline.pollForJobs({ actionTypeId: id });
      return jobs[0];
    });
    await codepipeline.acknowledgeJob({ jobId: job.id, nonce: job.nonce });
    await pipelines.s3.putObject({ ...placeOf(job.data?.outputArtifacts?.[0] ?? {}), Body: 'zip' });
    const created = new Date(1_700_000_000_000);
    await codepipeline.putJobSuccessResult({
      jobId: job.id,
      currentRevision: { revision: 'r77', changeIdentifier: 'c1', created, revisionSummary: 'a change' },
    });
    const [revision] = await until('the revision', WITHIN_MS, async () => {
      const { pipelineExecutionSummaries: [newest] = [] } = await codepipeline.listPipelineExecutions({
        pipelineName: 'depot',
      });
      return newest?.sourceRevisions?.length ? newest.sourceRevisions : undefined;
    });
    assert.deepEqual(revision, {
      actionName: 'Work',
      revisionId: 'r77',
      revisionSummary: 'a change',
      revisionUrl: 'https://depot/all/r77',
    });
  });

  test('a job of a stopped execution takes no result, and one that nobody began is taken away by an update', async () => {
    await codepipeline.createCustomActionType(typeOf('Stopped'));
    const stages = [{ name: 'S2', actions: [action('Stopped')] }];
    const execution = await pipelines.create('stopped', stages);
    const job = await acknowledged('Stopped');
    await codepipeline.stopPipelineExecution({
      pipelineName: 'stopped',
      pipelineExecutionId: execution,
      abandon: true,
    });
    await pipelines.reached('stopped', execution, 'Stopped');
    await until('the job is withdrawn', WITHIN_MS, async () => {
      const { status } = await codepipeline.acknowledgeJob({ jobId: job.id, nonce: job.nonce });
      return status === 'Failed' || undefined;
    });
    await assert.rejects(codepipeline.putJobSuccessResult({ jobId: job.id }), {
      name: 'InvalidJobStateException',
    });

    const waiting = await pipelines.start('stopped');
    await pipelines.running('stopped', waiting, 'Work');
    const { pipeline } = await codepipeline.getPipeline({ name: 'stopped' });
    assert.ok(pipeline);
    await codepipeline.updatePipeline({ pipeline });
    await pipelines.reached('stopped', waiting, 'Cancelled');
    assert.equal((await codepipeline.pollForJobs({ actionTypeId: idOf('Stopped') })).jobs?.length, 0);
  });

  test('a job that nobody does times out with its action, after a day', async () => {
    await codepipeline.createCustomActionType(typeOf('Slow'));
    const execution = await pipelines.create('slow', [{ name: 'S2', actions: [action('Slow')] }]);
    const job = await acknowledged('Slow');
    clock.advance(86_400_000);
    pipelines.follow(clock);
    ({ codepipeline } = pipelines);
    const run = await ended('slow', execution);
    assert.equal(run.output?.executionResult?.errorDetails?.code, 'JobTimedOut');
    await until('the job has timed out', WITHIN_MS, async () => {
      const { status } = await codepipeline.acknowledgeJob({ jobId: job.id, nonce: job.nonce });
      return status === 'TimedOut' || undefined;
    });
  });

  test('jobs that were queued meet many polls at once, each job one poll', async () => {
    await codepipeline.createCustomActionType(typeOf('Crowd'));
    const plain = action('Crowd', { inputArtifacts: [], outputArtifacts: [] });
    const names = ['Work', 'Work2', 'Work3', 'Work4', 'Work5', 'Work6'];
    const actions = names.map((name) => ({ ...plain, name }));
    const execution = await pipelines.create('crowd', [{ name: 'S2', actions }]);
    for (const name of names) await pipelines.running('crowd', execution, name);
    const polls = await Promise.all(
      Array.from({ length: 12 }, () => codepipeline.pollForJobs({ actionTypeId: idOf('Crowd') })),
    );
    const ids = polls.flatMap(({ jobs = [] }) => jobs.map(({ id }) => id));
    assert.equal(new Set(ids).size, ids.length);
    const rest = await codepipeline.pollForJobs({ actionTypeId: idOf('Crowd'), maxBatchSize: 1_000 });
    assert.equal(ids.length + (rest.jobs?.length ?? 0), names.length);
  });

  test('jobs survive a restart', async () => {
    await codepipeline.createCustomActionType(typeOf('Durable'));
    const plain = action('Durable', { outputArtifacts: [] });
    const execution = await pipelines.create('durable', [{ name: 'S2', actions: [plain] }]);
    const job = await acknowledged('Durable');
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
});
