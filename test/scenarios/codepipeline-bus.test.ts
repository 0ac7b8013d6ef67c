/** Scenario 84 and the event of scenario 34: what the bus is told, as a rule with a queue as its target hears it. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EventBridge } from '@aws-sdk/client-eventbridge';
import { SQS } from '@aws-sdk/client-sqs';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createPipelines, type Pipelines, stageOf } from '#test/support/pipelines.ts';
import { until } from '#test/support/until.ts';

const WITHIN_MS = 20_000;

interface Told {
  readonly id: string;
  readonly source: string;
  readonly account: string;
  readonly region: string;
  readonly time: string;
  readonly resources: readonly string[];
  readonly 'detail-type': string;
  readonly detail: Readonly<Record<string, unknown>>;
}

let house: TestHouse;
let pipelines: Pipelines;
let events: EventBridge;
let sqs: SQS;
let QueueUrl: string | undefined;
const told: Told[] = [];
before(async () => {
  house = await createTestHouse();
  pipelines = await createPipelines(house);
  const { endpoint, region, credentials } = house;
  events = new EventBridge({ endpoint, region, credentials });
  sqs = new SQS({ endpoint, region, credentials });
  const arn = 'arn:aws:sqs:us-east-1:123456789012:told';
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: 'events.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: arn,
      },
    ],
  });
  ({ QueueUrl } = await sqs.createQueue({ QueueName: 'told', Attributes: { Policy } }));
  await events.putRule({ Name: 'all', EventPattern: JSON.stringify({ source: ['aws.codepipeline'] }) });
  await events.putTargets({ Rule: 'all', Targets: [{ Id: 'queue', Arn: arn }] });
});
after(async () => {
  for (const client of [events, sqs]) client.destroy();
  pipelines.close();
  await house.close();
});

/** Takes what has arrived; one event under one id, however often it came. */
async function listen(): Promise<void> {
  const { Messages = [] } = await sqs.receiveMessage({ QueueUrl, MaxNumberOfMessages: 10 });
  for (const { Body = '', ReceiptHandle } of Messages) {
    const event = JSON.parse(Body) as Told;
    if (!told.some((known) => known.id === event.id)) told.push(event);
    await sqs.deleteMessage({ QueueUrl, ReceiptHandle });
  }
}

function line({ detail }: Told): string {
  const { stage, action, state } = detail;
  return [action ? `action ${String(action)}` : stage ? `stage ${String(stage)}` : 'pipeline', state].join(
    ' ',
  );
}

function story(execution: string): string[] {
  return told.filter(({ detail }) => detail['execution-id'] === execution).map(line);
}

function heard(execution: string, wanted: string): Promise<Told> {
  return until(`${wanted} of ${execution}`, WITHIN_MS, async () => {
    await listen();
    return told.find((event) => event.detail['execution-id'] === execution && line(event) === wanted);
  });
}

test('scenario 84: the events of superseding are complete, with version, attempt and trigger', async () => {
  const e1 = await pipelines.create('web', [stageOf('S2', 'Build'), stageOf('S3', 'Deploy')]);
  await pipelines.running('web', e1, 'Build');
  const e2 = await pipelines.start('web');
  await pipelines.arrived('web', 'S2', e2);
  const e3 = await pipelines.start('web');
  // While the first one still holds the stage.
  const superseded = await heard(e2, 'pipeline SUPERSEDED');
  assert.equal(story(e1).includes('stage S2 SUCCEEDED'), false);
  for (const execution of [e1, e3]) {
    for (const action of ['Build', 'Deploy']) await pipelines.answer('web', execution, action, 'Approved');
    await heard(execution, 'pipeline SUCCEEDED');
  }
  const whole = [
    'pipeline STARTED',
    ...['stage S1 STARTED', 'action Fetch STARTED', 'action Fetch SUCCEEDED', 'stage S1 SUCCEEDED'],
    ...['stage S2 STARTED', 'action Build STARTED', 'action Build SUCCEEDED', 'stage S2 SUCCEEDED'],
    ...['stage S3 STARTED', 'action Deploy STARTED', 'action Deploy SUCCEEDED', 'stage S3 SUCCEEDED'],
    'pipeline SUCCEEDED',
  ];
  for (const execution of [e1, e3]) {
    await until('the whole story', WITHIN_MS, async () => {
      await listen();
      return story(execution).length === whole.length ? true : undefined;
    });
    assert.deepEqual(story(execution).sort(), [...whole].sort());
  }
  assert.deepEqual(story(e2).sort(), [...whole.slice(0, 5), 'pipeline SUPERSEDED'].sort());

  assert.equal(superseded['detail-type'], 'CodePipeline Pipeline Execution State Change');
  assert.deepEqual(superseded.resources, ['arn:aws:codepipeline:us-east-1:123456789012:web']);
  const { 'start-time': startTime, ...detail } = superseded.detail;
  assert.match(String(startTime), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(detail, {
    pipeline: 'web',
    'execution-id': e2,
    state: 'SUPERSEDED',
    version: 1,
    'pipeline-execution-attempt': 1,
  });
  const started = await heard(e2, 'pipeline STARTED');
  assert.deepEqual(started.detail['execution-trigger'], {
    'trigger-type': 'StartPipelineExecution',
    'trigger-detail': 'arn:aws:iam::123456789012:root',
  });
  const fetched = await heard(e1, 'action Fetch SUCCEEDED');
  assert.deepEqual(fetched.detail['type'], {
    category: 'Source',
    owner: 'AWS',
    provider: 'S3',
    version: '1',
  });
  assert.equal(fetched.detail['region'], 'us-east-1');
  const [artifact] = fetched.detail['output-artifacts'] as readonly { name: string; s3location: object }[];
  assert.deepEqual(Object.keys(artifact?.s3location ?? {}), ['bucket', 'key']);
});

test('scenario 34: a retry tells RESUMED at both levels, with the second attempt', async () => {
  const execution = await pipelines.create('again', [stageOf('S2', 'Build')]);
  await pipelines.answer('again', execution, 'Build', 'Rejected');
  await heard(execution, 'pipeline FAILED');
  await pipelines.codepipeline.retryStageExecution({
    ...{ pipelineName: 'again', stageName: 'S2', pipelineExecutionId: execution },
    retryMode: 'FAILED_ACTIONS',
  });
  const pipeline = await heard(execution, 'pipeline RESUMED');
  const stage = await heard(execution, 'stage S2 RESUMED');
  for (const event of [pipeline, stage]) assert.equal(event.detail['pipeline-execution-attempt'], 2);
  assert.ok(stage.detail['stage-last-retry-attempt-time']);
  const failed = await heard(execution, 'action Build FAILED');
  const result = failed.detail['execution-result'] as Record<string, string>;
  assert.equal(result['external-execution-summary'], 'by the test');
});
