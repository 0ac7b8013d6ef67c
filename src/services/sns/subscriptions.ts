/**
 * Subscribing, in two steps where somebody else owns the endpoint: the subscription is made and asks its endpoint with a
 * token; whoever has the token confirms. Queues of the account are confirmed at once; whether they take messages their
 * own policy says at delivery. AWS: "Subscribe" in the SNS API reference.
 */

import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import { createChance, createUuid } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import { principalArn } from '#core/policy/principal.ts';
import type { Call, Handler } from '#services/service.ts';
import { checkEndpoint, isSelfConfirmed } from './endpoints.ts';
import { invalidParameter, noSuchTopic } from './faults.ts';
import { sealContent } from './messages.ts';
import {
  findTopic,
  requireSubscription,
  requireTopic,
  subscriptionArn,
  topicOfSubscription,
  type Room,
} from './room.ts';
import { changeSubscriptionAttributes, retryPolicyOf } from './subscription-attributes.ts';
import { tables, type SubscriptionRow, type TopicRow } from './tables.ts';

/** Bounds what one message costs. */
const SUBSCRIPTIONS_PER_TOPIC_MAX = 500;
export const CONFIRMATION_MS_MAX = 2 * 86_400_000;
const PENDING = 'pending confirmation';

export function subscribingOperations(room: Room) {
  const { database, engine, keyring } = room.house;

  const Subscribe: Handler<'sns', 'Subscribe'> = async (call, input) => {
    const topic = await requireTopic(database.read, call, input.TopicArn);
    const protocol = input.Protocol ?? '';
    const endpoint = checkEndpoint(protocol, input.Endpoint, call.account);
    const attributes = changeSubscriptionAttributes(protocol, {}, input.Attributes ?? {});
    const isConfirmed = isSelfConfirmed(protocol);
    const token = createToken();
    const row: SubscriptionRow = {
      subscription_id: createUuid(),
      topic_name: topic.name,
      protocol,
      endpoint,
      principal: principalArn(call.principal),
      attributes: JSON.stringify(attributes),
      token_hash: isConfirmed ? null : hashOf(token),
      asked_at: call.at,
      was_authenticated: isConfirmed ? 1 : 0,
      needs_signature: 0,
    };
    const there = await findTwin(database.read, row);
    if (there && there.token_hash === null)
      return { SubscriptionArn: subscriptionArn(call, requireSame(there, row)) };
    // A subscription that waits is asked again.
    const asked = there ? { ...row, subscription_id: there.subscription_id } : row;
    if (isConfirmed) await database.transaction((transaction) => insert(transaction, asked));
    else await ask(call, topic, asked, token);
    const arn = subscriptionArn(call, asked);
    return { SubscriptionArn: isConfirmed || input.ReturnSubscriptionArn === true ? arn : PENDING };
  };

  /** The row and the question are one transaction, so that nobody waits for a question that was never sent. */
  async function ask(call: Call, topic: TopicRow, row: SubscriptionRow, token: string): Promise<void> {
    const messageId = createUuid();
    const content = {
      type: 'SubscriptionConfirmation',
      topicName: topic.name,
      publishedAt: call.at,
      token,
    } as const;
    const subscribers = [
      { id: row.subscription_id, retry: retryPolicyOf(topic, row), hasDeadLetters: false },
    ];
    await engine.send(
      room.machine,
      messageId,
      { type: 'MessageAccepted', subscribers },
      async (transaction) => {
        await insert(transaction, row);
        const message = { message_id: messageId, created_at: call.at, ended_at: null };
        await tables(transaction)
          .insertInto('sns_message')
          .values({ ...message, content: sealContent(keyring, messageId, content) })
          .execute();
      },
    );
  }

  async function insert(transaction: Kysely<unknown>, row: SubscriptionRow): Promise<void> {
    const rows = tables(transaction);
    const topic = await rows
      .selectFrom('sns_topic')
      .select('name')
      .where('name', '=', row.topic_name)
      .executeTakeFirst();
    if (!topic) throw noSuchTopic();
    const { count } = await rows
      .selectFrom('sns_subscription')
      .select((select) => select.fn.countAll<number>().as('count'))
      .where('topic_name', '=', row.topic_name)
      .executeTakeFirstOrThrow();
    if (Number(count) >= SUBSCRIPTIONS_PER_TOPIC_MAX) {
      throw fault(
        'SubscriptionLimitExceeded',
        `Subscription limit exceeded: a topic can have ${SUBSCRIPTIONS_PER_TOPIC_MAX} subscriptions.`,
      );
    }
    const { subscription_id: _, ...change } = row;
    await rows
      .insertInto('sns_subscription')
      .values(row)
      .onConflict((conflict) => conflict.columns(['topic_name', 'protocol', 'endpoint']).doUpdateSet(change))
      .execute();
  }

  const ConfirmSubscription: Handler<'sns', 'ConfirmSubscription'> = async (call, input) => {
    const topic = await findTopic(database.read, call, input.TopicArn);
    if (!topic) throw noSuchTopic();
    const hash = hashOf(input.Token ?? '');
    const isSigned = call.principal.type !== 'anonymous';
    const needsSignature = input.AuthenticateOnUnsubscribe === 'true';
    if (needsSignature && !isSigned) {
      throw fault('AuthorizationError', 'AuthenticateOnUnsubscribe needs a signed request.');
    }
    const row = await database.transaction(async (transaction) => {
      const rows = tables(transaction);
      const waiting = await rows
        .selectFrom('sns_subscription')
        .selectAll()
        .where('topic_name', '=', topic.name)
        .where('token_hash', '=', hash)
        .where('asked_at', '>', call.at - CONFIRMATION_MS_MAX)
        .executeTakeFirst();
      if (!waiting) return undefined;
      await rows
        .updateTable('sns_subscription')
        .set({
          token_hash: null,
          was_authenticated: isSigned ? 1 : 0,
          needs_signature: needsSignature ? 1 : 0,
        })
        .where('subscription_id', '=', waiting.subscription_id)
        .execute();
      return waiting;
    });
    if (!row) throw invalidParameter('Token');
    return { SubscriptionArn: subscriptionArn(call, row) };
  };

  const Unsubscribe: Handler<'sns', 'Unsubscribe'> = async (call, input) => {
    const isSigned = call.principal.type !== 'anonymous';
    if (isSigned) {
      const topic = topicOfSubscription(input.SubscriptionArn ?? '');
      await call.authorize({ action: 'sns:Unsubscribe', resource: topic });
    }
    await database.transaction(async (transaction) => {
      const row = await requireSubscription(transaction, call, input.SubscriptionArn);
      if (row.token_hash !== null)
        throw invalidParameter('SubscriptionArn Reason: The subscription is pending');
      if (row.needs_signature === 1 && !isSigned) {
        throw fault('AuthorizationError', 'This subscription can only be ended with a signed request.');
      }
      const rows = tables(transaction);
      await rows.deleteFrom('sns_subscription').where('subscription_id', '=', row.subscription_id).execute();
      await rows
        .updateTable('sns_topic')
        .set((set) => ({ subscriptions_deleted: set('subscriptions_deleted', '+', 1) }))
        .where('name', '=', row.topic_name)
        .execute();
    });
    return {};
  };

  return { Subscribe, ConfirmSubscription, Unsubscribe };
}

