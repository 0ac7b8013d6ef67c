/** Bodies under limits of size, time and memory, and held to what their headers promise. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { createFakeClock } from '#base/clock.ts';
import { isFault } from '#base/fault.ts';
import type { HttpRequest } from '#wire/http.ts';
import type { Payload } from '#wire/sigv4.ts';
import { readBodyChecks } from './body-checks.ts';
import { createBodies, withoutChunking, type IncomingBody } from './body.ts';

const fails = (code: string) => (error: unknown) => isFault(error, code);
const whole: Payload = { type: 'whole', sha256: undefined };
const chunked: Payload = {
  type: 'chunked',
  signed: false,
  trailer: true,
  literal: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
};

function request(headers: Record<string, string>): HttpRequest {
  return {
    method: 'PUT',
    target: '/b/k',
    headers,
    rawHeaders: Object.entries(headers).flat(),
    secure: false,
  };
}

interface FakeIncoming extends IncomingBody {
  readonly stream: PassThrough;
  readonly log: string[];
  readonly done: () => void;
}

function incoming(headers: Record<string, string>): FakeIncoming {
  const stream = new PassThrough();
  const log: string[] = [];
  const runs: (() => void)[] = [];
  return {
    message: Object.assign(stream, { headers }) as unknown as IncomingMessage,
    proceed: () => void log.push('proceed'),
    onDone: (run) => void runs.push(run),
    stream,
    log,
    done: () => runs.forEach((run) => run()),
  };
}

const plan = (
  headers: Record<string, string>,
  payload: Payload = whole,
  rules = { isChecked: true, isRequired: false },
) => ({
  payload,
  seed: undefined,
  checks: readBodyChecks(request(headers), payload, rules),
});

test('a whole body is collected, and nothing is read of one that is too large', async () => {
  const bodies = createBodies(createFakeClock());
  const small = incoming({ 'content-length': '5' });
  const collected = bodies.collect(small, 10);
  small.stream.end('hello');
  assert.equal((await collected).toString(), 'hello');
  const large = incoming({ 'content-length': '11' });
  await assert.rejects(bodies.collect(large, 10), fails('RequestEntityTooLargeException'));
  assert.deepEqual(large.log, []);
  const endless = incoming({ 'transfer-encoding': 'chunked' });
  const refused = assert.rejects(bodies.collect(endless, 10), fails('RequestEntityTooLargeException'));
  endless.stream.write('x'.repeat(11));
  await refused;
});

test('a body that stands still, or crawls, or breaks off is given up', async () => {
  const clock = createFakeClock();
  const bodies = createBodies(clock);
  const still = incoming({ 'content-length': '5' });
  const stopped = assert.rejects(bodies.collect(still, 10), fails('RequestTimeout'));
  clock.advance(29_000);
  still.stream.write('h');
  await new Promise(setImmediate);
  clock.advance(29_000);
  clock.advance(2_000);
  await stopped;
  const crawling = incoming({ 'content-length': '500' });
  const crawled = assert.rejects(bodies.collect(crawling, 1000), fails('RequestTimeout'));
  for (let i = 0; i < 7; i++) {
    crawling.stream.write('x');
    await new Promise(setImmediate);
    clock.advance(20_000);
  }
  await crawled;
  const broken = incoming({ 'content-length': '5' });
  const cut = assert.rejects(bodies.collect(broken, 10), fails('IncompleteBody'));
  broken.stream.destroy();
  await cut;
});

test('all bodies in memory together are bounded', async () => {
  const bodies = createBodies(createFakeClock());
  const part = Buffer.alloc(8 * 1024 * 1024);
  const held: FakeIncoming[] = [];
  for (let i = 0; i < 16; i++) {
    const each = incoming({ 'content-length': String(part.length) });
    held.push(each);
    each.stream.end(part);
    await bodies.collect(each, part.length);
  }
  const further = incoming({ 'content-length': '1' });
  further.stream.end('x');
  await assert.rejects(bodies.collect(further, 10), fails('ServiceUnavailableException'));
  held[0]?.done();
  further.done();
  const again = incoming({ 'content-length': '1' });
  again.stream.end('x');
  assert.equal((await bodies.collect(again, 10)).length, 1);
});

test('a stream is asked for only when it is read, and proves its content', async () => {
  const bodies = createBodies(createFakeClock());
  const sha256 = createHash('sha256').update('hello').digest('hex');
  const headers = {
    'content-length': '5',
    'x-amz-checksum-crc32': 'NhCmhg==',
    'content-md5': 'XUFAKrxLKna5cZ2REBfFkg==',
  };
  const good = incoming(headers);
  const stream = bodies.open(good, plan(headers, { type: 'whole', sha256 }));
  await new Promise(setImmediate);
  assert.deepEqual(good.log, []);
  const content = buffer(stream);
  good.stream.end('hello');
  assert.equal((await content).toString(), 'hello');
  assert.deepEqual(good.log, ['proceed']);
  const other = async (changed: Record<string, string>, hash: string, code: string) => {
    const bad = incoming(headers);
    const read = buffer(bodies.open(bad, plan({ ...headers, ...changed }, { type: 'whole', sha256: hash })));
    bad.stream.end('hello');
    await assert.rejects(read, fails(code));
    assert.equal(bad.stream.destroyed && bad.stream.errored !== null, false);
  };
  await other({}, '0'.repeat(64), 'XAmzContentSHA256Mismatch');
  await other({ 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' }, sha256, 'BadDigest');
  await other({ 'x-amz-checksum-crc32': 'AAAAAA==' }, sha256, 'BadDigest');
  await other({ 'content-length': '6' }, sha256, 'IncompleteBody');
});

test('a chunked stream is decoded and its trailer compared', async () => {
  const bodies = createBodies(createFakeClock());
  const headers = {
    'x-amz-decoded-content-length': '5',
    'x-amz-trailer': 'x-amz-checksum-crc32',
    'content-encoding': 'aws-chunked,gzip',
  };
  const read = (checksum: string) => {
    const each = incoming(headers);
    const content = buffer(bodies.open(each, plan(headers, chunked)));
    each.stream.end(`5\r\nhello\r\n0\r\nx-amz-checksum-crc32:${checksum}\r\n\r\n`);
    return content;
  };
  assert.equal((await read('NhCmhg==')).toString(), 'hello');
  await assert.rejects(read('AAAAAA=='), fails('BadDigest'));
  await assert.rejects(read('x'), fails('InvalidRequest'));
  const plain = withoutChunking(request(headers), chunked);
  assert.equal(plain.headers['content-encoding'], 'gzip');
  assert.equal(plain.headers['content-length'], '5');
});

test('promises that contradict each other are refused', () => {
  const cases: readonly (readonly [Record<string, string>, Payload, string])[] = [
    [{ 'x-amz-checksum-crc32': 'NhCmhg==', 'x-amz-checksum-sha1': 'x' }, whole, 'InvalidRequest'],
    [
      { 'x-amz-checksum-crc32': 'NhCmhg==', 'x-amz-trailer': 'x-amz-checksum-crc32' },
      chunked,
      'InvalidRequest',
    ],
    [{ 'x-amz-trailer': 'x-amz-checksum-crc32' }, whole, 'InvalidRequest'],
    [{ 'x-amz-sdk-checksum-algorithm': 'CRC32' }, whole, 'InvalidRequest'],
    [{ 'x-amz-sdk-checksum-algorithm': 'SHA1', 'x-amz-checksum-crc32': 'NhCmhg==' }, whole, 'InvalidRequest'],
    [{ 'x-amz-checksum-xxhash64': 'x' }, whole, 'UnsupportedOperationException'],
    [{ 'content-md5': 'x' }, whole, 'InvalidDigest'],
    [{ 'x-amz-decoded-content-length': '-1' }, chunked, 'InvalidArgument'],
  ];
  for (const [headers, payload, code] of cases) {
    assert.throws(() => plan(headers, payload), fails(code), JSON.stringify(headers));
  }
  assert.throws(() => plan({}, whole, { isChecked: true, isRequired: true }), fails('InvalidRequest'));
  assert.equal(
    plan({ 'x-amz-checksum-crc32': 'x' }, whole, { isChecked: false, isRequired: false }).checks.checksum,
    undefined,
  );
});

test('a stream without a length is refused before it is asked for', async () => {
  const bodies = createBodies(createFakeClock());
  const each = incoming({ 'transfer-encoding': 'chunked' });
  await assert.rejects(buffer(bodies.open(each, plan({}))), fails('MissingContentLength'));
  assert.deepEqual(each.log, []);
});
