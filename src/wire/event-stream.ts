/**
 * AWS's event streams: messages with headers and checksums, one for each event, as long as the answer lasts.
 * https://smithy.io/2.0/aws/amazon-eventstream.html
 *
 *   total length │ headers length │ CRC of these two │ headers │ payload │ CRC of all before
 */

import { crc32 } from 'node:zlib';
import { assert, present } from '#base/assert.ts';
import { writeJsonMembers } from './json.ts';
import type { StructureShape } from './model.ts';

export const EVENT_STREAM_TYPE = 'application/vnd.amazon.eventstream';

const PRELUDE_BYTES = 12;
const CRC_BYTES = 4;
const STRING_HEADER = 7;
/** What clients take, from the specification. */
const PAYLOAD_BYTES_MAX = 24 * 1024 * 1024;

/** The member of an output that is an event stream, if it has one. */
export function eventStreamOf(
  output: StructureShape | undefined,
): { readonly name: string; readonly shape: StructureShape } | undefined {
  for (const [name, { shape }] of output?.members ?? []) {
    if (shape.type === 'structure' && shape.eventStream) return { name, shape };
  }
  return undefined;
}

/** The messages of a stream in the JSON protocols. Events have one member, which says what they are. */
export async function* writeEventStream(
  shape: StructureShape,
  events: AsyncIterable<object>,
  contentType: string,
): AsyncGenerator<Buffer> {
  yield writeMessage(
    { ':message-type': 'event', ':event-type': 'initial-response', ':content-type': contentType },
    Buffer.from('{}'),
  );
  for await (const event of events) yield writeEvent(shape, event, contentType);
}

function writeEvent(shape: StructureShape, event: object, contentType: string): Buffer {
  const [entry, ...others] = Object.entries(event).filter(([, value]) => value !== undefined);
  assert(entry && others.length === 0, `an event of ${shape.name} has one member`);
  const [name, value] = entry;
  const member = present(shape.members.get(name), `member ${name} of ${shape.name}`).shape;
  assert(member.type === 'structure', `${name} of ${shape.name} must be a structure`);
  const kind: Readonly<Record<string, string>> = member.error
    ? { ':message-type': 'exception', ':exception-type': name }
    : { ':message-type': 'event', ':event-type': name };
  const payload = Buffer.from(JSON.stringify(writeJsonMembers(member, value as object)));
  return writeMessage({ ...kind, ':content-type': contentType }, payload);
}

export function writeMessage(headers: Readonly<Record<string, string>>, payload: Uint8Array): Buffer {
  assert(payload.byteLength <= PAYLOAD_BYTES_MAX, 'the payload of an event is too long');
  const head = Buffer.concat(Object.entries(headers).map(([name, value]) => writeHeader(name, value)));
  const total = PRELUDE_BYTES + head.length + payload.byteLength + CRC_BYTES;
  const message = Buffer.alloc(total);
  message.writeUInt32BE(total, 0);
  message.writeUInt32BE(head.length, 4);
  message.writeUInt32BE(crc32(message.subarray(0, 8)), 8);
  message.set(head, PRELUDE_BYTES);
  message.set(payload, PRELUDE_BYTES + head.length);
  message.writeUInt32BE(crc32(message.subarray(0, total - CRC_BYTES)), total - CRC_BYTES);
  return message;
}

function writeHeader(name: string, value: string): Buffer {
  const [nameBytes, valueBytes] = [Buffer.from(name), Buffer.from(value)];
  assert(nameBytes.length < 256 && valueBytes.length < 32_768, `header ${name} of an event is too long`);
  const length = Buffer.alloc(3);
  length.writeUInt8(STRING_HEADER, 0);
  length.writeUInt16BE(valueBytes.length, 1);
  return Buffer.concat([Buffer.from([nameBytes.length]), nameBytes, length, valueBytes]);
}
