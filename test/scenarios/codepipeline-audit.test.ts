/** Scenario 86: what CloudTrail shows of a pipeline's changes and of its approvals, and of what it did under its role. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CloudTrail, type Event } from '@aws-sdk/client-cloudtrail';
import { CodePipeline, type ActionDeclaration, type PipelineDeclaration } from '@aws-sdk/client-codepipeline';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createPipelines, type Pipelines, ROLE_ARN, stageOf } from '#test/support/pipelines.ts';
import { until } from '#test/support/until.ts';

const WITHIN_MS = 20_000;
const TOKEN = 'ghp_0123456789abcdefghijklmnopqrstuvwxyz';

let house: TestHouse;
let pipelines: Pipelines;
let cloudtrail: CloudTrail;
before(async () => {
  house = await createTestHouse();
  pipelines = await createPipelines(house);
  const { endpoint, region, credentials } = house;
  cloudtrail = new CloudTrail({ endpoint, region, credentials, maxAttempts: 1 });
});
after(async () => {
  cloudtrail.destroy();
  pipelines.close();
  await house.close();
});

interface Recorded {
  readonly userIdentity: Readonly<Record<string, unknown>>;
  readonly requestParameters: Readonly<Record<string, never>>;
  readonly responseElements: Readonly<Record<string, never>> | null;
  readonly readOnly: boolean;
  readonly sourceIPAddress: string;
  readonly errorCode?: string;
}

async function newest(eventName: string): Promise<Recorded> {
  const events = await lookup('EventName', eventName);
  return recordOf(events[0]);
}

async function lookup(key: 'EventName' | 'Username', value: string): Promise<readonly Event[]> {
  const { Events: events = [] } = await cloudtrail.lookupEvents({
    LookupAttributes: [{ AttributeKey: key, AttributeValue: value }],
  });
  return events;
}

function recordOf(event: Event | undefined): Recorded {
  return JSON.parse(event?.CloudTrailEvent ?? '{}') as Recorded;
}

const github: ActionDeclaration = {
  name: 'Fetch',
  actionTypeId: { category: 'Source', owner: 'ThirdParty', provider: 'GitHub', version: '1' },
  configuration: {
    Owner: 'octo',
    Repo: 'site',
    Branch: 'main',
    OAuthToken: TOKEN,
    PollForSourceChanges: 'false',
  },
  outputArtifacts: [{ name: 'Site' }],
};

function declaration(stage: string): PipelineDeclaration {
  return {
    name: 'audited',
    roleArn: ROLE_ARN,
    artifactStore: { type: 'S3', location: 'artifacts' },
    stages: [{ name: 'S1', actions: [github] }, stageOf('S2', stage)],
  };
}

test('scenario 86: CloudTrail shows UpdatePipeline with both declarations, the token masked', async () => {
  await pipelines.codepipeline.createPipeline({ pipeline: declaration('Ask') });
  const { pipeline } = await pipelines.codepipeline.updatePipeline({ pipeline: declaration('Confirm') });
  const record = await newest('UpdatePipeline');
  const given = record.requestParameters['pipeline'] as PipelineDeclaration | undefined;
  const answered = record.responseElements?.['pipeline'] as PipelineDeclaration | undefined;
  const masked = { ...github.configuration, OAuthToken: '****' };
  assert.deepEqual(given, {
    ...declaration('Confirm'),
    stages: [{ name: 'S1', actions: [{ ...github, configuration: masked }] }, stageOf('S2', 'Confirm')],
  });
  assert.deepEqual(answered, pipeline);
  assert.deepEqual(answered?.stages?.[0]?.actions?.[0]?.configuration, masked);
  assert.equal(answered.version, 2);
  assert.equal(record.readOnly, false);

  // A refusal that quotes the configuration does not quote the token in the record.
  const long = { ...github, configuration: { ...github.configuration, OAuthToken: TOKEN.repeat(2_000) } };
  const wrong = {
    ...declaration('Confirm'),
    stages: [{ name: 'S1', actions: [long] }, stageOf('S2', 'Ask')],
  };
  await assert.rejects(pipelines.codepipeline.updatePipeline({ pipeline: wrong }));
  const refused = await newest('UpdatePipeline');
  assert.equal(refused.errorCode, 'ValidationException');
  const { Events: events = [] } = await cloudtrail.lookupEvents({
    LookupAttributes: [{ AttributeKey: 'EventSource', AttributeValue: 'codepipeline.amazonaws.com' }],
  });
  const withToken = events.filter(({ CloudTrailEvent: text }) => text?.includes(TOKEN));
  assert.deepEqual(
    withToken.map(({ EventName: name }) => name),
    [],
  );
});

test('scenario 86: CloudTrail shows PutApprovalResult with the caller, and acts of the pipeline under its role', async () => {
  const execution = await pipelines.create('asks', [stageOf('S2', 'Ask')]);
  await pipelines.iam.createUser({ UserName: 'ann' });
  await pipelines.iam.putUserPolicy({
    UserName: 'ann',
    PolicyName: 'approve',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'codepipeline:*', Resource: '*' }],
    }),
  });
  const { AccessKey: key } = await pipelines.iam.createAccessKey({ UserName: 'ann' });
  const credentials = { accessKeyId: key?.AccessKeyId ?? '', secretAccessKey: key?.SecretAccessKey ?? '' };
  const { endpoint, region } = house;
  const ann = new CodePipeline({ endpoint, region, credentials, maxAttempts: 1 });
  const run = await pipelines.running('asks', execution, 'Ask');
  const token = run.output?.executionResult?.externalExecutionId;
  const result = { status: 'Approved', summary: 'looked at it' } as const;
  await ann.putApprovalResult({ pipelineName: 'asks', stageName: 'S2', actionName: 'Ask', result, token });
  ann.destroy();
  const record = await newest('PutApprovalResult');
  const { principalId: _, ...caller } = record.userIdentity;
  assert.deepEqual(caller, {
    type: 'IAMUser',
    arn: 'arn:aws:iam::123456789012:user/ann',
    accountId: '123456789012',
    accessKeyId: credentials.accessKeyId,
    userName: 'ann',
  });
  assert.deepEqual(record.requestParameters, {
    pipelineName: 'asks',
    stageName: 'S2',
    actionName: 'Ask',
    result,
    token: 'HIDDEN_DUE_TO_SECURITY_REASONS',
  });
  assert.ok(record.responseElements?.['approvedAt']);

  const acts = await until('acts of the role', WITHIN_MS, async () => {
    const found = (await lookup('EventName', 'GetBucketVersioning')).map(recordOf);
    return found.find(({ userIdentity }) => userIdentity['type'] === 'AssumedRole');
  });
  assert.equal(acts.userIdentity['invokedBy'], 'codepipeline.amazonaws.com');
  assert.equal(acts.sourceIPAddress, 'codepipeline.amazonaws.com');
});
