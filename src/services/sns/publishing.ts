/**
 * Publish and PublishBatch. When the answer is out, the message rests in the database with the orders to deliver it to
 * every confirmed subscription that wants it; a subscription gets it at least once.
 */

import { createUuid } from '#base/chance.ts';
import { fault, isFault, type Fault } from '#base/fault.ts';
import { matchesAttributes, matchesBody, parseFilterPolicy, parseJson } from '#core/topic/filter-policy.ts';
import type { Call, Handler } from '#services/service.ts';
import { invalidParameter } from './faults.ts';
import {
  checkMessage,
  filterAttributes,
  MESSAGE_BYTES_MAX,
  sealContent,
  sizeOf,
  textFor,
} from './messages.ts';
import type { Notification } from './messages.ts';
import { attributesOf, requireTopic, type Room } from './room.ts';
import { deadLetterTarget, retryPolicyOf, scopeOf } from './subscription-attributes.ts';
import { tables, type SubscriptionRow, type TopicRow } from './tables.ts';

type Draft = { readonly id: string | undefined } & (
  { readonly message: Notification } | { readonly error: Fault }
);

const ENTRIES_MAX = 10;
const ENTRY_ID = /^[A-Za-z0-9_-]{1,80}$/;

export function publishingOperations(room: Room) {
  const { database, engine, keyring } = room.house;

  const Publish: Handler<'sns', 'Publish'> = async (call, input) => {
    if (input.PhoneNumber !== undefined) {
      throw invalidParameter('PhoneNumber Reason: Slipway sends no text messages');
    }
    const topic = await requireTopic(database.read, call, input.TopicArn ?? input.TargetArn);
    refuseOrder(input);
    const message = { ...checkMessage(input), ...stamp(call, topic) };
    return { MessageId: await accept(topic, message, await subscribersOf(topic)) };
  };

  const PublishBatch: Handler<'sns', 'PublishBatch'> = async (call, input) => {
    const topic = await requireTopic(database.read, call, input.TopicArn);
    const entries = input.PublishBatchRequestEntries ?? [];
    checkEntries(entries.map(({ Id = '' }) => Id));
    const drafts = entries.map((entry): Draft => {
      try {
        refuseOrder(entry);
        return { id: entry.Id, message: { ...checkMessage(entry), ...stamp(call, topic) } };
      } catch (error) {
        if (!isFault(error)) throw error;
        return { id: entry.Id, error };
      }
    });
    const bytes = drafts.reduce((sum, draft) => sum + ('error' in draft ? 0 : sizeOf(draft.message)), 0);
    if (bytes > MESSAGE_BYTES_MAX) {
      throw fault(
        'BatchRequestTooLong',
        `The length of all the messages put together is more than the limit of ${MESSAGE_BYTES_MAX} bytes.`,
      );
    }
    const subscribers = await subscribersOf(topic);
    const accepted = drafts.map(async (draft) =>
      'error' in draft ? [] : [{ Id: draft.id, MessageId: await accept(topic, draft.message, subscribers) }],
    );
    const Failed = drafts.flatMap((draft) =>
      'error' in draft
        ? [{ Id: draft.id, Code: draft.error.code, Message: draft.error.message, SenderFault: true }]
        : [],
    );
    return { Successful: (await Promise.all(accepted)).flat(), Failed };
  };

  async function accept(
    topic: TopicRow,
    message: Notification,
    subscriptions: readonly SubscriptionRow[],
  ): Promise<string> {
    const messageId = createUuid();
    const subscribers = subscriptions
      .filter((row) => wants(row, message))
      .map((row) => ({
        id: row.subscription_id,
        retry: retryPolicyOf(topic, row),
        hasDeadLetters: deadLetterTarget(row) !== undefined,
      }));
    if (subscribers.length === 0) return messageId;
    const content = sealContent(keyring, messageId, message);
    const row = { message_id: messageId, created_at: message.publishedAt, ended_at: null, content };
    await engine.send(
      room.machine,
      messageId,
      { type: 'MessageAccepted', subscribers },
      async (transaction) => {
        await tables(transaction).insertInto('sns_message').values(row).execute();
      },
    );
    return messageId;
  }

  function subscribersOf(topic: TopicRow): Promise<readonly SubscriptionRow[]> {
    return tables(database)
      .selectFrom('sns_subscription')
      .selectAll()
      .where('topic_name', '=', topic.name)
      .where('token_hash', 'is', null)
      .execute();
  }

  return { Publish, PublishBatch };
}

function stamp(call: Call, topic: TopicRow) {
  return { type: 'Notification', topicName: topic.name, publishedAt: call.at } as const;
}

/** Order and deduplication are matters of FIFO topics, which there are none of. */
function refuseOrder(given: { readonly MessageDeduplicationId?: string | undefined }): void {
  if (given.MessageDeduplicationId === undefined) return;
  throw invalidParameter(
    'MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type',
  );
}

function checkEntries(ids: readonly string[]): void {
  if (ids.length === 0) throw fault('EmptyBatchRequest', "The batch request doesn't contain any entries.");
  if (ids.length > ENTRIES_MAX) {
    throw fault('TooManyEntriesInBatchRequest', 'The batch request contains more entries than permissible.');
  }
  if (!ids.every((id) => ENTRY_ID.test(id))) {
    throw fault(
      'InvalidBatchEntryId',
      "The Id of a batch entry in a batch request doesn't abide by the specification.",
    );
  }
  if (new Set(ids).size < ids.length) {
    throw fault('BatchEntryIdsNotDistinct', 'Two or more batch entries in the request have the same Id.');
  }
}

/** A policy was checked when it was set; one that is none any more holds nothing back. */
function wants(row: SubscriptionRow, message: Notification): boolean {
  const attributes = attributesOf(row);
  const text = attributes['FilterPolicy'];
  if (text === undefined) return true;
  const scope = scopeOf(attributes);
  const parsed = parseFilterPolicy(text, scope);
  if ('error' in parsed) return true;
  return scope === 'MessageBody'
    ? matchesBody(parsed.pattern, parseJson(textFor(message, row.protocol)))
    : matchesAttributes(parsed.pattern, filterAttributes(message.attributes));
}
