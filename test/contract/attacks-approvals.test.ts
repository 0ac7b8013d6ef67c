/** Attacks on approvals: another's token, another's action, twice, too late, or without the permission for the action. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CodePipeline, type PipelineDeclaration } from '@aws-sdk/client-codepipeline';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

const UNTIL_MS = 20_000;
const BUCKET = 'approval-sources';

let house: TestHouse;
let root: CodePipeline;
before(async () => {
  house = await createTestHouse();
  root = new CodePipeline(settings(house.credentials));
  const { root: caller } = house.slipway;
  await caller.send('s3:CreateBucket', { Bucket: BUCKET });
  await caller.send('s3:PutBucketVersioning', {
    Bucket: BUCKET,
    VersioningConfiguration: { Status: 'Enabled' },
  });
  await caller.send('s3:PutObject', { Bucket: BUCKET, Key: 'source.zip', Body: Buffer.from('x') });
  await caller.send('iam:CreateRole', {
    RoleName: 'pipeline',
    AssumeRolePolicyDocument: policy({
      Principal: { Service: 'codepipeline.amazonaws.com' },
      Action: 'sts:AssumeRole',
    }),
  });
  await caller.send('iam:PutRolePolicy', {
    RoleName: 'pipeline',
    PolicyName: 'own',
    PolicyDocument: policy({ Action: 's3:*', Resource: '*' }),
  });
  for (const name of ['one', 'two']) await root.createPipeline({ pipeline: declare(name) });
});
after(() => house.close());

interface Key {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const settings = (credentials: Key) => ({
  endpoint: house.endpoint,
  region: house.region,
  credentials,
  maxAttempts: 1,
});
const policy = (...statements: readonly object[]) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: statements.map((each) => ({ Effect: 'Allow', ...each })),
  });

function declare(name: string): PipelineDeclaration {
  const approval = (action: string) => ({
    name: action,
    actionTypeId: { category: 'Approval' as const, owner: 'AWS' as const, provider: 'Manual', version: '1' },
  });
  return {
    name,
    roleArn: `arn:aws:iam::${house.account}:role/pipeline`,
    artifactStore: { type: 'S3', location: BUCKET },
    stages: [
      {
        name: 'Source',
        actions: [
          {
            name: 'Source',
            actionTypeId: { category: 'Source', owner: 'AWS', provider: 'S3', version: '1' },
            configuration: { S3Bucket: BUCKET, S3ObjectKey: 'source.zip' },
            outputArtifacts: [{ name: 'source' }],
          },
        ],
      },
      { name: 'Gate', actions: [approval('Left'), approval('Right')] },
      { name: 'Last', actions: [approval('Left')] },
    ],
  };
}

async function tokenOf(name: string, stage: string, action: string): Promise<string> {
  return until(`a token of ${name}/${stage}/${action}`, UNTIL_MS, async () => {
    const { stageStates = [] } = await root.getPipelineState({ name });
    const states = stageStates.find((each) => each.stageName === stage)?.actionStates ?? [];
    const run = states.find((each) => each.actionName === action)?.latestExecution;
    return run?.status === 'InProgress' ? run.token : undefined;
  });
}

const answer = (
  client: CodePipeline,
  pipelineName: string,
  stageName: string,
  actionName: string,
  token: string,
) =>
  client.putApprovalResult({
    pipelineName,
    stageName,
    actionName,
    token,
    result: { status: 'Approved', summary: 'x' },
  });
const statusOf = async (name: string, stage: string) =>
  (await root.getPipelineState({ name })).stageStates?.find((each) => each.stageName === stage)
    ?.latestExecution?.status;

async function createApprover(name: string, resource: string): Promise<CodePipeline> {
  const { root: caller } = house.slipway;
  await caller.send('iam:CreateUser', { UserName: name });
  const PolicyDocument = policy({
    Action: 'codepipeline:PutApprovalResult',
    Resource: `arn:aws:codepipeline:${house.region}:${house.account}:${resource}`,
  });
  await caller.send('iam:PutUserPolicy', { UserName: name, PolicyName: 'own', PolicyDocument });
  const { AccessKey: key } = await caller.send('iam:CreateAccessKey', { UserName: name });
  return new CodePipeline(
    settings({ accessKeyId: key?.AccessKeyId ?? '', secretAccessKey: key?.SecretAccessKey ?? '' }),
  );
}

test('a token opens its own action, once, for who may answer that action', async () => {
  const [left, right, other] = [
    await tokenOf('one', 'Gate', 'Left'),
    await tokenOf('one', 'Gate', 'Right'),
    await tokenOf('two', 'Gate', 'Left'),
  ];
  const invalid = { name: 'InvalidApprovalTokenException' };
  const guess = '00000000-0000-0000-0000-000000000000';
  for (const token of [right, other, guess])
    await assert.rejects(answer(root, 'one', 'Gate', 'Left', token), invalid);
  await assert.rejects(answer(root, 'one', 'Last', 'Left', left), invalid);
  await assert.rejects(answer(root, 'two', 'Gate', 'Left', left), invalid);
  await assert.rejects(answer(root, 'one', 'Source', 'Source', left), { name: 'ActionNotFoundException' });
  for (const name of ['__proto__', 'constructor', 'toString'])
    await assert.rejects(answer(root, 'one', name, name, left), { name: 'StageNotFoundException' });

  const denied = { name: 'AccessDeniedException' };
  const onlyRight = await createApprover('only-right', 'one/Gate/Right');
  await assert.rejects(answer(onlyRight, 'one', 'Gate', 'Left', left), denied);
  await assert.rejects(answer(onlyRight, 'one', 'Gate', 'Left', right), denied);
  await assert.rejects(answer(onlyRight, 'two', 'Gate', 'Right', right), denied);
  const wholePipeline = await createApprover('whole-pipeline', 'one');
  await assert.rejects(answer(wholePipeline, 'one', 'Gate', 'Left', left), denied);
  // The name of the stage cannot bring the action along.
  await assert.rejects(answer(onlyRight, 'one', 'Gate/Right', 'Left', left));

  await answer(onlyRight, 'one', 'Gate', 'Right', right);
  assert.equal(await statusOf('one', 'Gate'), 'InProgress');
  const again = { name: 'ApprovalAlreadyCompletedException' };
  await assert.rejects(answer(root, 'one', 'Gate', 'Right', right), again);
  await answer(root, 'one', 'Gate', 'Left', left);
  await assert.rejects(answer(root, 'one', 'Gate', 'Left', left), again);
  const last = await tokenOf('one', 'Last', 'Left');
  for (const token of [left, right]) await assert.rejects(answer(root, 'one', 'Last', 'Left', token));
  assert.equal(await statusOf('one', 'Last'), 'InProgress');
  await answer(root, 'one', 'Last', 'Left', last);
});

test('an execution that was stopped takes no approval any more', async () => {
  const left = await tokenOf('two', 'Gate', 'Left');
  const { stageStates = [] } = await root.getPipelineState({ name: 'two' });
  const id = stageStates.find((each) => each.stageName === 'Gate')?.latestExecution?.pipelineExecutionId;
  await root.stopPipelineExecution({ pipelineName: 'two', pipelineExecutionId: id, abandon: true });
  await assert.rejects(answer(root, 'two', 'Gate', 'Left', left));
  const { pipelineExecution } = await root.getPipelineExecution({
    pipelineName: 'two',
    pipelineExecutionId: id,
  });
  assert.equal(pipelineExecution?.status, 'Stopped');
  assert.notEqual(await statusOf('two', 'Gate'), 'Succeeded');
});
