/** SQS through the official client, which compares every MD5 digest with its own. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Message, type QueueDoesNotExist, SQS, type SendMessageCommandInput } from '@aws-sdk/client-sqs';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { postgresSkip, startPostgres, type Cluster } from '#test/support/postgres.ts';

const ACCOUNT = '123456789012';
const arnOf = (name: string) => `arn:aws:sqs:us-east-1:${ACCOUNT}:${name}`;

function connect(house: TestHouse): SQS {
  const { endpoint, region, credentials } = house;
  return new SQS({ endpoint, region, credentials, maxAttempts: 1 });
}

async function createQueue(sqs: SQS, name: string, attributes: Record<string, string> = {}): Promise<string> {
  const { QueueUrl } = await sqs.createQueue({ QueueName: name, Attributes: attributes });
  return QueueUrl ?? '';
}

async function receiveAll(sqs: SQS, url: string, more: object = {}): Promise<readonly Message[]> {
  const messages: Message[] = [];
  for (;;) {
    const { Messages = [] } = await sqs.receiveMessage({ QueueUrl: url, MaxNumberOfMessages: 10, ...more });
    if (Messages.length === 0) return messages;
    messages.push(...Messages);
  }
}

function refused(promise: Promise<unknown>, name: string, message: RegExp): Promise<void> {
  return assert.rejects(promise, (error: Error) => {
    assert.equal(error.name, name, error.message);
    assert.match(error.message, message);
    return true;
  });
}

describe('on SQLite', () => suite(async () => undefined));

describe('on PostgreSQL', { skip: postgresSkip }, () => {
  let cluster: Cluster | undefined;
  after(() => cluster?.stop());
  suite(async () => {
    cluster = await startPostgres();
    return cluster.createDatabase();
  });
});

function suite(openDatabase: () => Promise<string | undefined>): void {
  let house: TestHouse;
  let sqs: SQS;
  before(async () => {
    const databaseUrl = await openDatabase();
    house = await createTestHouse(databaseUrl === undefined ? {} : { databaseUrl });
    sqs = connect(house);
  });
  after(async () => {
    sqs.destroy();
    await house.close();
  });

  test('a message travels with its attributes, is hidden while somebody has it, and is deleted', async () => {
    const url = await createQueue(sqs, 'orders');
    assert.equal(url, `${house.endpoint}/${ACCOUNT}/orders`);
    const sent = await sqs.sendMessage({
      QueueUrl: url,
      MessageBody: 'Grüße "1" & 2\n',
      MessageAttributes: {
        kind: { DataType: 'String', StringValue: 'order' },
        'count.of': { DataType: 'Number.int', StringValue: '3' },
        raw: { DataType: 'Binary', BinaryValue: new Uint8Array([0, 255, 10]) },
      },
    });
    const { Messages: [message] = [] } = await sqs.receiveMessage({
      QueueUrl: url,
      MessageAttributeNames: ['All'],
      MessageSystemAttributeNames: ['All'],
    });
    assert.equal(message?.MessageId, sent.MessageId);
    assert.equal(message?.Body, 'Grüße "1" & 2\n');
    assert.deepEqual(message.MessageAttributes?.['raw']?.BinaryValue, new Uint8Array([0, 255, 10]));
    assert.equal(message.MessageAttributes?.['count.of']?.StringValue, '3');
    assert.equal(message.MD5OfMessageAttributes, sent.MD5OfMessageAttributes);
    assert.equal(message.Attributes?.ApproximateReceiveCount, '1');
    assert.equal(message.Attributes?.SenderId, ACCOUNT);
    assert.deepEqual(await receiveAll(sqs, url), []);
    const counted = await sqs.getQueueAttributes({ QueueUrl: url, AttributeNames: ['All'] });
    assert.equal(counted.Attributes?.ApproximateNumberOfMessages, '0');
    assert.equal(counted.Attributes?.ApproximateNumberOfMessagesNotVisible, '1');
    assert.equal(counted.Attributes?.QueueArn, arnOf('orders'));
    await sqs.deleteMessage({ QueueUrl: url, ReceiptHandle: message.ReceiptHandle });
    await sqs.deleteMessage({ QueueUrl: url, ReceiptHandle: message.ReceiptHandle });
    await refused(
      sqs.deleteMessage({ QueueUrl: url, ReceiptHandle: 'x' }),
      'ReceiptHandleIsInvalid',
      /not a valid receipt handle/,
    );
  });

  test('a message whose time is over is seen again, and the older receipt counts no more', async () => {
    const url = await createQueue(sqs, 'again');
    await sqs.sendMessage({ QueueUrl: url, MessageBody: 'a' });
    const first = await sqs.receiveMessage({ QueueUrl: url });
    const handle = first.Messages?.[0]?.ReceiptHandle;
    await sqs.changeMessageVisibility({ QueueUrl: url, ReceiptHandle: handle, VisibilityTimeout: 0 });
    const second = await sqs.receiveMessage({ QueueUrl: url, MessageSystemAttributeNames: ['All'] });
    assert.equal(second.Messages?.[0]?.Attributes?.ApproximateReceiveCount, '2');
    await sqs.deleteMessage({ QueueUrl: url, ReceiptHandle: handle });
    const { Attributes } = await sqs.getQueueAttributes({
      QueueUrl: url,
      AttributeNames: ['ApproximateNumberOfMessagesNotVisible'],
    });
    assert.deepEqual(Attributes, { ApproximateNumberOfMessagesNotVisible: '1' });
    await refused(
      sqs.changeMessageVisibility({ QueueUrl: url, ReceiptHandle: handle, VisibilityTimeout: 5 }),
      'MessageNotInflight',
      /not in flight/,
    );
  });

  test('ten receivers at once get every message once', async () => {
    const url = await createQueue(sqs, 'shared');
    for (let batch = 0; batch < 10; batch++) {
      const Entries = Array.from({ length: 10 }, (_, i) => ({ Id: `${i}`, MessageBody: `${batch}-${i}` }));
      const { Successful, Failed } = await sqs.sendMessageBatch({ QueueUrl: url, Entries });
      assert.equal(Successful?.length, 10);
      assert.deepEqual(Failed ?? [], []);
    }
    const received = await Promise.all(
      Array.from({ length: 10 }, () => receiveAll(sqs, url, { WaitTimeSeconds: 0 })),
    );
    const bodies = received.flat().map((message) => message.Body);
    assert.equal(bodies.length, 100);
    assert.equal(new Set(bodies).size, 100);
    const Entries = received.flat().slice(0, 10);
    const deleted = await sqs.deleteMessageBatch({
      QueueUrl: url,
      Entries: Entries.map(({ ReceiptHandle }, i) => ({
        Id: `${i}`,
        ReceiptHandle: i === 3 ? '?' : ReceiptHandle,
      })),
    });
    assert.equal(deleted.Successful?.length, 9);
    assert.equal(deleted.Failed?.[0]?.Code, 'ReceiptHandleIsInvalid');
  });

  test('a held poll is answered by the message that comes, and by nothing when none comes', async () => {
    const url = await createQueue(sqs, 'held');
    const startedAt = Date.now();
    const waiting = sqs.receiveMessage({ QueueUrl: url, WaitTimeSeconds: 20 });
    await sqs.sendMessage({ QueueUrl: url, MessageBody: 'now', DelaySeconds: 1 });
    const { Messages } = await waiting;
    const tookMs = Date.now() - startedAt;
    assert.equal(Messages?.[0]?.Body, 'now');
    assert.ok(tookMs >= 900 && tookMs < 10_000, `after ${tookMs} ms`);
    const empty = await sqs.receiveMessage({ QueueUrl: url, WaitTimeSeconds: 1 });
    assert.equal(empty.Messages, undefined);
  });

  test('what was received too often goes to the queue for dead letters', async () => {
    const dead = await createQueue(sqs, 'dead');
    const redrive = { deadLetterTargetArn: arnOf('dead'), maxReceiveCount: 2 };
    const url = await createQueue(sqs, 'work', {
      VisibilityTimeout: '0',
      RedrivePolicy: JSON.stringify(redrive),
    });
    await sqs.sendMessage({ QueueUrl: url, MessageBody: 'poison' });
    for (let i = 0; i < 2; i++) {
      const { Messages } = await sqs.receiveMessage({ QueueUrl: url });
      assert.equal(Messages?.[0]?.Body, 'poison');
    }
    assert.equal((await sqs.receiveMessage({ QueueUrl: url })).Messages, undefined);
    const [letter] = await receiveAll(sqs, dead, { MessageSystemAttributeNames: ['All'] });
    assert.equal(letter?.Body, 'poison');
    assert.equal(letter?.Attributes?.DeadLetterQueueSourceArn, arnOf('work'));
    const { queueUrls } = await sqs.listDeadLetterSourceQueues({ QueueUrl: dead });
    assert.deepEqual(queueUrls, [url]);
    await refused(
      sqs.setQueueAttributes({
        QueueUrl: url,
        Attributes: { RedrivePolicy: JSON.stringify({ ...redrive, deadLetterTargetArn: arnOf('none') }) },
      }),
      'InvalidParameterValue',
      /Dead letter target does not exist/,
    );
  });

  test('a FIFO queue keeps the order of each group, and sends a repeated message once', async () => {
    const url = await createQueue(sqs, 'steps.fifo', { FifoQueue: 'true' });
    const send = (body: string, group: string, more: Partial<SendMessageCommandInput> = {}) =>
      sqs.sendMessage({
        QueueUrl: url,
        MessageBody: body,
        MessageGroupId: group,
        MessageDeduplicationId: body,
        ...more,
      });
    const first = await send('a1', 'a');
    await send('a2', 'a');
    await send('b1', 'b');
    const repeated = await send('a1', 'a');
    assert.equal(repeated.MessageId, first.MessageId);
    assert.equal(repeated.SequenceNumber, first.SequenceNumber);
    assert.equal(first.SequenceNumber?.length, 20);
    const one = await sqs.receiveMessage({ QueueUrl: url, MessageSystemAttributeNames: ['All'] });
    assert.equal(one.Messages?.[0]?.Body, 'a1');
    assert.equal(one.Messages?.[0]?.Attributes?.MessageGroupId, 'a');
    // a2 waits for a1.
    const rest = await receiveAll(sqs, url);
    assert.deepEqual(
      rest.map((message) => message.Body),
      ['b1'],
    );
    const waiting = sqs.receiveMessage({ QueueUrl: url, WaitTimeSeconds: 10 });
    await sqs.deleteMessage({ QueueUrl: url, ReceiptHandle: one.Messages?.[0]?.ReceiptHandle });
    assert.equal((await waiting).Messages?.[0]?.Body, 'a2');
    await refused(
      sqs.sendMessage({ QueueUrl: url, MessageBody: 'x', MessageGroupId: 'a' }),
      'InvalidParameterValue',
      /ContentBasedDeduplication/,
    );
  });

  test('queues are found, listed, changed, tagged, emptied and deleted; errors have both their names', async () => {
    const url = await createQueue(sqs, 'plain', { VisibilityTimeout: '10' });
    assert.equal(await createQueue(sqs, 'plain', { VisibilityTimeout: '10' }), url);
    await refused(
      createQueue(sqs, 'plain', { VisibilityTimeout: '11' }),
      'QueueNameExists',
      /VisibilityTimeout/,
    );
    await refused(createQueue(sqs, 'no spaces'), 'InvalidParameterValue', /alphanumeric/);
    await refused(createQueue(sqs, 'q', { QueueArn: '1' }), 'InvalidAttributeName', /QueueArn/);
    await refused(createQueue(sqs, 'q', { DelaySeconds: '901' }), 'InvalidAttributeValue', /DelaySeconds/);
    const { QueueUrl } = await sqs.getQueueUrl({ QueueName: 'plain' });
    assert.equal(QueueUrl, url);
    const listed = await sqs.listQueues({ QueueNamePrefix: 'pl', MaxResults: 1 });
    assert.deepEqual(listed.QueueUrls, [url]);
    await sqs.tagQueue({ QueueUrl: url, Tags: { a: '1', b: '2' } });
    await sqs.untagQueue({ QueueUrl: url, TagKeys: ['a'] });
    assert.deepEqual((await sqs.listQueueTags({ QueueUrl: url })).Tags, { b: '2' });
    await sqs.addPermission({
      QueueUrl: url,
      Label: 'x',
      AWSAccountIds: [ACCOUNT],
      Actions: ['SendMessage'],
    });
    const { Attributes } = await sqs.getQueueAttributes({ QueueUrl: url, AttributeNames: ['Policy'] });
    assert.equal(JSON.parse(Attributes?.Policy ?? '').Statement[0].Action[0], 'SQS:SendMessage');
    await sqs.removePermission({ QueueUrl: url, Label: 'x' });
    await sqs.sendMessage({ QueueUrl: url, MessageBody: 'gone' });
    await sqs.purgeQueue({ QueueUrl: url });
    assert.deepEqual(await receiveAll(sqs, url), []);
    await refused(sqs.purgeQueue({ QueueUrl: url }), 'PurgeQueueInProgress', /every 60 seconds/);
    await sqs.deleteQueue({ QueueUrl: url });
    await assert.rejects(sqs.sendMessage({ QueueUrl: url, MessageBody: 'x' }), (error: QueueDoesNotExist) => {
      assert.equal(error.name, 'QueueDoesNotExist');
      assert.equal(
        (error as unknown as { Code?: string; Error?: { Code?: string } }).Error?.Code,
        'AWS.SimpleQueueService.NonExistentQueue',
      );
      return true;
    });
  });

  test('what a message must not be is refused in the words of SQS', async () => {
    const url = await createQueue(sqs, 'strict', { MaximumMessageSize: '1024' });
    const send = (MessageBody: string, more: object = {}) =>
      sqs.sendMessage({ QueueUrl: url, MessageBody, ...more });
    await refused(send('x'.repeat(1025)), 'InvalidParameterValue', /shorter than 1024 bytes/);
    await refused(send('\u0001'), 'InvalidMessageContents', /Invalid characters/);
    await refused(send('x', { DelaySeconds: 901 }), 'InvalidParameterValue', /DelaySeconds/);
    await refused(
      send('x', { MessageAttributes: { a: { DataType: 'Text', StringValue: 'x' } } }),
      'InvalidParameterValue',
      /supported type prefixes/,
    );
    await refused(sqs.sendMessageBatch({ QueueUrl: url, Entries: [] }), 'EmptyBatchRequest', /at least one/);
    await refused(
      sqs.receiveMessage({ QueueUrl: url, MaxNumberOfMessages: 11 }),
      'InvalidParameterValue',
      /between 1 and 10/,
    );
  });
}
