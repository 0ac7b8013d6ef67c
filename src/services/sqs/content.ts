/** What a message says, checked as SQS checks it, and sealed as it rests in the database (SSE-SQS). */

import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import { fault } from '#base/fault.ts';
import type { Keyring } from '#store/keyring.ts';
import type { MessageAttributes } from './digests.ts';
import { invalidParameter, invalidValue, missingParameter } from './faults.ts';

export interface Content {
  readonly body: string;
  readonly attributes: MessageAttributes;
  /** Only AWSTraceHeader can be set by a sender. */
  readonly traceHeader?: string;
}

interface Given {
  readonly MessageBody: string | undefined;
  readonly MessageAttributes?: MessageAttributes | undefined;
  readonly MessageSystemAttributes?: MessageAttributes | undefined;
}

const PURPOSE = 'sqs.message';
const ATTRIBUTES_MAX = 10;
const ATTRIBUTE_NAME = /^(?!aws\.|amazon\.)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/i;
const ATTRIBUTE_NAME_LENGTH_MAX = 256;
const DATA_TYPE = /^(String|Number|Binary)(\..+)?$/s;
/** The characters of XML, which messages were once carried in. */
const FORBIDDEN = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/** Throws what SQS answers to a message that cannot be sent. */
export function checkContent(given: Given): Content {
  const { MessageBody: body = '', MessageAttributes: attributes = {} } = given;
  if (body === '') throw missingParameter('MessageBody');
  if (FORBIDDEN.test(body)) {
    throw fault(
      'InvalidMessageContents',
      'Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF.',
    );
  }
  if (Object.keys(attributes).length > ATTRIBUTES_MAX) {
    throw invalidParameter(
      `Number of message attributes [${Object.keys(attributes).length}] exceeds the allowed maximum [${ATTRIBUTES_MAX}].`,
    );
  }
  for (const [name, value] of Object.entries(attributes)) checkAttribute(name, value);
  const trace = given.MessageSystemAttributes?.['AWSTraceHeader']?.StringValue;
  return { body, attributes, ...(trace === undefined ? {} : { traceHeader: trace }) };
}

function checkAttribute(name: string, value: MessageAttributeValue): void {
  if (name.length > ATTRIBUTE_NAME_LENGTH_MAX || !ATTRIBUTE_NAME.test(name)) {
    throw invalidValue(name, 'MessageAttributes', 'The name of a message attribute is not valid.');
  }
  const { DataType = '', StringValue, BinaryValue } = value;
  const kind = DATA_TYPE.exec(DataType)?.[1];
  if (kind === undefined) {
    throw invalidParameter(
      `The type of message (user) attribute '${name}' is invalid. You must use only the following supported type prefixes: Binary, Number, String.`,
    );
  }
  const isEmpty = kind === 'Binary' ? !BinaryValue?.length : !StringValue;
  if (isEmpty) {
    const type = kind === 'Binary' ? 'Binary' : 'String';
    throw invalidParameter(
      `The message (user) attribute '${name}' must contain a non-empty value of type '${type}'.`,
    );
  }
  if (kind === 'Number' && !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(StringValue ?? '')) {
    throw invalidParameter(`Can't cast the value of message (user) attribute '${name}' to a number.`);
  }
  if (StringValue !== undefined && FORBIDDEN.test(StringValue)) {
    throw fault('InvalidMessageContents', `Invalid characters found in the message attribute '${name}'.`);
  }
}

/** Body, and names, types and values of the attributes count. */
export function sizeOf({ body, attributes }: Content): number {
  let bytes = Buffer.byteLength(body);
  for (const [name, { DataType = '', StringValue = '', BinaryValue }] of Object.entries(attributes)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(DataType);
    bytes += BinaryValue?.length ?? Buffer.byteLength(StringValue);
  }
  return bytes;
}

export function sealContent(keyring: Keyring, messageId: string, content: Content): string {
  const attributes = Object.entries(content.attributes).map(([name, value]) => ({
    name,
    type: value.DataType,
    ...(value.BinaryValue === undefined
      ? { text: value.StringValue }
      : { bytes: Buffer.from(value.BinaryValue).toString('base64') }),
  }));
  const { body, traceHeader } = content;
  return keyring.seal(PURPOSE, JSON.stringify({ body, traceHeader, attributes }), messageId);
}

interface Sealed {
  readonly body: string;
  readonly traceHeader?: string;
  readonly attributes: readonly { name: string; type: string; text?: string; bytes?: string }[];
}

export function openContent(keyring: Keyring, messageId: string, sealed: string): Content {
  const { body, traceHeader, attributes } = JSON.parse(
    keyring.open(PURPOSE, sealed, messageId).toString('utf8'),
  ) as Sealed;
  const entries = attributes.map(({ name, type, text, bytes }): [string, MessageAttributeValue] => [
    name,
    bytes === undefined
      ? { DataType: type, StringValue: text }
      : { DataType: type, BinaryValue: Buffer.from(bytes, 'base64') },
  ]);
  return {
    body,
    attributes: Object.fromEntries(entries),
    ...(traceHeader === undefined ? {} : { traceHeader }),
  };
}
