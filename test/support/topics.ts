/** A topic with a queue behind it, for tests that want to read what is published. */

import assert from 'node:assert/strict';
import { SNS } from '@aws-sdk/client-sns';
import { SQS } from '@aws-sdk/client-sqs';
import type { TestHouse } from './house.ts';

export interface ReadTopic {
  readonly sns: SNS;
  readonly sqs: SQS;
  readonly arn: string;
  /** The next message, as its queue got it. */
  next(): Promise<{ readonly Subject?: string; readonly Message: string }>;
  close(): void;
}

/** `publisher` is the service that may publish besides the account's own roles: `codestar-notifications.amazonaws.com`. */
export async function createReadTopic(
  house: TestHouse,
  name: string,
  publisher?: string,
): Promise<ReadTopic> {
  const { endpoint, region, credentials } = house;
  const sns = new SNS({ endpoint, region, credentials });
  const sqs = new SQS({ endpoint, region, credentials });
  const { TopicArn: arn = '' } = await sns.createTopic({ Name: name });
  const Endpoint = `arn:aws:sqs:${region}:${house.account}:${name}`;
  const Policy = policyOf('sns.amazonaws.com', 'sqs:SendMessage', Endpoint, {
    Condition: { ArnEquals: { 'aws:SourceArn': arn } },
  });
  const { QueueUrl } = await sqs.createQueue({ QueueName: name, Attributes: { Policy } });
  await sns.subscribe({ TopicArn: arn, Protocol: 'sqs', Endpoint });
  if (publisher !== undefined) {
    const AttributeValue = policyOf(publisher, 'SNS:Publish', arn, {});
    await sns.setTopicAttributes({ TopicArn: arn, AttributeName: 'Policy', AttributeValue });
  }
  return {
    sns,
    sqs,
    arn,
    async next() {
      const { Messages: [message] = [] } = await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 20 });
      assert.ok(message, `a message in the queue of ${name}`);
      await sqs.deleteMessage({ QueueUrl, ReceiptHandle: message.ReceiptHandle });
      return JSON.parse(message.Body ?? '') as { Subject?: string; Message: string };
    },
    close() {
      sns.destroy();
      sqs.destroy();
    },
  };
}

function policyOf(service: string, action: string, resource: string, more: object): string {
  const statement = { Effect: 'Allow', Principal: { Service: service }, Action: action, Resource: resource };
  return JSON.stringify({ Version: '2012-10-17', Statement: [{ ...statement, ...more }] });
}
