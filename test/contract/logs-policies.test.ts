/** Who may write and who can read at rest: resource policies, keys of the account, and what lies on the disk. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { CloudWatchLogs } from '@aws-sdk/client-cloudwatch-logs';
import { KMS } from '@aws-sdk/client-kms';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

const clock = createMovableClock();
let house: TestHouse;
let logs: CloudWatchLogs;
let kms: KMS;
before(async () => {
  house = await createTestHouse({ clock });
  const { endpoint, region, credentials } = house;
  logs = new CloudWatchLogs({ endpoint, region, credentials, maxAttempts: 1 });
  kms = new KMS({ endpoint, region, credentials, maxAttempts: 1 });
});
after(async () => {
  logs.destroy();
  kms.destroy();
  await house.close();
});

const arnOf = (group: string) => `arn:aws:logs:us-east-1:123456789012:log-group:${group}`;

async function createStream(logGroupName: string, more: object = {}): Promise<void> {
  await logs.createLogGroup({ logGroupName, ...more });
  await logs.createLogStream({ logGroupName, logStreamName: 'main' });
}

async function put(logGroupName: string, ...messages: string[]): Promise<void> {
  const logEvents = messages.map((message) => ({ timestamp: clock.now(), message }));
  await logs.putLogEvents({ logGroupName, logStreamName: 'main', logEvents });
}

async function read(logGroupName: string): Promise<(string | undefined)[] | undefined> {
  const { events } = await logs.getLogEvents({ logGroupName, logStreamName: 'main' });
  return events?.map((event) => event.message);
}

/** As the guide has it: the service of the region, for this group. */
async function createKey(group: string): Promise<string> {
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { AWS: 'arn:aws:iam::123456789012:root' },
        Action: 'kms:*',
        Resource: '*',
      },
      {
        Effect: 'Allow',
        Principal: { Service: 'logs.us-east-1.amazonaws.com' },
        Action: ['kms:Encrypt*', 'kms:Decrypt*', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:Describe*'],
        Resource: '*',
        Condition: { ArnEquals: { 'kms:EncryptionContext:aws:logs:arn': arnOf(group) } },
      },
    ],
  });
  const { KeyMetadata } = await kms.createKey({ Policy });
  return KeyMetadata?.Arn ?? '';
}

test('a key of the account protects what comes in while it is the key of the group, and its policy decides', async () => {
  const key = await createKey('secret');
  await createStream('secret');
  await put('secret', 'before');
  await logs.associateKmsKey({ logGroupName: 'secret', kmsKeyId: key });
  const { logGroups } = await logs.describeLogGroups({ logGroupNamePrefix: 'secret' });
  assert.equal(logGroups?.[0]?.kmsKeyId, key);
  for (let i = 0; i < 40; i++) await put('secret', `under the key ${i}`);
  assert.equal((await read('secret'))?.length, 41);
  await kms.disableKey({ KeyId: key });
  clock.advance(61_000);
  const denied = {
    name: 'AccessDeniedException',
    message: /not allowed to be used with LogGroup 'arn:aws:logs:us-east-1:123456789012:log-group:secret'/,
  };
  await assert.rejects(read('secret'), denied);
  await assert.rejects(put('secret', 'lost'), denied);
  await assert.rejects(logs.associateKmsKey({ logGroupName: 'secret', kmsKeyId: key }), {
    name: 'InvalidParameterException',
  });
  await logs.disassociateKmsKey({ resourceIdentifier: arnOf('secret') });
  await put('secret', 'after');
  await kms.enableKey({ KeyId: key });
  const all = await read('secret');
  assert.deepEqual(
    [all?.[0], all?.[40], all?.[41], all?.length],
    ['before', 'under the key 39', 'after', 42],
  );
  await assert.rejects(logs.createLogGroup({ logGroupName: 'not-secret', kmsKeyId: key }), {
    name: 'AccessDeniedException',
  });
  const missing = 'arn:aws:kms:us-east-1:123456789012:key/11111111-2222-4333-8444-555555555555';
  await assert.rejects(logs.associateKmsKey({ logGroupName: 'secret', kmsKeyId: missing }), {
    name: 'AccessDeniedException',
  });
});

test('no text of a log lies on the disk', async () => {
  await createStream('plain');
  const words = ['flamingo', 'porcupine', 'salamander'];
  for (const word of words) await put('plain', `one ${word}`, ...Array(500).fill(`many ${word}s`));
  await logs.testMetricFilter({ filterPattern: '', logEventMessages: words });
  await house.restart();
  const found = words.map((word) => {
    try {
      return execFileSync('grep', ['-rla', word, house.directory], { encoding: 'utf8' });
    } catch (error) {
      return (error as { status: number }).status === 1 ? '' : 'grep failed';
    }
  });
  assert.deepEqual(found, ['', '', '']);
  const { endpoint, region, credentials } = house;
  logs = new CloudWatchLogs({ endpoint, region, credentials, maxAttempts: 1 });
  assert.equal((await read('plain'))?.length, 1_503);
});

