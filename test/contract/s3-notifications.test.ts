/** What a bucket tells of its changes: to queues and topics that it names, and on the bus, written, deleted or expired. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EventBridge } from '@aws-sdk/client-eventbridge';
import { S3 } from '@aws-sdk/client-s3';
import { SNS } from '@aws-sdk/client-sns';
import { SQS } from '@aws-sdk/client-sqs';
import { applyLifecycles } from '#services/s3/expiring.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { s3RoomOf } from '#test/support/s3-room.ts';

let house: TestHouse;
let s3: S3;
let sqs: SQS;
let sns: SNS;
const Bucket = 'files';
before(async () => {
  house = await createTestHouse();
  const { endpoint, region, credentials } = house;
  const settings = { endpoint, region, credentials, maxAttempts: 1 };
  s3 = new S3({ ...settings, forcePathStyle: true });
  sqs = new SQS(settings);
  sns = new SNS(settings);
  await s3.createBucket({ Bucket });
});
after(() => house.close());

const arnOf = (service: string, name: string) =>
  `arn:aws:${service}:${house.region}:${house.account}:${name}`;
/** Of S3, for this bucket alone. */
const allow = (service: string, action: string, name: string, bucket = Bucket) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: 's3.amazonaws.com' },
        Action: action,
        Resource: arnOf(service, name),
        Condition: { ArnLike: { 'aws:SourceArn': `arn:aws:s3:::${bucket}` } },
      },
    ],
  });
async function createQueue(name: string, bucket?: string): Promise<string> {
  const Policy = allow('sqs', 'sqs:SendMessage', name, bucket);
  return (await sqs.createQueue({ QueueName: name, Attributes: { Policy } })).QueueUrl ?? '';
}
interface Told {
  readonly Event?: string;
  readonly Records?: readonly {
    readonly eventName: string;
    readonly s3: { readonly configurationId: string; readonly object: Record<string, unknown> };
  }[];
}
async function receive(QueueUrl: string, count: number): Promise<Told[]> {
  const found: Told[] = [];
  while (found.length < count) {
    const { Messages = [] } = await sqs.receiveMessage({
      QueueUrl,
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: 20,
    });
    assert.notEqual(Messages.length, 0, 'nothing came');
    for (const { Body = '', ReceiptHandle } of Messages) {
      await sqs.deleteMessage({ QueueUrl, ReceiptHandle });
      found.push(JSON.parse(Body) as Told);
    }
  }
  return found;
}
const names = (told: readonly Told[]) =>
  told
    .flatMap(({ Records = [] }) =>
      Records.map(({ eventName, s3: { object } }) => `${eventName} ${String(object['key'])}`),
    )
    .sort();

test('queues and topics hear of what their filters name, and of nothing else', async () => {
  const url = await createQueue('changes');
  const TopicArn =
    (await sns.createTopic({ Name: 'gone', Attributes: { Policy: allow('sns', 'sns:Publish', 'gone') } }))
      .TopicArn ?? '';
  const NotificationConfiguration = {
    QueueConfigurations: [
      {
        Id: 'made',
        QueueArn: arnOf('sqs', 'changes'),
        Events: ['s3:ObjectCreated:*' as const],
        Filter: {
          Key: {
            FilterRules: [
              { Name: 'prefix' as const, Value: 'in/' },
              { Name: 'suffix' as const, Value: '.txt' },
            ],
          },
        },
      },
    ],
    TopicConfigurations: [{ Id: 'gone', TopicArn, Events: ['s3:ObjectRemoved:*' as const] }],
  };
  const heard = await createQueue('of-topic');
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: 'sns.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: arnOf('sqs', 'of-topic'),
      },
    ],
  });
  await sqs.setQueueAttributes({ QueueUrl: heard, Attributes: { Policy } });
  await sns.subscribe({
    TopicArn,
    Protocol: 'sqs',
    Endpoint: arnOf('sqs', 'of-topic'),
    Attributes: { RawMessageDelivery: 'true' },
  });
  await s3.putBucketNotificationConfiguration({ Bucket, NotificationConfiguration });
  const { QueueConfigurations, TopicConfigurations } = await s3.getBucketNotificationConfiguration({
    Bucket,
  });
  assert.deepEqual({ QueueConfigurations, TopicConfigurations }, NotificationConfiguration);
  const [testEvent] = await receive(url, 1);
  assert.equal(testEvent?.Event, 's3:TestEvent');

  await s3.putObject({ Bucket, Key: 'in/ä b+c.txt', Body: 'hello' });
  await s3.putObject({ Bucket, Key: 'in/other.jpg', Body: 'x' });
  await s3.copyObject({ Bucket, Key: 'in/copy.txt', CopySource: `${Bucket}/in/other.jpg` });
  const told = await receive(url, 2);
  assert.deepEqual(names(told), ['ObjectCreated:Copy in/copy.txt', 'ObjectCreated:Put in/%C3%A4+b%2Bc.txt']);
  const record = told
    .flatMap(({ Records = [] }) => Records)
    .find(({ eventName }) => eventName.endsWith('Put'));
  assert.equal(record?.s3.configurationId, 'made');
  assert.equal(record?.s3.object['size'], 5);

  await s3.deleteObject({ Bucket, Key: 'in/other.jpg' });
  await s3.deleteObject({ Bucket, Key: 'never-there' });
  await s3.deleteObjects({ Bucket, Delete: { Objects: [{ Key: 'in/copy.txt' }] } });
  const gone = (await receive(heard, 3)).filter(({ Event }) => Event === undefined);
  assert.deepEqual(names(gone), ['ObjectRemoved:Delete in/copy.txt', 'ObjectRemoved:Delete in/other.jpg']);
});

