/** Recorded calls as events: rules hear of what was changed, once, and nothing is written where no rule waits. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

const WITHIN_MS = 10_000;
let house: TestHouse;
let queueUrl: string;
before(async () => {
  house = await createTestHouse();
  const { root } = house.slipway;
  const { QueueUrl: url = '' } = await root.send('sqs:CreateQueue', { QueueName: 'heard' });
  queueUrl = url;
  const policy = {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: 'events.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: 'arn:aws:sqs:us-east-1:123456789012:heard',
      },
    ],
  };
  await root.send('sqs:SetQueueAttributes', {
    QueueUrl: url,
    Attributes: { Policy: JSON.stringify(policy) },
  });
});
after(() => house.close());

interface Heard {
  readonly id: string;
  readonly source: string;
  readonly 'detail-type': string;
  readonly detail: {
    readonly eventName: string;
    readonly requestParameters: Readonly<Record<string, string>>;
  };
}

/** The next message, deleted. */
function hear(): Promise<Heard> {
  return until('a message', WITHIN_MS, async () => {
    const { root } = house.slipway;
    const { Messages: [message] = [] } = await root.send('sqs:ReceiveMessage', { QueueUrl: queueUrl });
    if (!message) return undefined;
    await root.send('sqs:DeleteMessage', { QueueUrl: queueUrl, ReceiptHandle: message.ReceiptHandle ?? '' });
    return JSON.parse(message.Body ?? '') as Heard;
  });
}

async function createRule(name: string, pattern: object): Promise<void> {
  const { root } = house.slipway;
  await root.send('events:PutRule', { Name: name, EventPattern: JSON.stringify(pattern) });
  const target = { Id: 'queue', Arn: 'arn:aws:sqs:us-east-1:123456789012:heard' };
  await root.send('events:PutTargets', { Rule: name, Targets: [target] });
}

test('a call is an event for the rule that waits for it, and for nobody else', async () => {
  const { root } = house.slipway;
  await root.send('codecommit:CreateRepository', { repositoryName: 'before' });
  await createRule('repositories', {
    source: ['aws.codecommit'],
    'detail-type': ['AWS API Call via CloudTrail'],
    detail: { eventSource: ['codecommit.amazonaws.com'], eventName: ['CreateRepository', 'GetRepository'] },
  });
  await root.send('codecommit:GetRepository', { repositoryName: 'before' });
  await root.send('codecommit:DeleteRepository', { repositoryName: 'before' });
  await root.send('codecommit:CreateRepository', { repositoryName: 'after' });
  const heard = await hear();
  const { Events: [event] = [] } = await root.send('cloudtrail:LookupEvents', {
    LookupAttributes: [{ AttributeKey: 'ResourceName', AttributeValue: 'after' }],
  });
  assert.equal(heard.id, event?.EventId);
  assert.equal(heard['detail-type'], 'AWS API Call via CloudTrail');
  assert.equal(heard.source, 'aws.codecommit');
  assert.deepEqual(heard.detail, JSON.parse(event?.CloudTrailEvent ?? '{}'));
  await house.slipway.house.engine.idle();
  const { Messages: more = [] } = await root.send('sqs:ReceiveMessage', { QueueUrl: queueUrl });
  assert.deepEqual(more, []);
});

test('an object that a trail selects is an event with its bucket and key', async () => {
  const { root } = house.slipway;
  for (const Bucket of ['objects', 'files']) await root.send('s3:CreateBucket', { Bucket });
  const statement = { Effect: 'Allow', Principal: { Service: 'cloudtrail.amazonaws.com' } };
  await root.send('s3:PutBucketPolicy', {
    Bucket: 'files',
    Policy: JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { ...statement, Action: 's3:GetBucketAcl', Resource: 'arn:aws:s3:::files' },
        { ...statement, Action: 's3:PutObject', Resource: 'arn:aws:s3:::files/AWSLogs/*' },
      ],
    }),
  });
  await root.send('cloudtrail:CreateTrail', { Name: 'objects', S3BucketName: 'files' });
  await root.send('cloudtrail:StartLogging', { Name: 'objects' });
  const resources = [{ Type: 'AWS::S3::Object', Values: ['arn:aws:s3:::objects/'] }];
  await root.send('cloudtrail:PutEventSelectors', {
    TrailName: 'objects',
    EventSelectors: [{ ReadWriteType: 'WriteOnly', DataResources: resources }],
  });
  await createRule('objects', {
    source: ['aws.s3'],
    'detail-type': ['AWS API Call via CloudTrail'],
    detail: { eventName: ['PutObject'], requestParameters: { bucketName: ['objects'], key: ['site.zip'] } },
  });
  await root.send('s3:PutObject', { Bucket: 'objects', Key: 'other.zip', Body: Buffer.from('a') });
  await root.send('s3:PutObject', { Bucket: 'objects', Key: 'site.zip', Body: Buffer.from('b') });
  const { source, detail } = await hear();
  assert.equal(source, 'aws.s3');
  assert.deepEqual(
    [detail.eventName, detail.requestParameters['bucketName'], detail.requestParameters['key']],
    ['PutObject', 'objects', 'site.zip'],
  );
});

test('what rules and trails do themselves is not told, so that nothing goes in circles', async () => {
  const { root } = house.slipway;
  await createRule('everything', { 'detail-type': ['AWS API Call via CloudTrail'] });
  const events = house.slipway.house.asService('events');
  await assert.rejects(events.send('codecommit:CreateRepository', { repositoryName: 'circle' }));
  await root.send('codecommit:CreateRepository', { repositoryName: 'line' });
  const names: (string | undefined)[] = [];
  while (!names.includes('line')) names.push((await hear()).detail.requestParameters['repositoryName']);
  assert.equal(names.includes('circle'), false);
});
