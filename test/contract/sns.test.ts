/** SNS through the official client, with real receivers at the other ends of its subscriptions. */

import assert from 'node:assert/strict';
import { createVerify, X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import { SNS } from '@aws-sdk/client-sns';
import { SQS, type Message } from '@aws-sdk/client-sqs';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import {
  type MailReceiver,
  openMailReceiver,
  openWebReceiver,
  textOfMail,
  type WebReceiver,
} from '#test/support/receivers.ts';

let house: TestHouse;
let sns: SNS;
let sqs: SQS;
let web: WebReceiver;
let mail: MailReceiver;

function connect(): void {
  const { endpoint, region, credentials } = house;
  sns = new SNS({ endpoint, region, credentials, maxAttempts: 1 });
  sqs = new SQS({ endpoint, region, credentials, maxAttempts: 1 });
}

before(async () => {
  mail = await openMailReceiver();
  web = await openWebReceiver();
  house = await createTestHouse({
    serverEnvironment: { SLIPWAY_SMTP_URL: mail.url, SLIPWAY_SNS_PRIVATE_ENDPOINTS: 'allow' },
  });
  connect();
});
after(async () => {
  sns.destroy();
  sqs.destroy();
  await house.close();
  await web.close();
  await mail.close();
});

const ACCOUNT = '123456789012';
const queueArn = (name: string) => `arn:aws:sqs:us-east-1:${ACCOUNT}:${name}`;

async function createTopic(Name: string, Attributes: Record<string, string> = {}): Promise<string> {
  const { TopicArn = '' } = await sns.createTopic({ Name, Attributes });
  return TopicArn;
}

/** A queue that takes messages from one topic, as AWS's pages write its policy. */
async function createQueue(name: string, topic?: string): Promise<string> {
  const Policy = {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: 'sns.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: queueArn(name),
        Condition: { ArnEquals: { 'aws:SourceArn': topic } },
      },
    ],
  };
  const Attributes = topic === undefined ? {} : { Policy: JSON.stringify(Policy) };
  return (await sqs.createQueue({ QueueName: name, Attributes })).QueueUrl ?? '';
}

async function subscribeQueue(topic: string, name: string, Attributes: Record<string, string> = {}) {
  const answer = await sns.subscribe({
    TopicArn: topic,
    Protocol: 'sqs',
    Endpoint: queueArn(name),
    Attributes,
  });
  return answer.SubscriptionArn ?? '';
}

async function receive(url: string): Promise<Message> {
  const { Messages: [message] = [] } = await sqs.receiveMessage({
    QueueUrl: url,
    WaitTimeSeconds: 20,
    MessageAttributeNames: ['All'],
  });
  assert.ok(message, `a message in ${url}`);
  await sqs.deleteMessage({ QueueUrl: url, ReceiptHandle: message.ReceiptHandle });
  return message;
}

function refused(promise: Promise<unknown>, name: string, message: RegExp): Promise<void> {
  return assert.rejects(promise, (error: Error) => {
    assert.equal(error.name, name, error.message);
    assert.match(error.message, message);
    return true;
  });
}

interface Document {
  readonly Type: string;
  readonly Message: string;
  readonly SignatureVersion: string;
  readonly Signature: string;
  readonly SigningCertURL: string;
  readonly [name: string]: unknown;
}

/** What AWS's page "Verifying the signatures of Amazon SNS messages" tells a validator to do. */
async function verify(document: Document): Promise<void> {
  const names =
    document.Type === 'Notification'
      ? ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']
      : ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'];
  const text = names
    .filter((name) => document[name] !== undefined)
    .map((name) => `${name}\n${document[name]}\n`)
    .join('');
  const pem = await (await fetch(document.SigningCertURL)).text();
  const algorithm = document.SignatureVersion === '1' ? 'RSA-SHA1' : 'RSA-SHA256';
  assert.match(new URL(document.SigningCertURL).pathname, /^\/SimpleNotificationService-[0-9a-f]{32}\.pem$/);
  assert.match(new X509Certificate(pem).subject, /Slipway SNS signer/);
  assert.ok(createVerify(algorithm).update(text).verify(pem, document.Signature, 'base64'));
}

