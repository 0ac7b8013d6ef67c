/**
 * The machine of messages, and what it orders: one attempt to deliver to one subscription, by the subscription's
 * protocol, and the burial of what cannot be delivered in a dead-letter queue. What an attempt finds is an event; only
 * what cannot be explained is thrown, and tried again by the engine.
 */

import { parseArn } from '#base/arn.ts';
import { isFault, type Fault } from '#base/fault.ts';
import { hasEnded, messageDecider } from '#core/topic/delivery.ts';
import type { House } from '#services/service.ts';
import type { Attempt } from './attempt.ts';
import {
  confirmationDocument,
  confirmationMail,
  notificationDocument,
  notificationMail,
  type Addressed,
} from './documents.ts';
import type { Mailer } from './mail.ts';
import { openContent, textFor, type Content, type Notification } from './messages.ts';
import {
  findSubscription,
  findTopic,
  subscriptionArn,
  topicArn,
  type MessageMachine,
  type Room,
} from './room.ts';
import { deadLetterTarget, isRaw, requestContentType } from './subscription-attributes.ts';
import { tables } from './tables.ts';
import { post } from './web.ts';

interface Loaded extends Addressed {
  readonly content: Content;
}

const GONE: Attempt = {
  isDelivered: false,
  isPermanent: true,
  reason: 'the topic or the subscription is gone',
};

/** `room` gives the parts that are not there yet when the machine is made. */
export function createMessageMachine(house: House, room: () => Room, mailer: Mailer): MessageMachine {
  const { database, keyring, log } = house;

  return {
    kind: 'sns.message',
    decider: messageDecider,
    effects: {
      async Deliver({ id, attempt }, { machineId, signal }) {
        const loaded = await load(machineId, id);
        const result = loaded ? await deliver(loaded, signal) : GONE;
        if (result.isDelivered) return { type: 'DeliverySucceeded', id, attempt };
        const { isPermanent, reason } = result;
        log.warn('a message was not delivered', {
          messageId: machineId,
          topic: loaded?.topic.name,
          protocol: loaded?.subscription.protocol,
          attempt,
          isPermanent,
          reason,
        });
        return { type: 'DeliveryFailed', id, attempt, reason, isPermanent };
      },
      async Bury({ id }, { machineId }) {
        const loaded = await load(machineId, id);
        const target = loaded && deadLetterTarget(loaded.subscription);
        if (!loaded || !target || loaded.content.type !== 'Notification') {
          return {
            type: 'BurialFailed',
            id,
            reason: 'the subscription or its queue for dead letters is gone',
          };
        }
        await sendToQueue(loaded, target, loaded.content);
        return { type: 'LetterBuried', id };
      },
    },
    async record(transaction, { id, after, event }) {
      if (!hasEnded(after)) return;
      await tables(transaction)
        .updateTable('sns_message')
        .set({ ended_at: event.at })
        .where('message_id', '=', id)
        .execute();
    },
  };

  async function load(messageId: string, subscriptionId: string): Promise<Loaded | undefined> {
    const [message, subscription] = await Promise.all([
      tables(database)
        .selectFrom('sns_message')
        .selectAll()
        .where('message_id', '=', messageId)
        .executeTakeFirst(),
      findSubscription(database.read, subscriptionId),
    ]);
    if (!message || !subscription) return undefined;
    const topic = await findTopic(database.read, house, topicArn(house, subscription.topic_name));
    if (!topic) return undefined;
    return { messageId, topic, subscription, content: openContent(keyring, messageId, message.content) };
  }

  async function deliver(loaded: Loaded, signal: AbortSignal): Promise<Attempt> {
    const { content, subscription } = loaded;
    switch (subscription.protocol) {
      case 'sqs':
        return content.type === 'Notification' ? deliverToQueue(loaded, content) : GONE;
      case 'http':
      case 'https':
        return deliverToWeb(loaded, signal);
      case 'email':
      case 'email-json':
        return deliverByMail(loaded);
      default:
        return {
          isDelivered: false,
          isPermanent: true,
          reason: `nothing delivers to ${subscription.protocol}`,
        };
    }
  }

  async function deliverToQueue(loaded: Loaded, content: Notification): Promise<Attempt> {
    try {
      await sendToQueue(loaded, loaded.subscription.endpoint, content);
      return { isDelivered: true };
    } catch (error) {
      if (!isFault(error)) throw error;
      return { isDelivered: false, isPermanent: !mayPass(error), reason: `${error.code}: ${error.message}` };
    }
  }

  /** As the service, on behalf of the topic: the queue's policy decides. */
  async function sendToQueue(loaded: Loaded, queueArn: string, content: Notification): Promise<void> {
    const { topic, subscription } = loaded;
    const arn = parseArn(queueArn);
    const raw = isRaw(subscription);
    const attributes = content.attributes.map(({ name, type, text, bytes }) => [
      name,
      bytes === undefined
        ? { DataType: type, StringValue: text }
        : { DataType: type, BinaryValue: Buffer.from(bytes, 'base64') },
    ]);
    await house.asService('sns', topicArn(house, topic.name)).send('sqs:SendMessage', {
      QueueUrl: `${house.endpoint()}/${arn?.account}/${arn?.resource}`,
      MessageBody: raw
        ? textFor(content, subscription.protocol)
        : await notificationDocument(room(), loaded, content),
      ...(raw && attributes.length > 0 ? { MessageAttributes: Object.fromEntries(attributes) } : {}),
    });
  }

  async function deliverToWeb(loaded: Loaded, signal: AbortSignal): Promise<Attempt> {
    const { content, subscription, topic, messageId } = loaded;
    const isNotification = content.type === 'Notification';
    const raw = isNotification && isRaw(subscription);
    const body = !isNotification
      ? await confirmationDocument(room(), loaded, content)
      : raw
        ? textFor(content, subscription.protocol)
        : await notificationDocument(room(), loaded, content);
    return post({
      url: subscription.endpoint,
      body,
      signal,
      allowsPrivate: room().settings.allowsPrivateEndpoints,
      headers: {
        'content-type': isNotification
          ? requestContentType(topic, subscription)
          : 'text/plain; charset=UTF-8',
        'user-agent': 'Amazon Simple Notification Service Agent',
        'x-amz-sns-message-type': content.type,
        'x-amz-sns-message-id': messageId,
        'x-amz-sns-topic-arn': topicArn(house, topic.name),
        ...(isNotification ? { 'x-amz-sns-subscription-arn': subscriptionArn(house, subscription) } : {}),
        ...(raw ? { 'x-amz-sns-rawdelivery': 'true' } : {}),
      },
    });
  }

  async function deliverByMail(loaded: Loaded): Promise<Attempt> {
    const { content, subscription, messageId } = loaded;
    const isJson = subscription.protocol === 'email-json';
    if (content.type === 'SubscriptionConfirmation') {
      const mail = confirmationMail(room(), loaded, content);
      const text = isJson ? await confirmationDocument(room(), loaded, content) : mail.text;
      return mailer.send(subscription.endpoint, { ...mail, text }, messageId);
    }
    const mail = notificationMail(room(), loaded, content);
    const text = isJson ? await notificationDocument(room(), loaded, content) : mail.text;
    return mailer.send(subscription.endpoint, { ...mail, text }, messageId);
  }
}

/** A refusal stays a refusal; AWS too sends no message twice that a policy or a missing queue turned away. */
function mayPass(error: Fault): boolean {
  return /^(InternalFailure|ServiceUnavailable.*|.*Throttl.*)$/.test(error.code);
}
