/** Topics: made, listed, described, changed, deleted with their subscriptions. */

import type { Call, Handler } from '#services/service.ts';
import { invalidParameter } from './faults.ts';
import { defaultPolicy } from './policies.ts';
import {
  afterOf,
  attributesOf,
  findTopic,
  PAGE_SIZE,
  pageToken,
  requireTopic,
  tagsOf,
  topicArn,
  type Attributes,
  type Room,
} from './room.ts';
import { tables, type TopicRow } from './tables.ts';
import { checkTags, tagsOfList } from './tagging.ts';
import { changeTopicAttributes, effectiveDeliveryPolicy } from './topic-attributes.ts';

const NAME = /^[A-Za-z0-9_-]{1,256}$/;

export function topicOperations(room: Room) {
  const { database } = room.house;

  const CreateTopic: Handler<'sns', 'CreateTopic'> = async (call, input) => {
    const name = input.Name ?? '';
    if (name.endsWith('.fifo')) throw invalidParameter('Topic Name Reason: Slipway has no FIFO topics');
    if (!NAME.test(name)) throw invalidParameter('Topic Name');
    if (input.DataProtectionPolicy !== undefined) {
      throw invalidParameter('DataProtectionPolicy Reason: Slipway has no data protection policies');
    }
    const attributes = changeTopicAttributes({}, input.Attributes ?? {});
    const tags = checkTags(tagsOfList(input.Tags));
    const arn = topicArn(call, name);
    if (input.Tags?.length) await call.authorize({ action: 'sns:TagResource', resource: arn });
    await database.transaction(async (transaction) => {
      const there = await findTopic(transaction, call, arn);
      if (there) return requireEqual(there, attributes, input.Tags?.length ? tags : undefined);
      await tables(transaction)
        .insertInto('sns_topic')
        .values({
          name,
          created_at: call.at,
          attributes: JSON.stringify({ Policy: defaultPolicy(call, arn), ...attributes }),
          tags: JSON.stringify(tags),
          subscriptions_deleted: 0,
        })
        .execute();
    });
    return { TopicArn: arn };
  };

  /** Deleting what is not there is no error. */
  const DeleteTopic: Handler<'sns', 'DeleteTopic'> = async (call, input) => {
    await database.transaction(async (transaction) => {
      const row = await findTopic(transaction, call, input.TopicArn);
      if (!row) return;
      const rows = tables(transaction);
      await rows.deleteFrom('sns_subscription').where('topic_name', '=', row.name).execute();
      await rows.deleteFrom('sns_topic').where('name', '=', row.name).execute();
    });
    return {};
  };

  const ListTopics: Handler<'sns', 'ListTopics'> = async (call, input) => {
    const found = await tables(database)
      .selectFrom('sns_topic')
      .select('name')
      .where('name', '>', afterOf(input.NextToken))
      .orderBy('name')
      .limit(PAGE_SIZE + 1)
      .execute();
    const page = found.slice(0, PAGE_SIZE);
    return {
      Topics: page.map(({ name }) => ({ TopicArn: topicArn(call, name) })),
      ...(found.length > PAGE_SIZE ? { NextToken: pageToken(page.at(-1)?.name ?? '') } : {}),
    };
  };

  const GetTopicAttributes: Handler<'sns', 'GetTopicAttributes'> = async (call, input) => {
    const row = await requireTopic(database.read, call, input.TopicArn);
    return { Attributes: await describe(call, row) };
  };

  const SetTopicAttributes: Handler<'sns', 'SetTopicAttributes'> = async (call, input) => {
    const { AttributeName = '', AttributeValue = '' } = input;
    await database.transaction(async (transaction) => {
      const row = await requireTopic(transaction, call, input.TopicArn);
      // A topic always has a policy.
      if (AttributeName === 'Policy' && AttributeValue === '') throw invalidParameter('Policy');
      const attributes = changeTopicAttributes(attributesOf(row), { [AttributeName]: AttributeValue });
      await tables(transaction)
        .updateTable('sns_topic')
        .set({ attributes: JSON.stringify(attributes) })
        .where('name', '=', row.name)
        .execute();
    });
    return {};
  };

  async function describe(call: Call, row: TopicRow): Promise<Record<string, string>> {
    const count = async (isPending: boolean) => {
      const { total } = await tables(database)
        .selectFrom('sns_subscription')
        .select((select) => select.fn.countAll<number>().as('total'))
        .where('topic_name', '=', row.name)
        .where('token_hash', isPending ? 'is not' : 'is', null)
        .executeTakeFirstOrThrow();
      return String(total);
    };
    const attributes = attributesOf(row);
    return {
      DisplayName: '',
      ...attributes,
      TopicArn: topicArn(call, row.name),
      Owner: call.account,
      EffectiveDeliveryPolicy: effectiveDeliveryPolicy(attributes),
      SubscriptionsConfirmed: await count(false),
      SubscriptionsPending: await count(true),
      SubscriptionsDeleted: String(row.subscriptions_deleted),
    };
  }

  return { CreateTopic, DeleteTopic, ListTopics, GetTopicAttributes, SetTopicAttributes };
}

/** Making a topic again is no error if nothing that is asked for differs. */
function requireEqual(
  there: TopicRow,
  wanted: Attributes,
  tags: Readonly<Record<string, string>> | undefined,
): void {
  const attributes = attributesOf(there);
  if (Object.entries(wanted).some(([name, value]) => attributes[name] !== value)) {
    throw invalidParameter('Attributes Reason: Topic already exists with different attributes');
  }
  const present = tagsOf(there);
  if (tags && Object.entries(tags).some(([key, value]) => present[key] !== value)) {
    throw invalidParameter('Tags Reason: Topic already exists with different tags');
  }
}