test('a message reaches a queue as a signed document, or raw with its attributes', async () => {
  const topic = await createTopic('news');
  const url = await createQueue('inbox', topic);
  const rawUrl = await createQueue('inbox-raw', topic);
  assert.match(
    await subscribeQueue(topic, 'inbox'),
    /^arn:aws:sns:us-east-1:123456789012:news:[0-9a-f-]{36}$/,
  );
  await subscribeQueue(topic, 'inbox-raw', { RawMessageDelivery: 'true' });
  const MessageAttributes = {
    kind: { DataType: 'String', StringValue: 'release' },
    raw: { DataType: 'Binary', BinaryValue: new Uint8Array([1, 2]) },
  };
  const { MessageId } = await sns.publish({
    TopicArn: topic,
    Message: 'Grüße',
    Subject: 'Hi',
    MessageAttributes,
  });
  const document = JSON.parse((await receive(url)).Body ?? '') as Document;
  assert.deepEqual(
    { ...document, Timestamp: '', Signature: '', SigningCertURL: '', UnsubscribeURL: '' },
    {
      Type: 'Notification',
      MessageId,
      TopicArn: topic,
      Subject: 'Hi',
      Message: 'Grüße',
      Timestamp: '',
      SignatureVersion: '1',
      Signature: '',
      SigningCertURL: '',
      UnsubscribeURL: '',
      MessageAttributes: {
        kind: { Type: 'String', Value: 'release' },
        raw: { Type: 'Binary', Value: 'AQI=' },
      },
    },
  );
  await verify(document);
  const raw = await receive(rawUrl);
  assert.equal(raw.Body, 'Grüße');
  assert.equal(raw.MessageAttributes?.['kind']?.StringValue, 'release');
  await sns.setTopicAttributes({ TopicArn: topic, AttributeName: 'SignatureVersion', AttributeValue: '2' });
  await sns.publish({
    TopicArn: topic,
    MessageStructure: 'json',
    Message: JSON.stringify({ default: 'for all', sqs: 'for queues' }),
  });
  const second = JSON.parse((await receive(url)).Body ?? '') as Document;
  assert.equal(second.Message, 'for queues');
  assert.equal(second.SignatureVersion, '2');
  assert.equal('Subject' in second, false);
  await verify(second);
});

test('subscriptions take what their filter policies want, by attributes or by body', async () => {
  const topic = await createTopic('filtered');
  const urls = { all: '', red: '', big: '' };
  for (const name of ['all', 'red', 'big'] as const) urls[name] = await createQueue(`f-${name}`, topic);
  await subscribeQueue(topic, 'f-all');
  await subscribeQueue(topic, 'f-red', { FilterPolicy: '{"colour":["red"]}' });
  await subscribeQueue(topic, 'f-big', {
    FilterPolicy: '{"size":{"height":[{"numeric":[">",10]}]}}',
    FilterPolicyScope: 'MessageBody',
  });
  const colour = (StringValue: string) => ({ colour: { DataType: 'String', StringValue } });
  const { Successful, Failed } = await sns.publishBatch({
    TopicArn: topic,
    PublishBatchRequestEntries: [
      { Id: '1', Message: '{"size":{"height":11}}', MessageAttributes: colour('blue') },
      { Id: '2', Message: '{"size":{"height":9}}', MessageAttributes: colour('red') },
      { Id: '3', Message: '' },
    ],
  });
  assert.equal(Successful?.length, 2);
  assert.deepEqual(Failed, [
    { Id: '3', Code: 'InvalidParameter', Message: 'Invalid parameter: Empty message', SenderFault: true },
  ]);
  const bodyOf = async (url: string) => (JSON.parse((await receive(url)).Body ?? '') as Document).Message;
  assert.equal(await bodyOf(urls.red), '{"size":{"height":9}}');
  assert.equal(await bodyOf(urls.big), '{"size":{"height":11}}');
  await Promise.all([receive(urls.all), receive(urls.all)]);
  await refused(
    subscribeQueue(topic, 'f-other', { FilterPolicy: '{"a":"b"}' }),
    'InvalidParameterException',
    /Invalid parameter: FilterPolicy: /,
  );
});