test('a service writes where a resource policy lets it, and nowhere else', async () => {
  await createStream('/aws/events/a');
  await createStream('/aws/other');
  const service = house.slipway.house.asService('delivery.logs', arnOf('x'));
  const write = (logGroupName: string) =>
    service.send('logs:PutLogEvents', {
      logGroupName,
      logStreamName: 'main',
      logEvents: [{ timestamp: clock.now(), message: 'from a service' }],
    });
  await assert.rejects(write('/aws/events/a'), { code: 'AccessDeniedException' });
  const document = (Effect: string, group: string) =>
    JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect,
          Principal: { Service: ['events.amazonaws.com', 'delivery.logs.amazonaws.com'] },
          Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
          Resource: `${arnOf(group)}:*`,
        },
      ],
    });
  const policyDocument = document('Allow', '/aws/events/*');
  const put = await logs.putResourcePolicy({ policyName: 'events', policyDocument });
  assert.equal(put.resourcePolicy?.policyName, 'events');
  await write('/aws/events/a');
  await assert.rejects(write('/aws/other'), { code: 'AccessDeniedException' });

  // A group's own policy takes away again.
  const own = { resourceArn: arnOf('/aws/events/a') };
  const { revisionId } = await logs.putResourcePolicy({
    ...own,
    policyDocument: document('Deny', '/aws/events/a'),
  });
  await assert.rejects(write('/aws/events/a'), { code: 'AccessDeniedException' });
  await assert.rejects(logs.deleteResourcePolicy({ ...own, expectedRevisionId: '7' }), {
    name: 'OperationAbortedException',
  });
  await logs.deleteResourcePolicy({ ...own, expectedRevisionId: revisionId });
  await write('/aws/events/a');

  const { resourcePolicies } = await logs.describeResourcePolicies({});
  assert.deepEqual(
    resourcePolicies?.map(({ policyName, policyDocument: text, policyScope }) => [
      policyName,
      text,
      policyScope,
    ]),
    [['events', policyDocument, 'ACCOUNT']],
  );
  await logs.deleteResourcePolicy({ policyName: 'events' });
  await assert.rejects(write('/aws/events/a'), { code: 'AccessDeniedException' });
  await assert.rejects(logs.deleteResourcePolicy({ policyName: 'events' }), {
    name: 'ResourceNotFoundException',
    message: 'Policy with name [events] does not exist',
  });
  await assert.rejects(logs.putResourcePolicy({ policyName: 'bad', policyDocument: '{}' }), {
    name: 'InvalidParameterException',
  });
});

test('groups are protected from deletion, found by part of a name, and of one class', async () => {
  await logs.createLogGroup({ logGroupName: 'DataLogs_a', deletionProtectionEnabled: true });
  await logs.createLogGroup({ logGroupName: 'aws/DataLogs' });
  await logs.createLogGroup({ logGroupName: 'datalogs' });
  await assert.rejects(logs.deleteLogGroup({ logGroupName: 'DataLogs_a' }), {
    name: 'InvalidOperationException',
  });
  const { logGroups } = await logs.describeLogGroups({ logGroupNamePattern: 'DataLogs' });
  assert.deepEqual(
    logGroups?.map((group) => Object.keys(group).sort()),
    Array(2).fill(['arn', 'creationTime', 'logGroupName']),
  );
  assert.deepEqual(
    logGroups.map((group) => group.logGroupName),
    ['DataLogs_a', 'aws/DataLogs'],
  );
  const none = await logs.describeLogGroups({ logGroupNamePattern: 'Logs-a' });
  assert.deepEqual(none.logGroups, []);
  const { logGroups: listed } = await logs.listLogGroups({ logGroupNamePattern: '^data|gs_a' });
  assert.deepEqual(
    listed?.map((group) => group.logGroupName),
    ['DataLogs_a', 'datalogs'],
  );
  await logs.putLogGroupDeletionProtection({
    logGroupIdentifier: arnOf('DataLogs_a'),
    deletionProtectionEnabled: false,
  });
  await logs.deleteLogGroup({ logGroupName: 'DataLogs_a' });
  await assert.rejects(
    logs.createLogGroup({ logGroupName: 'rare', logGroupClass: 'INFREQUENT_ACCESS' }),
    /class INFREQUENT_ACCESS is not supported/,
  );
});

test('a subscription filter whose destination cannot be is refused', async () => {
  await createStream('subscribed');
  const filter = { logGroupName: 'subscribed', filterName: 'f', filterPattern: '' };
  const destinationArn = 'arn:aws:lambda:us-east-1:123456789012:function:f';
  await assert.rejects(logs.putSubscriptionFilter({ ...filter, destinationArn }), {
    name: 'InvalidParameterException',
    message: /^Could not execute the lambda function\./,
  });
  const { subscriptionFilters } = await logs.describeSubscriptionFilters({ logGroupName: 'subscribed' });
  assert.deepEqual(subscriptionFilters, []);
  await assert.rejects(logs.deleteSubscriptionFilter({ logGroupName: 'subscribed', filterName: 'f' }), {
    name: 'ResourceNotFoundException',
    message: 'The specified subscription filter does not exist.',
  });
});
