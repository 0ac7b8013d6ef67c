/**
 * The story of a message and of a notification: a topic tells two queues, of which one is short of room at first and
 * the other refuses, so that its message is a dead letter; a rule tells another topic of an event that is heard twice.
 * The rooms and their machines are real; the queues are files in a directory.
 */

import { closeSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fault } from '#base/fault.ts';
import { silentLog } from '#base/log.ts';
import { openCodestarNotifications } from '#services/codestar-notifications/index.ts';
import { openSns } from '#services/sns/index.ts';
import type { BusEvent, Call, Caller, House } from '#services/service.ts';
import { openKeyring } from '#store/keyring.ts';
import type { Chapter, Life, Story } from './harness.ts';

const SCOPE = { account: '123456789012', region: 'us-east-1' };
const ROOT = { type: 'root', account: SCOPE.account } as const;
const arnOf = (service: string, name: string) => `arn:aws:${service}:us-east-1:123456789012:${name}`;
const MESSAGES = ['dead hello', 'good hello', 'told CodeCommit Repository State Change'];

type AnyHandler = (call: Call, input: object) => Promise<object>;

const event: BusEvent = {
  ...SCOPE,
  id: '11111111-2222-4333-8444-555555555555',
  source: 'aws.codecommit',
  detailType: 'CodeCommit Repository State Change',
  at: 1_700_000_000_000,
  resources: [arnOf('codecommit', 'shop')],
  detail: { event: 'referenceUpdated' },
};

export const story: Story = {
  // Of the rooms, as they open with whatever house.
  migrations: [...openSns({} as House, {}).migrations, ...openCodestarNotifications({} as House).migrations],
  open: (life) => tellStory(life),
};

function tellStory({ directory, database, engine, clock }: Life): Chapter {
  const world = join(directory, 'world');
  mkdirSync(world, { recursive: true });
  let refusals = 0;

  /** What is sent to a queue becomes a file; a message that comes twice is the same file. */
  const send = async (operation: string, input: Readonly<Record<string, string>>): Promise<object> => {
    if (operation === 'sns:Publish') return ask('Publish', input);
    const queue = input['QueueUrl']?.split('/').at(-1) ?? '';
    if (queue === 'closed') throw fault('AccessDeniedException', 'not allowed');
    if (queue === 'good' && refusals++ < 5) throw fault('ThrottlingException', 'not now');
    const body = input['MessageBody'] ?? '';
    const text = body.startsWith('{') ? (JSON.parse(body) as { detailType: string }).detailType : body;
    closeSync(openSync(join(world, `${queue} ${text}`), 'a'));
    return { MessageId: '1' };
  };
  const house = {
    ...SCOPE,
    directory,
    database,
    engine,
    clock,
    log: silentLog,
    keyring: openKeyring(directory),
    endpoint: () => 'http://house',
    asService: () => ({ principal: ROOT, send }) as unknown as Caller,
    trust: { authorize: async () => {} },
  } as unknown as House;
  const sns = openSns(house, {});
  const notifications = openCodestarNotifications(house);
  const operations = { ...sns.operations, ...notifications.operations, Subscribe: sns.operations.Subscribe };
  const ask = (operation: string, input: object) => {
    const handler = (operations as unknown as Record<string, AnyHandler>)[operation];
    if (!handler) throw new Error(operation);
    const call = { ...SCOPE, at: clock.now(), principal: ROOT, authorize: async () => {} };
    return handler(call as unknown as Call, input);
  };

  const subscribe = (topic: string, queue: string, more: object = {}) =>
    ask('Subscribe', {
      TopicArn: arnOf('sns', topic),
      Protocol: 'sqs',
      Endpoint: arnOf('sqs', queue),
      Attributes: { RawMessageDelivery: 'true', ...more },
    });

  return {
    machines: [...sns.machines, ...notifications.machines],
    async begin() {
      for (const Name of ['news', 'told']) await ask('CreateTopic', { Name });
      await subscribe('news', 'good');
      const deadLetterTargetArn = arnOf('sqs', 'dead');
      await subscribe('news', 'closed', { RedrivePolicy: JSON.stringify({ deadLetterTargetArn }) });
      await subscribe('told', 'told');
      await ask('CreateNotificationRule', {
        Name: 'pushes',
        Resource: event.resources[0],
        DetailType: 'BASIC',
        EventTypeIds: ['codecommit-repository-branches-and-tags-updated'],
        Targets: [{ TargetType: 'SNS', TargetAddress: arnOf('sns', 'told') }],
        ClientRequestToken: 'once',
      });
      await ask('Publish', { TopicArn: arnOf('sns', 'news'), Message: 'hello' });
      for (let times = 0; times < 2; times++) {
        for (const { source, hear } of notifications.subscriptions ?? []) {
          if (source === event.source) await hear(event);
        }
      }
    },
    isOver: async () => MESSAGES.every((name) => readdirSync(world).includes(name)),
    end: async () => readdirSync(world).sort(),
  };
}
