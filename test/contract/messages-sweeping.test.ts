/** What rests in the database of messages is bounded: what was delivered, ran out or was never confirmed goes away. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { until } from '#test/support/until.ts';

const DAY_MS = 86_400_000;
const clock = createMovableClock();
let house: TestHouse;
before(async () => void (house = await createTestHouse({ clock })));
after(() => house.close());

async function count(table: string, kind?: string): Promise<number> {
  const { read } = house.slipway.house.database;
  let query = read
    .withTables<Record<string, { kind: string }>>()
    .selectFrom(table)
    .select((select) => select.fn.countAll<number>().as('count'));
  if (kind !== undefined) query = query.where('kind', '=', kind);
  return Number((await query.executeTakeFirstOrThrow()).count);
}

/** The sweeps run by the clock; each step lets them run once more. */
function gone(table: string, kind?: string): Promise<true> {
  return until(`nothing of ${kind ?? table} is left`, 20_000, async () => {
    clock.advance(60_000);
    return (await count(table, kind)) === 0 ? true : undefined;
  });
}

test('messages that ran out and messages of an emptied queue are removed', async () => {
  const { root } = house.slipway;
  const create = async (QueueName: string) =>
    (await root.send('sqs:CreateQueue', { QueueName, Attributes: { MessageRetentionPeriod: '60' } }))
      .QueueUrl;
  const [short, emptied] = [await create('short'), await create('emptied')];
  for (const QueueUrl of [short, emptied]) await root.send('sqs:SendMessage', { QueueUrl, MessageBody: 'a' });
  await root.send('sqs:PurgeQueue', { QueueUrl: emptied });
  assert.equal(await count('sqs_message'), 2);
  clock.advance(61_000);
  assert.deepEqual(await root.send('sqs:ReceiveMessage', { QueueUrl: short }), {});
  await gone('sqs_message');
  await gone('sqs_abandoned');
});

test('a delivered message leaves no row and no machine, and a question that nobody answers ends', async () => {
  const { root, house: inside } = house.slipway;
  const { TopicArn } = await root.send('sns:CreateTopic', { Name: 'news' });
  await root.send('sqs:CreateQueue', { QueueName: 'inbox' });
  const Endpoint = 'arn:aws:sqs:us-east-1:123456789012:inbox';
  await root.send('sns:Subscribe', { TopicArn, Protocol: 'sqs', Endpoint });
  await root.send('sns:Publish', { TopicArn, Message: 'hello' });
  await root.send('sns:Subscribe', { TopicArn, Protocol: 'email', Endpoint: 'nobody@example.com' });
  await inside.engine.idle();
  assert.equal(await count('sns_message'), 2);
  await gone('sns_message');
  await gone('engine_machines', 'sns.message');
  const pending = async () =>
    (await root.send('sns:GetTopicAttributes', { TopicArn })).Attributes?.['SubscriptionsPending'];
  assert.equal(await pending(), '1');
  clock.advance(2 * DAY_MS);
  await until('the question is over', 20_000, async () => {
    clock.advance(30_000);
    return (await pending()) === '0' ? true : undefined;
  });
});