function findTwin(database: Kysely<unknown>, row: SubscriptionRow): Promise<SubscriptionRow | undefined> {
  return tables(database)
    .selectFrom('sns_subscription')
    .selectAll()
    .where('topic_name', '=', row.topic_name)
    .where('protocol', '=', row.protocol)
    .where('endpoint', '=', row.endpoint)
    .executeTakeFirst();
}

/** Subscribing again gives the same subscription, if nothing else is asked for. */
function requireSame(there: SubscriptionRow, wanted: SubscriptionRow): SubscriptionRow {
  const present = JSON.parse(there.attributes) as Record<string, string>;
  const asked = JSON.parse(wanted.attributes) as Record<string, string>;
  if (Object.entries(asked).every(([name, value]) => present[name] === value)) return there;
  throw invalidParameter('Attributes Reason: Subscription already exists with different attributes');
}

function createToken(): string {
  return createChance() + createChance() + createChance();
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

export function confirmationUrl(endpoint: string, arn: string, token: string): string {
  const query = new URLSearchParams({
    Action: 'ConfirmSubscription',
    Version: '2010-03-31',
    TopicArn: arn,
    Token: token,
  });
  return `${endpoint}/?${query}`;
}

export function unsubscribeUrl(endpoint: string, arn: string): string {
  const query = new URLSearchParams({ Action: 'Unsubscribe', Version: '2010-03-31', SubscriptionArn: arn });
  return `${endpoint}/?${query}`;
}
