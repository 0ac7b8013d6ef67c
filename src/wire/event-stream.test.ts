/** Messages of event streams: every byte of the framing, and events by the shapes of the table. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { EVENT_STREAM_TYPE, eventStreamOf, writeEventStream, writeMessage } from './event-stream.ts';
import { loadModel } from './model.ts';

test('a message is prelude, checksum, headers, payload, checksum', () => {
  const message = writeMessage({ a: 'bc' }, Buffer.from('{}'));
  assert.equal(message.readUInt32BE(0), message.length);
  assert.equal(message.readUInt32BE(4), 7);
  assert.equal(message.readUInt32BE(8), crc32(message.subarray(0, 8)));
  assert.deepEqual([...message.subarray(12, 19)], [1, 0x61, 7, 0, 2, 0x62, 0x63]);
  assert.equal(message.subarray(19, 21).toString(), '{}');
  assert.equal(message.readUInt32BE(21), crc32(message.subarray(0, 21)));
  assert.equal(message.length, 25);
});

test('a stream begins with an initial response; errors are exceptions', async () => {
  const operation = loadModel('logs').operations.get('StartLiveTail');
  const stream = eventStreamOf(operation?.output);
  assert.equal(stream?.name, 'responseStream');
  async function* events() {
    yield { sessionUpdate: { sessionMetadata: { sampled: false }, sessionResults: [] } };
    yield { SessionTimeoutException: { message: 'over' } };
  }
  const texts: string[] = [];
  for await (const message of writeEventStream(stream.shape, events(), 'application/x-amz-json-1.1')) {
    texts.push(message.toString('latin1'));
  }
  assert.equal(texts.length, 3);
  assert.match(texts[0] ?? '', /:event-type.{3}initial-response.*\{\}/s);
  assert.match(texts[1] ?? '', /:event-type.{3}sessionUpdate.*\{"sessionMetadata":\{"sampled":false\}/s);
  assert.match(texts[2] ?? '', /:exception-type.{3}SessionTimeoutException.*\{"message":"over"\}/s);
  assert.equal(EVENT_STREAM_TYPE, 'application/vnd.amazon.eventstream');
});
