/** CodeStar Notifications through the official client: rules, their targets, and what is refused. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CodeCommit } from '@aws-sdk/client-codecommit';
import { CodestarNotifications } from '@aws-sdk/client-codestar-notifications';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createReadTopic, type ReadTopic } from '#test/support/topics.ts';

let house: TestHouse;
let notifications: CodestarNotifications;
let topic: ReadTopic;

before(async () => {
  house = await createTestHouse();
  topic = await createReadTopic(house, 'open', 'codestar-notifications.amazonaws.com');
  const { endpoint, region, credentials } = house;
  notifications = new CodestarNotifications({ endpoint, region, credentials, maxAttempts: 1 });
});
after(async () => {
  notifications.destroy();
  topic.close();
  await house.close();
});

const Resource = 'arn:aws:codecommit:us-east-1:123456789012:shop';
const EventTypeIds = [
  'codecommit-repository-branches-and-tags-updated',
  'codecommit-repository-branches-and-tags-created',
];

function create(Name: string, more: object = {}) {
  const Targets = [{ TargetType: 'SNS', TargetAddress: topic.arn }];
  return notifications.createNotificationRule({
    ...{ Name, Resource, EventTypeIds, Targets, DetailType: 'BASIC', Tags: { a: '1' } },
    ...more,
  });
}

function refused(promise: Promise<unknown>, name: string, message: RegExp): Promise<void> {
  return assert.rejects(promise, (error: Error & { Message?: string }) => {
    assert.equal(error.name, name, error.message);
    assert.match(error.message || (error.Message ?? ''), message);
    return true;
  });
}

test('a rule is made, described, changed, tagged, listed and deleted', async () => {
  const { sns } = topic;
  const { TopicArn: closed = '' } = await sns.createTopic({ Name: 'closed' });
  const { Arn = '' } = await create('first', { Status: 'DISABLED' });
  assert.match(Arn, /^arn:aws:codestar-notifications:us-east-1:123456789012:notificationrule\/[0-9a-f]{40}$/);
  await notifications.subscribe({ Arn, Target: { TargetType: 'SNS', TargetAddress: closed } });
  const described = await notifications.describeNotificationRule({ Arn });
  assert.equal(described.Name, 'first');
  assert.equal(described.Status, 'DISABLED');
  assert.equal(described.CreatedBy, 'arn:aws:iam::123456789012:root');
  assert.deepEqual(described.EventTypes?.[0], {
    EventTypeId: 'codecommit-repository-branches-and-tags-created',
    ServiceName: 'CodeCommit',
    EventTypeName: 'Branches and tags: Created',
    ResourceType: 'Repository',
  });
  assert.deepEqual(described.Targets, [
    { TargetAddress: closed, TargetType: 'SNS', TargetStatus: 'UNREACHABLE' },
    { TargetAddress: topic.arn, TargetType: 'SNS', TargetStatus: 'ACTIVE' },
  ]);
  await notifications.updateNotificationRule({ Arn, Name: 'second', DetailType: 'FULL', Status: 'ENABLED' });
  await notifications.tagResource({ Arn, Tags: { 'b=c': '2' } });
  await notifications.untagResource({ Arn, TagKeys: ['a'] });
  assert.deepEqual((await notifications.listTagsForResource({ Arn })).Tags, { 'b=c': '2' });
  const listed = await notifications.listNotificationRules({
    Filters: [{ Name: 'RESOURCE', Value: Resource }],
  });
  assert.deepEqual(listed.NotificationRules, [{ Id: Arn.split('/')[1], Arn }]);
  const unreachable = await notifications.listTargets({
    Filters: [{ Name: 'TARGET_STATUS', Value: 'UNREACHABLE' }],
  });
  assert.deepEqual(
    unreachable.Targets?.map(({ TargetAddress }) => TargetAddress),
    [closed],
  );
  await refused(notifications.deleteTarget({ TargetAddress: closed }), 'ValidationException', /is used by/);
  await notifications.deleteTarget({ TargetAddress: closed, ForceUnsubscribeAll: true });
  await notifications.unsubscribe({ Arn, TargetAddress: topic.arn });
  assert.deepEqual((await notifications.describeNotificationRule({ Arn })).Targets, []);
  await notifications.deleteNotificationRule({ Arn });
  await refused(
    notifications.describeNotificationRule({ Arn }),
    'ResourceNotFoundException',
    /does not exist/,
  );
});

test('a repeated request makes one rule; another one that asks for the same is refused', async () => {
  const ClientRequestToken = 'once';
  const [one, two] = [
    await create('repeated', { ClientRequestToken }),
    await create('repeated', { ClientRequestToken }),
  ];
  assert.equal(one.Arn, two.Arn);
  await refused(create('repeated'), 'ResourceAlreadyExistsException', /name repeated already exists/);
  await refused(create('other'), 'ResourceAlreadyExistsException', /same resource, event types and target/);
  await notifications.deleteNotificationRule({ Arn: one.Arn });
});

test('what cannot be told is refused', async () => {
  await refused(
    create('x', { EventTypeIds: ['codepipeline-pipeline-pipeline-execution-failed'] }),
    'ValidationException',
    /is not valid for the resource/,
  );
  await refused(
    create('x', { Resource: 'arn:aws:s3:us-east-1:123456789012:b' }),
    'ValidationException',
    /not supported/,
  );
  await refused(
    create('x', { Targets: [{ TargetType: 'AWSChatbotSlack', TargetAddress: 'arn:aws:chatbot::1:x' }] }),
    'ValidationException',
    /Slipway notifies SNS topics/,
  );
  const { EventTypes = [], NextToken } = await notifications.listEventTypes({
    Filters: [{ Name: 'SERVICE_NAME', Value: 'CodePipeline' }],
    MaxResults: 10,
  });
  assert.equal(EventTypes.length, 10);
  assert.ok(NextToken);
});

test('a new branch of a repository is told to the topic, once', async () => {
  const { endpoint, region, credentials } = house;
  const codecommit = new CodeCommit({ endpoint, region, credentials });
  const { Arn } = await create('branches');
  await codecommit.createRepository({ repositoryName: 'shop' });
  await codecommit.createCommit({
    ...{ repositoryName: 'shop', branchName: 'main', commitMessage: 'First' },
    putFiles: [{ filePath: 'a', fileContent: Buffer.from('a') }],
  });
  const message = JSON.parse((await topic.next()).Message) as Record<string, Record<string, unknown>>;
  assert.equal(message['detailType'], 'CodeCommit Repository State Change');
  assert.equal(message['notificationRuleArn'], Arn);
  assert.equal(message['detail']?.['referenceName'], 'main');
  await house.slipway.house.engine.idle();
  const { QueueUrl } = await topic.sqs.getQueueUrl({ QueueName: 'open' });
  assert.equal((await topic.sqs.receiveMessage({ QueueUrl })).Messages, undefined);
  codecommit.destroy();
});