test('an HTTP endpoint confirms with what it was sent, is tried again, and what it refuses goes to the dead letters', async () => {
  const topic = await createTopic('hooks');
  const deadUrl = await createQueue('hooks-dead', topic);
  const { SubscriptionArn } = await sns.subscribe({
    TopicArn: topic,
    Protocol: 'http',
    Endpoint: web.url,
    ReturnSubscriptionArn: true,
    Attributes: {
      DeliveryPolicy: '{"healthyRetryPolicy":{"numRetries":2,"minDelayTarget":1,"maxDelayTarget":1}}',
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: queueArn('hooks-dead') }),
    },
  });
  const asked = await web.next(0);
  assert.equal(asked.headers['x-amz-sns-message-type'], 'SubscriptionConfirmation');
  assert.equal(asked.headers['x-amz-sns-topic-arn'], topic);
  assert.equal(asked.headers['content-type'], 'text/plain; charset=UTF-8');
  const question = JSON.parse(asked.body) as Document & { readonly SubscribeURL: string };
  await verify(question);
  const listed = await sns.listSubscriptionsByTopic({ TopicArn: topic });
  assert.equal(listed.Subscriptions?.[0]?.SubscriptionArn, 'PendingConfirmation');
  await sns.publish({ TopicArn: topic, Message: 'too early' });
  // Without any signature, as a browser would.
  const confirmed = await fetch(question.SubscribeURL);
  assert.equal(confirmed.status, 200);
  assert.match(await confirmed.text(), new RegExp(`<SubscriptionArn>${SubscriptionArn}</SubscriptionArn>`));
  assert.equal((await fetch(question.SubscribeURL)).status, 400);

  web.answerWith(503);
  const { MessageId } = await sns.publish({ TopicArn: topic, Message: 'twice' });
  const [first, second] = [await web.next(1), await web.next(2)];
  assert.equal(first.headers['x-amz-sns-message-id'], MessageId);
  assert.equal(second.headers['x-amz-sns-message-id'], MessageId);
  assert.equal(second.headers['x-amz-sns-subscription-arn'], SubscriptionArn);
  const told = JSON.parse(second.body) as Document & { readonly UnsubscribeURL: string };
  await verify(told);

  web.answerWith(400);
  await sns.publish({ TopicArn: topic, Message: 'refused' });
  assert.equal((JSON.parse((await receive(deadUrl)).Body ?? '') as Document).Message, 'refused');

  assert.equal((await fetch(told.UnsubscribeURL)).status, 200);
  const { Attributes } = await sns.getTopicAttributes({ TopicArn: topic });
  assert.equal(Attributes?.['SubscriptionsConfirmed'], '0');
  assert.equal(Attributes?.['SubscriptionsDeleted'], '1');
  assert.equal(web.received.filter(({ body }) => body.includes('too early')).length, 0);
});

test('a mailbox is asked, gets readable mails when it confirms, and a mailbox that is not there is given up', async () => {
  const topic = await createTopic('letters');
  const deadUrl = await createQueue('letters-dead', topic);
  const { SubscriptionArn } = await sns.subscribe({
    TopicArn: topic,
    Protocol: 'email',
    Endpoint: 'release-manager@example.com',
  });
  assert.equal(SubscriptionArn, 'pending confirmation');
  const question = await mail.next(0);
  assert.match(question, /^Subject: AWS Notification - Subscription Confirmation\r$/m);
  const link = /http:\/\/\S+Action=ConfirmSubscription\S+/.exec(textOfMail(question))?.[0];
  assert.equal((await fetch(link ?? '')).status, 200);
  await sns.publish({ TopicArn: topic, Message: 'Grüße\n\nfrom us', Subject: 'Release' });
  const letter = await mail.next(1);
  assert.match(letter, /^To: release-manager@example.com\r$/m);
  assert.match(letter, /^Subject: Release\r$/m);
  assert.match(textOfMail(letter), /from us\n\n--\n[\s\S]*Action=Unsubscribe/);
  const nobody = await sns.subscribe({
    TopicArn: topic,
    Protocol: 'email-json',
    Endpoint: 'nobody@example.com',
  });
  assert.equal(nobody.SubscriptionArn, 'pending confirmation');
  assert.equal((await sqs.receiveMessage({ QueueUrl: deadUrl })).Messages, undefined);
});

test('a queue that does not allow the topic gets nothing, and the message is a dead letter at once', async () => {
  const topic = await createTopic('strangers');
  await createQueue('closed');
  const deadUrl = await createQueue('strangers-dead', topic);
  await subscribeQueue(topic, 'closed', {
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: queueArn('strangers-dead') }),
  });
  await sns.publish({ TopicArn: topic, Message: 'secret' });
  assert.equal((JSON.parse((await receive(deadUrl)).Body ?? '') as Document).Message, 'secret');
});

test('a message that was accepted is delivered after a restart', async () => {
  const topic = await createTopic('durable');
  const url = await createQueue('durable-inbox', topic);
  await subscribeQueue(topic, 'durable-inbox');
  await sns.publish({ TopicArn: topic, Message: 'still here' });
  await house.restart();
  connect();
  const renewed = `${house.endpoint}/${ACCOUNT}/${url.split('/').at(-1)}`;
  assert.equal((JSON.parse((await receive(renewed)).Body ?? '') as Document).Message, 'still here');
});

