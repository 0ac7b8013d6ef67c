/** Scenarios 48 to 53: manual approvals, told through the official client. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CodePipeline } from '@aws-sdk/client-codepipeline';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { approval, createPipelines, type Pipelines, stageOf } from '#test/support/pipelines.ts';

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

const stages = [stageOf('S2', 'Ask'), stageOf('S3', 'Deploy')];

async function token(name: string, execution: string): Promise<string> {
  const run = await pipelines.running(name, execution, 'Ask');
  const found = (await pipelines.stage(name, 'S2')).actionStates?.[0]?.latestExecution;
  assert.equal(found?.actionExecutionId, run.actionExecutionId);
  assert.ok(found?.token);
  return found.token;
}

function answer(
  pipelineName: string,
  token: string,
  status: 'Approved' | 'Rejected' = 'Approved',
  actionName = 'Ask',
) {
  return {
    ...{ pipelineName, stageName: 'S2', actionName, token },
    result: { status, summary: 'looked at it' },
  };
}

test('scenario 48: an answer lets the stage go on, and shows who gave it and what they said', async () => {
  const execution = await pipelines.create('asks', stages);
  const given = answer('asks', await token('asks', execution));
  const { approvedAt } = await pipelines.codepipeline.putApprovalResult(given);
  assert.ok(approvedAt && Math.abs(approvedAt.getTime() - clock.now()) < 60_000);
  await pipelines.running('asks', execution, 'Deploy');
  const latest = (await pipelines.stage('asks', 'S2')).actionStates?.[0]?.latestExecution;
  assert.equal(latest?.status, 'Succeeded');
  assert.equal(latest.summary, 'looked at it');
  assert.equal(latest.lastUpdatedBy, 'arn:aws:iam::123456789012:root');
  assert.equal(latest.token, undefined);
});

test('scenario 49: a rejection fails the execution, and the next one is asked anew', async () => {
  const e1 = await pipelines.create('rejects', stages);
  const first = await token('rejects', e1);
  const e2 = await pipelines.start('rejects');
  await pipelines.arrived('rejects', 'S2', e2);
  await pipelines.codepipeline.putApprovalResult(answer('rejects', first, 'Rejected'));
  await pipelines.reached('rejects', e1, 'Failed');
  await pipelines.entered('rejects', 'S2', e2);
  assert.notEqual(await token('rejects', e2), first);
});

test('scenario 50: a second answer comes too late, and so does one after a retry', async () => {
  const execution = await pipelines.create('twice', stages);
  const first = await token('twice', execution);
  await pipelines.codepipeline.putApprovalResult(answer('twice', first, 'Rejected'));
  await assert.rejects(pipelines.codepipeline.putApprovalResult(answer('twice', first)), {
    name: 'ApprovalAlreadyCompletedException',
  });
  const { pipelineExecutionId } = { pipelineExecutionId: execution };
  await pipelines.codepipeline.retryStageExecution({
    ...{ pipelineName: 'twice', stageName: 'S2', pipelineExecutionId },
    retryMode: 'FAILED_ACTIONS',
  });
  assert.notEqual(await token('twice', execution), first);
});

test('scenario 52: who may answer one approval may not answer another', async () => {
  const stage = { name: 'S2', actions: [approval('Ask'), approval('Other')] };
  const execution = await pipelines.create('scoped', [stage, stageOf('S3', 'Deploy')]);
  await pipelines.iam.createUser({ UserName: 'reviewer' });
  await pipelines.iam.putUserPolicy({
    UserName: 'reviewer',
    PolicyName: 'one',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Action: 'codepipeline:PutApprovalResult',
          Resource: 'arn:aws:codepipeline:us-east-1:123456789012:scoped/S2/Ask',
        },
      ],
    }),
  });
  const { AccessKey } = await pipelines.iam.createAccessKey({ UserName: 'reviewer' });
  const reviewer = new CodePipeline({
    endpoint: house.endpoint,
    region: house.region,
    maxAttempts: 1,
    credentials: {
      accessKeyId: AccessKey?.AccessKeyId ?? '',
      secretAccessKey: AccessKey?.SecretAccessKey ?? '',
    },
  });
  const other = await pipelines.running('scoped', execution, 'Other');
  const otherToken = other.output?.executionResult?.externalExecutionId ?? '';
  await assert.rejects(reviewer.putApprovalResult(answer('scoped', otherToken, 'Approved', 'Other')), {
    name: 'AccessDeniedException',
  });
  await reviewer.putApprovalResult(answer('scoped', await token('scoped', execution)));
  const asked = (await pipelines.stage('scoped', 'S2')).actionStates?.[0]?.latestExecution;
  assert.equal(asked?.lastUpdatedBy, 'arn:aws:iam::123456789012:user/reviewer');
  reviewer.destroy();
});

test('scenario 53: in PARALLEL mode the external execution id is the token', async () => {
  const execution = await pipelines.create('parallel', stages, { executionMode: 'PARALLEL' });
  const run = await pipelines.running('parallel', execution, 'Ask');
  const external = run.output?.executionResult?.externalExecutionId ?? '';
  await pipelines.codepipeline.putApprovalResult(answer('parallel', external));
  await pipelines.running('parallel', execution, 'Deploy');
});

test('scenario 50: nobody answers within timeoutInMinutes: it fails, and a later answer is refused', async () => {
  const stage = { name: 'S2', actions: [approval('Ask', { timeoutInMinutes: 5 })] };
  const execution = await pipelines.create('late', [stage, stageOf('S3', 'Deploy')]);
  const asked = await token('late', execution);
  clock.advance(5 * 60_000 + 1_000);
  pipelines.follow(clock);
  await pipelines.reached('late', execution, 'Failed');
  await assert.rejects(pipelines.codepipeline.putApprovalResult(answer('late', asked)), {
    name: 'InvalidApprovalTokenException',
  });
  const latest = (await pipelines.stage('late', 'S2')).actionStates?.[0]?.latestExecution;
  assert.equal(latest?.errorDetails?.code, 'JobTimedOut');
});
