/**
 * Pipelines that rules of EventBridge start: scenarios 77 and 79. Every delivery of an event is performed twice here,
 * so that one execution means that a repeated start starts nothing.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CodeCommit } from '@aws-sdk/client-codecommit';
import type { ActionDeclaration, PipelineExecutionSummary } from '@aws-sdk/client-codepipeline';
import { EventBridge } from '@aws-sdk/client-eventbridge';
import type { NamedMachine } from '#engine/machine.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createPipelines, type Pipelines, stageOf } from '#test/support/pipelines.ts';
import { until } from '#test/support/until.ts';

const WITHIN_MS = 20_000;
const ACCOUNT = '123456789012';
const ruleArn = (name: string) => `arn:aws:events:us-east-1:${ACCOUNT}:rule/${name}`;
const pipelineArn = (name: string) => `arn:aws:codepipeline:us-east-1:${ACCOUNT}:${name}`;
const ROLE_ARN = `arn:aws:iam::${ACCOUNT}:role/starter`;

let house: TestHouse;
let pipelines: Pipelines;
let events: EventBridge;
let codecommit: CodeCommit;

before(async () => {
  house = await createTestHouse({ disturb: deliverTwice });
  pipelines = await createPipelines(house);
  const { endpoint, region, credentials } = house;
  events = new EventBridge({ endpoint, region, credentials, maxAttempts: 1 });
  codecommit = new CodeCommit({ endpoint, region, credentials, maxAttempts: 1 });
  await pipelines.iam.putRolePolicy({
    RoleName: 'pipeline',
    PolicyName: 'source',
    PolicyDocument: policy(['codecommit:*', 's3:*'], '*'),
  });
});
after(async () => {
  for (const client of [events, codecommit, pipelines])
    'destroy' in client ? client.destroy() : client.close();
  await house.close();
});

type Perform = (effect: unknown, performance: unknown) => Promise<unknown>;

function deliverTwice(machine: NamedMachine): void {
  if (machine.kind !== 'events.delivery') return;
  const { effects } = machine as unknown as { effects: Record<string, Perform> };
  const perform = effects['Deliver'];
  assert.ok(perform);
  effects['Deliver'] = async (effect, performance) => {
    await perform(effect, performance);
    return perform(effect, performance);
  };
}

function policy(Action: readonly string[], Resource: string): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource }] });
}

/** A role that EventBridge may assume for this pipeline's rules. */
async function createStarter(): Promise<void> {
  const trust = {
    Effect: 'Allow',
    Principal: { Service: 'events.amazonaws.com' },
    Action: 'sts:AssumeRole',
    Condition: { ArnLike: { 'aws:SourceArn': `arn:aws:events:us-east-1:${ACCOUNT}:rule/*` } },
  };
  await pipelines.iam.createRole({
    RoleName: 'starter',
    AssumeRolePolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [trust] }),
  });
  const PolicyDocument = policy(['codepipeline:StartPipelineExecution'], pipelineArn('*'));
  await pipelines.iam.putRolePolicy({ RoleName: 'starter', PolicyName: 'start', PolicyDocument });
}

async function createPipeline(name: string): Promise<void> {
  await codecommit.createRepository({ repositoryName: name });
  const source: ActionDeclaration = {
    name: 'Source',
    actionTypeId: { category: 'Source', owner: 'AWS', provider: 'CodeCommit', version: '1' },
    configuration: { RepositoryName: name, BranchName: 'main', PollForSourceChanges: 'false' },
    outputArtifacts: [{ name: 'Code' }],
  };
  const first = await pipelines.create(name, [], {
    stages: [{ name: 'S1', actions: [source] }, stageOf('S2', 'Wait')],
  });
  // A new pipeline runs by itself, and finds no branch.
  await pipelines.reached(name, first, 'Failed');
}

async function putRule(name: string, repository: string, target: object = {}): Promise<void> {
  await events.putRule({
    Name: name,
    EventPattern: JSON.stringify({
      source: ['aws.codecommit'],
      'detail-type': ['CodeCommit Repository State Change'],
      resources: [`arn:aws:codecommit:us-east-1:${ACCOUNT}:${repository}`],
      detail: { referenceType: ['branch'], referenceName: ['main'] },
    }),
  });
  const { FailedEntryCount } = await events.putTargets({
    Rule: name,
    Targets: [{ Id: 'pipeline', Arn: pipelineArn(repository), RoleArn: ROLE_ARN, ...target }],
  });
  assert.equal(FailedEntryCount, 0);
}