test('markers and what lifecycle rules expire are told as such, on the bus too', async () => {
  const bucket = 'kept';
  await s3.createBucket({ Bucket: bucket });
  await s3.putBucketVersioning({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } });
  const url = await createQueue('kept', bucket);
  const events = new EventBridge({
    endpoint: house.endpoint,
    region: house.region,
    credentials: house.credentials,
  });
  const onBus = await createQueue('on-bus');
  const { RuleArn } = await events.putRule({
    Name: 'deleted',
    EventPattern: JSON.stringify({
      source: ['aws.s3'],
      'detail-type': ['Object Deleted'],
      detail: { bucket: { name: [bucket] } },
    }),
  });
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: 'events.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: arnOf('sqs', 'on-bus'),
        Condition: { ArnEquals: { 'aws:SourceArn': RuleArn } },
      },
    ],
  });
  await sqs.setQueueAttributes({ QueueUrl: onBus, Attributes: { Policy } });
  await events.putTargets({ Rule: 'deleted', Targets: [{ Id: 'q', Arn: arnOf('sqs', 'on-bus') }] });
  await s3.putBucketNotificationConfiguration({
    Bucket: bucket,
    SkipDestinationValidation: true,
    NotificationConfiguration: {
      QueueConfigurations: [
        { QueueArn: arnOf('sqs', 'kept'), Events: ['s3:ObjectRemoved:*', 's3:LifecycleExpiration:*'] },
      ],
    },
  });
  const { VersionId } = await s3.putObject({ Bucket: bucket, Key: 'a', Body: 'x' });
  await s3.putObject({ Bucket: bucket, Key: 'b', Body: 'x' });
  await s3.deleteObject({ Bucket: bucket, Key: 'a' });
  await s3.deleteObject({ Bucket: bucket, Key: 'a', VersionId });
  await s3.putBucketLifecycleConfiguration({
    Bucket: bucket,
    LifecycleConfiguration: {
      Rules: [{ Status: 'Enabled', Filter: { Prefix: 'b' }, Expiration: { Days: 1 } }],
    },
  });
  await applyLifecycles(s3RoomOf(house.slipway), house.slipway.house.clock.now() + 3 * 24 * 3_600_000);
  assert.deepEqual(names(await receive(url, 3)), [
    'LifecycleExpiration:DeleteMarkerCreated b',
    'ObjectRemoved:Delete a',
    'ObjectRemoved:DeleteMarkerCreated a',
  ]);
  const details = (await receive(onBus, 3)).map(
    (event) => (event as { detail: Record<string, unknown> }).detail,
  );
  assert.deepEqual(
    details.map((detail) => `${String(detail['reason'])}: ${String(detail['deletion-type'])}`).sort(),
    [
      'DeleteObject: Delete Marker Created',
      'DeleteObject: Permanently Deleted',
      'Lifecycle Expiration: Delete Marker Created',
    ],
  );
});

test('a listener that cannot be told, an unclear or a doubled rule is refused', async () => {
  await createQueue('open');
  await sqs.createQueue({ QueueName: 'closed' });
  const put = (
    ...rules: readonly { readonly Id?: string; readonly QueueArn: string; readonly Events: string[] }[]
  ) =>
    s3.putBucketNotificationConfiguration({
      Bucket,
      NotificationConfiguration: { QueueConfigurations: rules as never },
    });
  const made = ['s3:ObjectCreated:*'];
  const wrong: readonly (readonly [Promise<unknown>, string, RegExp])[] = [
    [
      put({ QueueArn: arnOf('sqs', 'closed'), Events: made }),
      'InvalidArgument',
      /Unable to validate the following destination/,
    ],
    [put({ QueueArn: arnOf('sqs', 'none'), Events: made }), 'InvalidArgument', /Unable to validate/],
    [put({ QueueArn: 'nonsense', Events: made }), 'InvalidArgument', /could not be parsed/],
    [put({ QueueArn: arnOf('sqs', 'q.fifo'), Events: made }), 'InvalidArgument', /FIFO/],
    [
      put({ QueueArn: arnOf('sqs', 'open'), Events: ['s3:Replication:*'] }),
      'InvalidArgument',
      /does not happen here/,
    ],
    [
      put(
        { Id: 'one', QueueArn: arnOf('sqs', 'open'), Events: made },
        { Id: 'two', QueueArn: arnOf('sqs', 'open'), Events: ['s3:ObjectCreated:Put'] },
      ),
      'InvalidArgument',
      /overlap.*one and two/,
    ],
    [
      s3.putBucketNotificationConfiguration({
        Bucket,
        NotificationConfiguration: {
          LambdaFunctionConfigurations: [
            { LambdaFunctionArn: arnOf('lambda', 'function:f'), Events: ['s3:ObjectCreated:*'] },
          ],
        },
      }),
      'NotImplemented',
      /Lambda/,
    ],
  ];
  for (const [attempt, name, message] of wrong) await assert.rejects(attempt, { name, message });
});
