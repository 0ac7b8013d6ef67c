/**
 * What subscribers read: the JSON documents of SNS with their signatures, and the texts of mails. AWS: "Parsing Amazon
 * SNS message formats".
 */

import { textFor, type Confirmation, type Notification } from './messages.ts';
import { attributesOf, subscriptionArn, topicArn, type Room } from './room.ts';
import { confirmationUrl, unsubscribeUrl } from './subscriptions.ts';
import type { SubscriptionRow, TopicRow } from './tables.ts';
import { signatureVersionOf } from './topic-attributes.ts';

export interface Addressed {
  readonly messageId: string;
  readonly topic: TopicRow;
  readonly subscription: SubscriptionRow;
}

export async function notificationDocument(
  room: Room,
  { messageId, topic, subscription }: Addressed,
  notification: Notification,
): Promise<string> {
  const { house, signer } = room;
  const Message = textFor(notification, subscription.protocol);
  const Timestamp = new Date(notification.publishedAt).toISOString();
  const TopicArn = topicArn(house, topic.name);
  const Subject = notification.subject;
  const Type = 'Notification';
  const SignatureVersion = signatureVersionOf(attributesOf(topic));
  const Signature = await signer.sign(SignatureVersion, [
    ['Message', Message],
    ['MessageId', messageId],
    ...(Subject === undefined ? [] : [['Subject', Subject] as const]),
    ['Timestamp', Timestamp],
    ['TopicArn', TopicArn],
    ['Type', Type],
  ]);
  const attributes = notification.attributes.map(({ name, type, text, bytes }) => [
    name,
    { Type: type, Value: text ?? bytes },
  ]);
  return print({
    Type,
    MessageId: messageId,
    TopicArn,
    Subject,
    Message,
    Timestamp,
    SignatureVersion,
    Signature,
    SigningCertURL: await signer.certificateUrl(),
    UnsubscribeURL: unsubscribeUrl(house.endpoint(), subscriptionArn(house, subscription)),
    MessageAttributes: attributes.length > 0 ? Object.fromEntries(attributes) : undefined,
  });
}

export async function confirmationDocument(
  room: Room,
  { messageId, topic }: Addressed,
  { token, publishedAt }: Confirmation,
): Promise<string> {
  const { house, signer } = room;
  const TopicArn = topicArn(house, topic.name);
  const Timestamp = new Date(publishedAt).toISOString();
  const Type = 'SubscriptionConfirmation';
  const SubscribeURL = confirmationUrl(house.endpoint(), TopicArn, token);
  const Message = `You have chosen to subscribe to the topic ${TopicArn}.\nTo confirm the subscription, visit the SubscribeURL included in this message.`;
  const SignatureVersion = signatureVersionOf(attributesOf(topic));
  const Signature = await signer.sign(SignatureVersion, [
    ['Message', Message],
    ['MessageId', messageId],
    ['SubscribeURL', SubscribeURL],
    ['Timestamp', Timestamp],
    ['Token', token],
    ['TopicArn', TopicArn],
    ['Type', Type],
  ]);
  return print({
    Type,
    MessageId: messageId,
    Token: token,
    TopicArn,
    Message,
    SubscribeURL,
    Timestamp,
    SignatureVersion,
    Signature,
    SigningCertURL: await signer.certificateUrl(),
  });
}

export interface Mail {
  readonly subject: string;
  readonly text: string;
}

export function notificationMail(
  room: Room,
  { topic, subscription }: Addressed,
  notification: Notification,
): Mail {
  const url = unsubscribeUrl(room.house.endpoint(), subscriptionArn(room.house, subscription));
  const foot = `--\nYou get this because you are subscribed to ${topicArn(room.house, topic.name)}.\nTo end the subscription, visit ${url}\n`;
  return {
    subject: notification.subject ?? 'AWS Notification Message',
    text: `${textFor(notification, subscription.protocol)}\n\n${foot}`,
  };
}

export function confirmationMail(room: Room, { topic }: Addressed, { token }: Confirmation): Mail {
  const arn = topicArn(room.house, topic.name);
  const url = confirmationUrl(room.house.endpoint(), arn, token);
  return {
    subject: 'AWS Notification - Subscription Confirmation',
    text: `You have chosen to subscribe to the topic:\n${arn}\n\nTo confirm this subscription, visit\n${url}\n\nIf this is a mistake, do nothing: without a confirmation nothing more is sent.\n`,
  };
}

function print(document: object): string {
  return JSON.stringify(document, null, 2);
}
