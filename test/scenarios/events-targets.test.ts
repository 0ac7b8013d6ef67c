/** Rules whose targets are builds and topics: the failed build of one project starts another, and tells a topic. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EventBridge } from '@aws-sdk/client-eventbridge';
import { SNS } from '@aws-sdk/client-sns';
import { SQS } from '@aws-sdk/client-sqs';
import { connectBuilds, createBuildRole, type BuildClients } from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

const WITHIN_MS = 30_000;
const ACCOUNT = '123456789012';
const arnOf = (service: string, name: string) => `arn:aws:${service}:us-east-1:${ACCOUNT}:${name}`;
const allow = (statement: object) =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] });

let house: TestHouse;
let builds: BuildClients;
let events: EventBridge;
let sns: SNS;
let sqs: SQS;
before(async () => {
  house = await createTestHouse();
  const { endpoint, region, credentials } = house;
  builds = connectBuilds(house);
  await createBuildRole(builds.iam);
  events = new EventBridge({ endpoint, region, credentials, maxAttempts: 1 });
  sns = new SNS({ endpoint, region, credentials, maxAttempts: 1 });
  sqs = new SQS({ endpoint, region, credentials, maxAttempts: 1 });
});
after(async () => {
  builds.close();
  for (const client of [events, sns, sqs]) client.destroy();
  await house.close();
});

/** A queue behind a topic; rules may publish to the topic, and the topic may send to the queue. */
async function createTopic(): Promise<string> {
  const topic = arnOf('sns', 'failures');
  await sns.createTopic({
    Name: 'failures',
    Attributes: {
      Policy: allow({
        Principal: { Service: 'events.amazonaws.com' },
        Action: 'sns:Publish',
        Resource: topic,
        Condition: { ArnEquals: { 'aws:SourceArn': arnOf('events', 'rule/on-failure') } },
      }),
    },
  });
  const Policy = allow({
    Principal: { Service: 'sns.amazonaws.com' },
    Action: 'sqs:SendMessage',
    Resource: arnOf('sqs', 'inbox'),
  });
  await sqs.createQueue({ QueueName: 'inbox', Attributes: { Policy } });
  await sns.subscribe({ TopicArn: topic, Protocol: 'sqs', Endpoint: arnOf('sqs', 'inbox') });
  return topic;
}

test('a failed build starts another one with what the rule says, and tells a topic', async () => {
  await builds.createProject('tests', 'version: 0.2\nphases: {build: {commands: [exit 3]}}\n');
  await builds.createProject('repair', 'version: 0.2\nphases: {build: {commands: [echo "repairs $OF"]}}\n');
  await builds.iam.createRole({
    RoleName: 'starter',
    AssumeRolePolicyDocument: allow({
      Principal: { Service: 'events.amazonaws.com' },
      Action: 'sts:AssumeRole',
    }),
  });
  const PolicyDocument = allow({
    Action: 'codebuild:StartBuild',
    Resource: arnOf('codebuild', 'project/repair'),
  });
  await builds.iam.putRolePolicy({ RoleName: 'starter', PolicyName: 'start', PolicyDocument });
  const topic = await createTopic();
  await events.putRule({
    Name: 'on-failure',
    EventPattern: JSON.stringify({
      source: ['aws.codebuild'],
      'detail-type': ['CodeBuild Build State Change'],
      detail: { 'build-status': ['FAILED'], 'project-name': ['tests'] },
    }),
  });
  const InputPathsMap = { project: '$.detail.project-name', status: '$.detail.build-status' };
  const { FailedEntryCount } = await events.putTargets({
    Rule: 'on-failure',
    Targets: [
      {
        Id: 'repair',
        Arn: arnOf('codebuild', 'project/repair'),
        RoleArn: `arn:aws:iam::${ACCOUNT}:role/starter`,
        InputTransformer: {
          InputPathsMap,
          InputTemplate:
            '{"environmentVariablesOverride": [{"name": "OF", "value": <project>, "type": "PLAINTEXT"}]}',
        },
      },
      {
        Id: 'tell',
        Arn: topic,
        InputTransformer: { InputPathsMap, InputTemplate: '"<project> has <status>"' },
      },
    ],
  });
  assert.equal(FailedEntryCount, 0);
  const failed = await builds.run('tests');
  assert.equal(failed.buildStatus, 'FAILED');
  const id = await until('the repairing build', WITHIN_MS, async () => {
    const { ids = [] } = await builds.codebuild.listBuildsForProject({ projectName: 'repair' });
    return ids[0];
  });
  const repaired = await builds.ended(id);
  assert.equal(repaired.buildStatus, 'SUCCEEDED');
  assert.equal(repaired.initiator, 'starter/on-failure');
  assert.deepEqual(await builds.output(repaired), ['repairs tests']);
  const { QueueUrl } = await sqs.getQueueUrl({ QueueName: 'inbox' });
  const body = await until('the message', WITHIN_MS, async () => {
    const { Messages } = await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 1 });
    return Messages?.[0]?.Body;
  });
  assert.equal((JSON.parse(body) as { Message: string }).Message, '"tests has FAILED"');
});