async function push(repositoryName: string, text: string, parentCommitId?: string): Promise<string> {
  const { commitId = '' } = await codecommit.putFile({
    repositoryName,
    branchName: 'main',
    filePath: 'file',
    fileContent: Buffer.from(text),
    ...(parentCommitId !== undefined && { parentCommitId }),
  });
  return commitId;
}

async function executions(pipelineName: string): Promise<readonly PipelineExecutionSummary[]> {
  const { pipelineExecutionSummaries = [] } = await pipelines.codepipeline.listPipelineExecutions({
    pipelineName,
  });
  return pipelineExecutionSummaries.filter(({ trigger }) => trigger?.triggerType !== 'CreatePipeline');
}

/** Each delivery is at an end when both its performances are. */
async function deliveriesEnded(): Promise<boolean> {
  const machines = await house.slipway.house.database.read
    .withTables<{ engine_machines: { kind: string; state: string } }>()
    .selectFrom('engine_machines')
    .select('state')
    .where('kind', '=', 'events.delivery')
    .execute();
  return machines.every(({ state }) => 'endedAt' in (JSON.parse(state) as object));
}

/** The one execution, after all that happened has been told and delivered. */
async function onlyExecution(pipelineName: string): Promise<PipelineExecutionSummary> {
  await until(`an execution of ${pipelineName}`, WITHIN_MS, async () => (await executions(pipelineName))[0]);
  await until('the end of all deliveries', WITHIN_MS, async () =>
    (await deliveriesEnded()) ? true : undefined,
  );
  const found = await executions(pipelineName);
  assert.equal(found.length, 1, JSON.stringify(found));
  return found[0] as PipelineExecutionSummary;
}

test('scenario 77: a push with a rule, and without polling, starts exactly one execution', async () => {
  await createStarter();
  await createPipeline('ruled');
  await putRule('on-push', 'ruled');
  const commitId = await push('ruled', 'one');
  const { trigger, sourceRevisions } = await onlyExecution('ruled');
  assert.deepEqual(trigger, { triggerType: 'CloudWatchEvent', triggerDetail: ruleArn('on-push') });
  await until('the revision', WITHIN_MS, async () => (await executions('ruled'))[0]?.sourceRevisions?.[0]);
  assert.deepEqual(
    (await onlyExecution('ruled')).sourceRevisions?.map(({ revisionId }) => revisionId),
    [commitId],
    JSON.stringify(sourceRevisions),
  );
});

test('scenario 77: an event that is told twice starts one execution', async () => {
  await createPipeline('told');
  const commitId = await push('told', 'one');
  await putRule('on-told', 'told');
  const event = pushEvent('told', commitId, '11111111-2222-4333-8444-555555555555');
  await house.slipway.house.publish(event);
  await house.slipway.house.publish(event);
  const { trigger } = await onlyExecution('told');
  assert.deepEqual(trigger, { triggerType: 'CloudWatchEvent', triggerDetail: ruleArn('on-told') });
});

test('scenario 79: an input transformer with source revisions runs that commit, though there are newer ones', async () => {
  await createPipeline('pinned');
  const older = await push('pinned', 'one');
  await push('pinned', 'two', older);
  await putRule('on-pinned', 'pinned', {
    InputTransformer: {
      InputPathsMap: { commit: '$.detail.commitId' },
      InputTemplate:
        '{"sourceRevisions": {"actionName": "Source", "revisionType": "COMMIT_ID", "revisionValue": <commit>}}',
    },
  });
  await house.slipway.house.publish(pushEvent('pinned', older, '21111111-2222-4333-8444-555555555555'));
  const { pipelineExecutionId = '', trigger } = await onlyExecution('pinned');
  assert.equal(trigger?.triggerType, 'CloudWatchEvent');
  const run = await until('the source action', WITHIN_MS, async () =>
    (await pipelines.actions('pinned', pipelineExecutionId)).find(
      ({ actionName, status }) => actionName === 'Source' && status === 'Succeeded',
    ),
  );
  assert.equal(run.output?.outputVariables?.['CommitId'], older);
});

function pushEvent(repositoryName: string, commitId: string, id: string) {
  return {
    id,
    source: 'aws.codecommit',
    detailType: 'CodeCommit Repository State Change',
    account: ACCOUNT,
    region: 'us-east-1',
    at: Date.now(),
    resources: [`arn:aws:codecommit:us-east-1:${ACCOUNT}:${repositoryName}`],
    detail: {
      event: 'referenceUpdated',
      repositoryName,
      referenceType: 'branch',
      referenceName: 'main',
      referenceFullName: 'refs/heads/main',
      commitId,
    },
  };
}
