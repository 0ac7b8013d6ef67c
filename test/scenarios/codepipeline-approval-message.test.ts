/** Scenario 51: the message of a manual approval, read from a queue and from a mailbox that are subscribed to its topic. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { SNS } from '@aws-sdk/client-sns';
import { SQS } from '@aws-sdk/client-sqs';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { approval, createPipelines, type Pipelines, stageOf } from '#test/support/pipelines.ts';
import { type MailReceiver, openMailReceiver, textOfMail } from '#test/support/receivers.ts';
import { until } from '#test/support/until.ts';

let house: TestHouse;
let pipelines: Pipelines;
let mail: MailReceiver;
let sns: SNS;
let sqs: SQS;
let topic = '';
let queue = '';

before(async () => {
  mail = await openMailReceiver();
  house = await createTestHouse({ serverEnvironment: { SLIPWAY_SMTP_URL: mail.url } });
  pipelines = await createPipelines(house);
  const { endpoint, region, credentials } = house;
  sns = new SNS({ endpoint, region, credentials });
  sqs = new SQS({ endpoint, region, credentials });
  topic = (await sns.createTopic({ Name: 'reviews' })).TopicArn ?? '';
  const Endpoint = 'arn:aws:sqs:us-east-1:123456789012:reviews';
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: 'sns.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: Endpoint,
        Condition: { ArnEquals: { 'aws:SourceArn': topic } },
      },
    ],
  });
  queue = (await sqs.createQueue({ QueueName: 'reviews', Attributes: { Policy } })).QueueUrl ?? '';
  await sns.subscribe({ TopicArn: topic, Protocol: 'sqs', Endpoint });
});
after(async () => {
  sns.destroy();
  sqs.destroy();
  pipelines.close();
  await house.close();
  await mail.close();
});

interface Told {
  readonly Subject: string;
  readonly Message: string;
}

async function told(): Promise<Told> {
  const { Messages: [message] = [] } = await sqs.receiveMessage({ QueueUrl: queue, WaitTimeSeconds: 20 });
  assert.ok(message, 'a message in the queue');
  await sqs.deleteMessage({ QueueUrl: queue, ReceiptHandle: message.ReceiptHandle });
  return JSON.parse(message.Body ?? '') as Told;
}

function asking(configuration: Record<string, string>) {
  const ask = approval('Ask', { configuration, timeoutInMinutes: 60 });
  return [{ name: 'S2', actions: [ask] }, stageOf('S3', 'Last')];
}

test('scenario 51: the message tells all that is asked, with the variables resolved, and its answer counts', async () => {
  const execution = await pipelines.create(
    'release',
    asking({
      NotificationArn: topic,
      CustomData: 'Release of #{codepipeline.PipelineExecutionId}?',
      ExternalEntityLink: 'https://example.com/releases',
    }),
  );
  const { Subject, Message } = await told();
  assert.equal(Subject, 'APPROVAL NEEDED: AWS CodePipeline release for action Ask');
  const run = await pipelines.running('release', execution, 'Ask');
  const token = run.output?.executionResult?.externalExecutionId ?? '';
  const document = JSON.parse(Message) as { readonly approval: { readonly expires: string } };
  const expiresAt = (run.startTime?.getTime() ?? 0) + 3_600_000;
  assert.deepEqual(document, {
    region: 'us-east-1',
    consoleLink: `${house.endpoint}/console#/view/release`,
    approval: {
      pipelineName: 'release',
      stageName: 'S2',
      actionName: 'Ask',
      token,
      expires: `${new Date(expiresAt).toISOString().slice(0, 16)}Z`,
      externalEntityLink: 'https://example.com/releases',
      approvalReviewLink: `${house.endpoint}/console#/view/release/S2/Ask/approve/${token}`,
      customData: `Release of ${execution}?`,
    },
  });
  await pipelines.codepipeline.putApprovalResult({
    pipelineName: 'release',
    stageName: 'S2',
    actionName: 'Ask',
    token,
    result: { status: 'Approved', summary: 'yes' },
  });
  await pipelines.running('release', execution, 'Last');
});

test('scenario 51: a mailbox gets a readable text, and the command in it answers', async (context) => {
  await sns.subscribe({ TopicArn: topic, Protocol: 'email', Endpoint: 'manager@example.com' });
  const link = /http:\/\/\S+Action=ConfirmSubscription\S+/.exec(textOfMail(await mail.next(0)))?.[0];
  assert.equal((await fetch(link ?? '')).status, 200);
  const execution = await pipelines.create(
    'mailed',
    asking({ NotificationArn: topic, CustomData: 'Ready?' }),
  );
  const letter = await mail.next(1);
  assert.match(letter, /^Subject: APPROVAL NEEDED: AWS CodePipeline mailed for action Ask\r$/m);
  const text = textOfMail(letter);
  assert.match(text, /What is asked: Ready\?/);
  assert.match(text, /\/console#\/view\/mailed\/S2\/Ask\/approve\/[0-9a-f-]{36}/);
  await told();
  const command = /To approve:\n\n([\s\S]+?)\n\n/.exec(text)?.[1] ?? '';
  const run = promisify(execFile);
  const hasCli = await run('aws', ['--version']).then(
    () => true,
    () => false,
  );
  if (!hasCli) return context.skip('the AWS CLI is not installed');
  await run('sh', ['-c', command], { env: house.environment });
  await pipelines.running('mailed', execution, 'Last');
});

test('scenario 51: a topic that is not there, or not allowed, fails the action and says why', async () => {
  const failure = async (name: string) => {
    const [run] = await until(`the approval of ${name} has failed`, 20_000, async () => {
      const runs = (await pipelines.actions(name)).filter(({ actionName }) => actionName === 'Ask');
      return runs[0]?.status === 'Failed' ? runs : undefined;
    });
    return run?.output?.executionResult?.errorDetails;
  };
  await pipelines.create('nowhere', asking({ NotificationArn: `${topic}-none` }));
  assert.deepEqual(await failure('nowhere'), { code: 'ConfigurationError', message: 'Topic does not exist' });
  await pipelines.iam.putRolePolicy({
    RoleName: 'pipeline',
    PolicyName: 'silence',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Deny', Action: 'sns:Publish', Resource: '*' }],
    }),
  });
  await pipelines.create('silenced', asking({ NotificationArn: topic }));
  const denied = await failure('silenced');
  assert.equal(denied?.code, 'PermissionError');
  assert.match(denied.message ?? '', /not authorized to perform: sns:Publish on resource: .*reviews/i);
});