test('topics are made, described, changed, tagged, listed and deleted', async () => {
  const topic = await createTopic('plain', { DisplayName: 'Plain' });
  assert.equal(await createTopic('plain', { DisplayName: 'Plain' }), topic);
  await refused(
    createTopic('plain', { DisplayName: 'Other' }),
    'InvalidParameterException',
    /different attributes/,
  );
  await refused(createTopic('no spaces'), 'InvalidParameterException', /Invalid parameter: Topic Name/);
  await refused(createTopic('a.fifo', { FifoTopic: 'true' }), 'InvalidParameterException', /no FIFO topics/);
  const { Attributes } = await sns.getTopicAttributes({ TopicArn: topic });
  assert.equal(Attributes?.['DisplayName'], 'Plain');
  assert.equal(JSON.parse(Attributes?.['Policy'] ?? '').Id, '__default_policy_ID');
  assert.equal(
    JSON.parse(Attributes?.['EffectiveDeliveryPolicy'] ?? '').http.defaultHealthyRetryPolicy.numRetries,
    3,
  );
  await sns.tagResource({
    ResourceArn: topic,
    Tags: [
      { Key: 'a', Value: '1' },
      { Key: 'b', Value: '2' },
    ],
  });
  await sns.untagResource({ ResourceArn: topic, TagKeys: ['a'] });
  assert.deepEqual((await sns.listTagsForResource({ ResourceArn: topic })).Tags, [{ Key: 'b', Value: '2' }]);
  const set = (AttributeName: string, AttributeValue: string) =>
    sns.setTopicAttributes({ TopicArn: topic, AttributeName, AttributeValue });
  await set('HTTPSuccessFeedbackSampleRate', '0');
  await refused(
    set('HTTPFailureFeedbackRoleArn', 'arn:aws:iam::123456789012:role/x'),
    'InvalidParameterException',
    /no delivery status logs/,
  );
  await sns.addPermission({
    TopicArn: topic,
    Label: 'x',
    AWSAccountId: ['111122223333'],
    ActionName: ['Publish'],
  });
  await refused(
    sns.addPermission({
      TopicArn: topic,
      Label: 'x',
      AWSAccountId: ['111122223333'],
      ActionName: ['Publish'],
    }),
    'InvalidParameterException',
    /already exists/,
  );
  await sns.removePermission({ TopicArn: topic, Label: 'x' });
  const { Topics = [] } = await sns.listTopics({});
  assert.ok(Topics.some(({ TopicArn }) => TopicArn === topic));
  await sns.deleteTopic({ TopicArn: topic });
  await sns.deleteTopic({ TopicArn: topic });
  await refused(sns.publish({ TopicArn: topic, Message: 'x' }), 'NotFoundException', /Topic does not exist/);
});

test('what cannot be delivered to is refused when it is subscribed, with the reason', async () => {
  const topic = await createTopic('limits');
  const subscribe = (Protocol: string, Endpoint: string) =>
    sns.subscribe({ TopicArn: topic, Protocol, Endpoint });
  await refused(
    subscribe('http', 'https://example.com/'),
    'InvalidParameterException',
    /match the specified protocol/,
  );
  await refused(subscribe('email', 'nobody'), 'InvalidParameterException', /Email address/);
  await refused(subscribe('sqs', 'inbox'), 'InvalidParameterException', /SQS endpoint ARN/);
  await refused(
    subscribe('lambda', 'arn:aws:lambda:us-east-1:123456789012:function:f'),
    'InvalidParameterException',
    /no Lambda/,
  );
  await refused(subscribe('pigeon', 'x'), 'InvalidParameterException', /does not support this protocol/);
  await refused(
    sns.publish({ TopicArn: topic, Message: 'x', Subject: 'a\nb' }),
    'InvalidParameterException',
    /Subject/,
  );
  await refused(
    sns.publish({ TopicArn: topic, Message: 'x'.repeat(262_145) }),
    'InvalidParameterException',
    /Message too long/,
  );
  await refused(
    sns.publish({ TopicArn: topic, Message: '{}', MessageStructure: 'json' }),
    'InvalidParameterException',
    /No default entry/,
  );
});

test('without the word of the operator nothing reaches loopback, and no mail leaves', async () => {
  const lines: string[] = [];
  const note = (message: string, fields: object = {}) =>
    void lines.push(`${message} ${JSON.stringify(fields)}`);
  const log = { debug: () => {}, info: () => {}, warn: note, error: note };
  const closed = await createTestHouse({ log });
  const { endpoint, region, credentials } = closed;
  const client = new SNS({ endpoint, region, credentials, maxAttempts: 1 });
  try {
    const { TopicArn } = await client.createTopic({ Name: 't' });
    const before = web.received.length;
    for (const Endpoint of [
      web.url,
      web.url.replace('127.0.0.1', 'localhost'),
      web.url.replace('127.0.0.1', '[::ffff:7f00:1]'),
    ]) {
      await client.subscribe({ TopicArn, Protocol: 'http', Endpoint });
    }
    await client.subscribe({ TopicArn, Protocol: 'email', Endpoint: 'a@example.com' });
    await closed.slipway.house.engine.idle();
    assert.equal(web.received.length, before);
    assert.equal(
      lines.filter((line) => line.includes('is not of the public internet')).length,
      3,
      lines.join('\n'),
    );
    assert.equal(lines.filter((line) => line.includes('SLIPWAY_SMTP_URL')).length, 1);
  } finally {
    client.destroy();
    await closed.close();
  }
});
