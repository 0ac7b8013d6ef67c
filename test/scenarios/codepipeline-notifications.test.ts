/** Scenario 85: what notification rules tell of a pipeline, read from a queue behind the rule's topic. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CodestarNotifications } from '@aws-sdk/client-codestar-notifications';
import type { StageDeclaration } from '@aws-sdk/client-codepipeline';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { approval, createPipelines, type Pipelines, stageOf } from '#test/support/pipelines.ts';
import { createReadTopic, type ReadTopic } from '#test/support/topics.ts';

let house: TestHouse;
let pipelines: Pipelines;
let topic: ReadTopic;
let notifications: CodestarNotifications;

before(async () => {
  house = await createTestHouse();
  pipelines = await createPipelines(house);
  topic = await createReadTopic(house, 'told', 'codestar-notifications.amazonaws.com');
  const { endpoint, region, credentials } = house;
  notifications = new CodestarNotifications({ endpoint, region, credentials });
});
after(async () => {
  notifications.destroy();
  topic.close();
  pipelines.close();
  await house.close();
});

async function createRule(
  pipeline: string,
  DetailType: 'BASIC' | 'FULL',
  ...endings: string[]
): Promise<string> {
  const { Arn = '' } = await notifications.createNotificationRule({
    Name: `${pipeline}-${DetailType}`,
    Resource: `arn:aws:codepipeline:us-east-1:123456789012:${pipeline}`,
    DetailType,
    EventTypeIds: endings.map((ending) => `codepipeline-pipeline-${ending}`),
    Targets: [{ TargetType: 'SNS', TargetAddress: topic.arn }],
  });
  return Arn;
}

interface Told {
  readonly detail: Readonly<Record<string, unknown>>;
  readonly time: string;
  readonly [name: string]: unknown;
}

async function told(): Promise<Told> {
  return JSON.parse((await topic.next()).Message) as Told;
}

/** The last stage puts the source into a bucket that is not there. */
const failing: StageDeclaration = {
  name: 'Deploy',
  actions: [
    {
      name: 'Put',
      actionTypeId: { category: 'Deploy', owner: 'AWS', provider: 'S3', version: '1' },
      configuration: { BucketName: 'nowhere', Extract: 'false', ObjectKey: 'site.zip' },
      inputArtifacts: [{ name: 'Site' }],
    },
  ],
};

test('scenario 85: a failed execution is told with its stage and its actions', async () => {
  const Arn = await createRule('breaks', 'FULL', 'pipeline-execution-failed');
  const execution = await pipelines.create('breaks', [{ ...failing, actions: [...(failing.actions ?? [])] }]);
  const message = await told();
  const [run] = await pipelines.actions('breaks', execution);
  const reason = run?.output?.executionResult?.errorDetails?.message ?? '';
  assert.match(reason, /bucket/i);
  assert.deepEqual(
    { ...message, detail: { ...message.detail, 'start-time': '' }, time: '' },
    {
      account: '123456789012',
      detailType: 'CodePipeline Pipeline Execution State Change',
      region: 'us-east-1',
      source: 'aws.codepipeline',
      time: '',
      notificationRuleArn: Arn,
      detail: {
        pipeline: 'breaks',
        'execution-id': execution,
        'start-time': '',
        state: 'FAILED',
        version: 1,
        'pipeline-execution-attempt': 1,
      },
      resources: ['arn:aws:codepipeline:us-east-1:123456789012:breaks'],
      additionalAttributes: {
        failedActionCount: 1,
        failedActions: [{ action: 'Put', additionalInformation: reason }],
        failedStage: 'Deploy',
      },
    },
  );
  assert.match(message.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
});

test('scenario 85: without the full detail no error text is told', async () => {
  await createRule('quiet', 'BASIC', 'pipeline-execution-failed', 'action-execution-failed');
  await pipelines.create('quiet', [{ ...failing, actions: [...(failing.actions ?? [])] }]);
  const messages = [await told(), await told()];
  const byType = (word: string) => messages.find(({ detailType }) => String(detailType).includes(word));
  assert.deepEqual(byType('Pipeline Execution')?.['additionalAttributes'], {
    failedActionCount: 1,
    failedActions: [{ action: 'Put' }],
    failedStage: 'Deploy',
  });
  assert.deepEqual(byType('Action')?.['additionalAttributes'], {});
});

test('a stage that starts tells its sources, an approval what it asks', async () => {
  await createRule(
    'gated',
    'FULL',
    'stage-execution-started',
    'manual-approval-needed',
    'manual-approval-succeeded',
  );
  const ask = approval('Ask', {
    configuration: {
      CustomData: 'Ship #{codepipeline.PipelineExecutionId}?',
      ExternalEntityLink: 'https://example.com/',
    },
  });
  const execution = await pipelines.create('gated', [{ name: 'S2', actions: [ask] }, stageOf('S3', 'Last')]);
  const messages = [await told(), await told(), await told()];
  const started = messages.find(({ detail }) => detail['stage'] === 'S2' && detail['action'] === undefined);
  const [source] = (started?.['additionalAttributes'] as { sourceActions: Record<string, unknown>[] })
    .sourceActions;
  assert.equal(source?.['sourceActionName'], 'Fetch');
  assert.equal(source['sourceActionProvider'], 'S3');
  assert.equal((source['sourceActionVariables'] as Record<string, string>)['BucketName'], 'source');
  const needed = messages.find(({ detail }) => detail['action'] === 'Ask');
  assert.deepEqual(needed?.['additionalAttributes'], {
    externalEntityLink: 'https://example.com/',
    customData: `Ship ${execution}?`,
  });
  await pipelines.answer('gated', execution, 'Ask', 'Approved');
  const later = [await told(), await told()];
  assert.ok(later.some(({ detail }) => detail['action'] === 'Ask' && detail['state'] === 'SUCCEEDED'));
});
