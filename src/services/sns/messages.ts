/**
 * What a message says, checked as SNS checks it, and sealed as it rests until it is delivered. Also the text of a
 * message for one protocol, and its attributes as filters see them.
 */

import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { MessageAttributeValue } from '@aws-sdk/client-sns';
import { parseJson, type FilterAttribute } from '#core/topic/filter-policy.ts';
import type { Keyring } from '#store/keyring.ts';
import { invalidParameter } from './faults.ts';

export interface MessageAttribute {
  readonly name: string;
  readonly type: string;
  readonly text?: string;
  /** Base64. */
  readonly bytes?: string;
}

export interface Notification {
  readonly type: 'Notification';
  readonly topicName: string;
  readonly publishedAt: number;
  readonly subject: string | undefined;
  readonly message: string;
  /** The message is JSON with a text for each protocol. */
  readonly isStructured: boolean;
  readonly attributes: readonly MessageAttribute[];
}

export interface Confirmation {
  readonly type: 'SubscriptionConfirmation';
  readonly topicName: string;
  readonly publishedAt: number;
  readonly token: string;
}

export type Content = Notification | Confirmation;

interface Given {
  readonly Message: string | undefined;
  readonly Subject?: string | undefined;
  readonly MessageStructure?: string | undefined;
  readonly MessageAttributes?: Readonly<Record<string, MessageAttributeValue>> | undefined;
}

const PURPOSE = 'sns.message';
export const MESSAGE_BYTES_MAX = 262_144;
const OPENED_BYTES_MAX = 8 * MESSAGE_BYTES_MAX;
const SUBJECT = /^[\x20-\x7e]{1,100}$/;
const ATTRIBUTE_NAME = /^(?!aws\.|amazon\.)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/i;
const ATTRIBUTE_NAME_LENGTH_MAX = 256;
const DATA_TYPE = /^(String\.Array|String|Number|Binary)(\.[\w.-]+)?$/;

/** Throws what SNS answers to a message that cannot be published. */
export function checkMessage(
  given: Given,
): Pick<Notification, 'subject' | 'message' | 'isStructured' | 'attributes'> {
  const { Message: message = '', Subject: subject, MessageStructure: structure } = given;
  if (message === '') throw invalidParameter('Empty message');
  if (subject !== undefined && !SUBJECT.test(subject)) throw invalidParameter('Subject');
  if (structure !== undefined && structure !== '' && structure !== 'json')
    throw invalidParameter('MessageStructure');
  const isStructured = structure === 'json';
  if (isStructured) checkStructure(message);
  const attributes = Object.entries(given.MessageAttributes ?? {}).map(([name, value]) =>
    readAttribute(name, value),
  );
  const checked = { subject, message, isStructured, attributes };
  if (sizeOf(checked) > MESSAGE_BYTES_MAX) throw invalidParameter('Message too long');
  return checked;
}

/** Message, and names, types and values of the attributes count. */
export function sizeOf({ message, attributes }: Pick<Notification, 'message' | 'attributes'>): number {
  let bytes = Buffer.byteLength(message);
  for (const { name, type, text = '', bytes: raw } of attributes) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(type);
    bytes += raw === undefined ? Buffer.byteLength(text) : Buffer.from(raw, 'base64').length;
  }
  return bytes;
}

function checkStructure(message: string): void {
  const structure = parseJson(message);
  if (typeof structure !== 'object' || structure === null || Array.isArray(structure)) {
    throw invalidParameter('Message Structure - JSON message body failed to parse');
  }
  if (typeof (structure as { readonly default?: unknown }).default !== 'string') {
    throw invalidParameter('Message Structure - No default entry in JSON message body');
  }
}

function readAttribute(name: string, value: MessageAttributeValue): MessageAttribute {
  if (name.length > ATTRIBUTE_NAME_LENGTH_MAX || !ATTRIBUTE_NAME.test(name)) {
    throw invalidParameter(`The message attribute name '${name}' is not valid`);
  }
  const { DataType: type = '', StringValue, BinaryValue } = value;
  const kind = DATA_TYPE.exec(type)?.[1];
  if (kind === undefined) {
    throw invalidParameter(
      `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
    );
  }
  if (kind === 'Binary') {
    if (!BinaryValue?.length) throw emptyValue(name, 'Binary');
    return { name, type, bytes: Buffer.from(BinaryValue).toString('base64') };
  }
  if (!StringValue) throw emptyValue(name, 'String');
  if (kind === 'Number' && !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(StringValue)) {
    throw invalidParameter(`Could not cast message attribute '${name}' value to number.`);
  }
  return { name, type, text: StringValue };
}

function emptyValue(name: string, type: string) {
  return invalidParameter(
    `The message attribute '${name}' must contain non-empty message attribute value for message attribute type '${type}'.`,
  );
}

export function filterAttributes(attributes: readonly MessageAttribute[]): Record<string, FilterAttribute> {
  return Object.fromEntries(attributes.map(({ name, type, text }) => [name, { type, text }]));
}

/** The text for subscribers of one protocol. */
export function textFor(notification: Notification, protocol: string): string {
  if (!notification.isStructured) return notification.message;
  const texts = JSON.parse(notification.message) as Readonly<Record<string, unknown>>;
  const own = Object.hasOwn(texts, protocol) ? texts[protocol] : undefined;
  return typeof own === 'string' ? own : String(texts['default']);
}

/** Packed first, for JSON can be several times as long as what it says. */
export function sealContent(keyring: Keyring, messageId: string, content: Content): string {
  return keyring.seal(PURPOSE, deflateRawSync(JSON.stringify(content)), messageId);
}

export function openContent(keyring: Keyring, messageId: string, sealed: string): Content {
  const packed = keyring.open(PURPOSE, sealed, messageId);
  return JSON.parse(
    inflateRawSync(packed, { maxOutputLength: OPENED_BYTES_MAX }).toString('utf8'),
  ) as Content;
}
