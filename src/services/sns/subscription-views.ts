/** Subscriptions: listed, described, changed. */

import type { Subscription } from '@aws-sdk/client-sns';
import type { Call, Handler } from '#services/service.ts';
import {
  afterOf,
  attributesOf,
  PAGE_SIZE,
  pageToken,
  requireSubscription,
  requireTopic,
  subscriptionArn,
  topicArn,
  type Room,
} from './room.ts';
import { changeSubscriptionAttributes, retryPolicyOf } from './subscription-attributes.ts';
import { tables, type SubscriptionRow } from './tables.ts';

export function subscriptionOperations(room: Room) {
  const { database } = room.house;

  const ListSubscriptions: Handler<'sns', 'ListSubscriptions'> = async (call, input) =>
    list(call, input.NextToken, undefined);

  const ListSubscriptionsByTopic: Handler<'sns', 'ListSubscriptionsByTopic'> = async (call, input) => {
    const { name } = await requireTopic(database.read, call, input.TopicArn);
    return list(call, input.NextToken, name);
  };

  async function list(call: Call, token: string | undefined, topic: string | undefined) {
    let query = tables(database)
      .selectFrom('sns_subscription')
      .selectAll()
      .where('subscription_id', '>', afterOf(token))
      .orderBy('subscription_id')
      .limit(PAGE_SIZE + 1);
    if (topic !== undefined) query = query.where('topic_name', '=', topic);
    const found = await query.execute();
    const page = found.slice(0, PAGE_SIZE);
    return {
      Subscriptions: page.map((row) => view(call, row)),
      ...(found.length > PAGE_SIZE ? { NextToken: pageToken(page.at(-1)?.subscription_id ?? '') } : {}),
    };
  }

  const GetSubscriptionAttributes: Handler<'sns', 'GetSubscriptionAttributes'> = async (call, input) => {
    const row = await requireSubscription(database.read, call, input.SubscriptionArn);
    const topic = await requireTopic(database.read, call, topicArn(call, row.topic_name));
    const attributes = attributesOf(row);
    const isHttp = row.protocol === 'http' || row.protocol === 'https';
    const effective = JSON.stringify({ healthyRetryPolicy: retryPolicyOf(topic, row) });
    return {
      Attributes: {
        RawMessageDelivery: 'false',
        ...(attributes['FilterPolicy'] === undefined ? {} : { FilterPolicyScope: 'MessageAttributes' }),
        ...attributes,
        ...(isHttp ? { EffectiveDeliveryPolicy: effective } : {}),
        SubscriptionArn: subscriptionArn(call, row),
        TopicArn: topicArn(call, row.topic_name),
        Protocol: row.protocol,
        Endpoint: row.endpoint,
        Owner: call.account,
        SubscriptionPrincipal: row.principal,
        PendingConfirmation: String(row.token_hash !== null),
        ConfirmationWasAuthenticated: String(row.was_authenticated === 1),
      },
    };
  };

  const SetSubscriptionAttributes: Handler<'sns', 'SetSubscriptionAttributes'> = async (call, input) => {
    const { AttributeName = '', AttributeValue = '' } = input;
    await database.transaction(async (transaction) => {
      const row = await requireSubscription(transaction, call, input.SubscriptionArn);
      const change = { [AttributeName]: AttributeValue };
      const attributes = changeSubscriptionAttributes(row.protocol, attributesOf(row), change);
      await tables(transaction)
        .updateTable('sns_subscription')
        .set({ attributes: JSON.stringify(attributes) })
        .where('subscription_id', '=', row.subscription_id)
        .execute();
    });
    return {};
  };

  return {
    ListSubscriptions,
    ListSubscriptionsByTopic,
    GetSubscriptionAttributes,
    SetSubscriptionAttributes,
  };
}

function view(call: Call, row: SubscriptionRow): Subscription {
  return {
    SubscriptionArn: row.token_hash === null ? subscriptionArn(call, row) : 'PendingConfirmation',
    Owner: call.account,
    Protocol: row.protocol,
    Endpoint: row.endpoint,
    TopicArn: topicArn(call, row.topic_name),
  };
}
