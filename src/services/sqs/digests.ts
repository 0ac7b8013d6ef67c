/**
 * The MD5 digests of SQS, which clients compare with their own. AWS: "Calculating the MD5 message digest for message
 * attributes" in the SQS developer guide.
 */

import { createHash } from 'node:crypto';
import type { MessageAttributeValue } from '@aws-sdk/client-sqs';

export type MessageAttributes = Readonly<Record<string, MessageAttributeValue>>;

const STRING = Buffer.from([1]);
const BINARY = Buffer.from([2]);

export function md5Of(text: string): string {
  return createHash('md5').update(text, 'utf8').digest('hex');
}

/** Sorted by name: length and bytes of name and type, the kind of transport, length and bytes of the value. */
export function md5OfAttributes(attributes: MessageAttributes): string | undefined {
  const names = Object.keys(attributes).sort();
  if (names.length === 0) return undefined;
  const hash = createHash('md5');
  const add = (bytes: Uint8Array) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  };
  for (const name of names) {
    const { DataType = '', StringValue, BinaryValue } = attributes[name] ?? {};
    add(Buffer.from(name));
    add(Buffer.from(DataType));
    hash.update(BinaryValue === undefined ? STRING : BINARY);
    add(BinaryValue ?? Buffer.from(StringValue ?? ''));
  }
  return hash.digest('hex');
}
