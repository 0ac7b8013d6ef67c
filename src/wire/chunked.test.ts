/** The aws-chunked decoder against an encoder written from the protocol, and against broken bodies. */

import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { isFault } from '#base/fault.ts';
import { createChunkedDecoder } from './chunked.ts';
import type { ChunkSeed } from './sigv4.ts';

const seed: ChunkSeed = {
  signingKey: Buffer.alloc(32, 7),
  timestamp: '20260102T030405Z',
  scope: '20260102/us-east-1/s3/aws4_request',
  signature: 'a'.repeat(64),
};
const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');
const hmac = (text: string) => createHmac('sha256', seed.signingKey).update(text).digest('hex');

/** Written from the protocol's description, as a client would. */
function encode(
  chunks: readonly Buffer[],
  signed: boolean,
  trailers: Readonly<Record<string, string>>,
  end = '\r\n',
): Buffer {
  let previous = seed.signature;
  const parts: Buffer[] = [];
  for (const chunk of [...chunks, Buffer.alloc(0)]) {
    previous = hmac(
      `AWS4-HMAC-SHA256-PAYLOAD\n${seed.timestamp}\n${seed.scope}\n${previous}\n${sha256('')}\n${sha256(chunk)}`,
    );
    parts.push(
      Buffer.from(chunk.length.toString(16) + (signed ? `;chunk-signature=${previous}` : '') + '\r\n'),
      chunk,
    );
    if (chunk.length > 0) parts.push(Buffer.from('\r\n'));
  }
  const lines = Object.entries(trailers);
  for (const [name, value] of lines) parts.push(Buffer.from(`${name}:${value}${end}`));
  if (signed && lines.length > 0) {
    const canonical = lines.map(([name, value]) => `${name}:${value}\n`).join('');
    const text = `AWS4-HMAC-SHA256-TRAILER\n${seed.timestamp}\n${seed.scope}\n${previous}\n${sha256(canonical)}`;
    parts.push(Buffer.from(`x-amz-trailer-signature:${hmac(text)}\r\n`));
  }
  parts.push(Buffer.from('\r\n'));
  return Buffer.concat(parts);
}

interface Options {
  readonly signed: boolean;
  readonly decodedLength: number;
  readonly names?: readonly string[];
  readonly cut?: number;
}

async function decode(bytes: Buffer, options: Options) {
  const cut = options.cut ?? bytes.length;
  let trailers: ReadonlyMap<string, string> = new Map();
  const decoder = createChunkedDecoder(
    {
      seed: options.signed ? seed : undefined,
      trailerNames: options.names ?? [],
      decodedLength: options.decodedLength,
      onTrailers: (found) => (trailers = found),
    },
    (options.names ?? []).length > 0,
  );
  const source = Readable.from(
    [bytes.subarray(0, cut), bytes.subarray(cut)].filter((part) => part.length > 0),
  );
  source.on('error', () => {});
  source.pipe(decoder);
  const content = await buffer(decoder);
  return { content, trailers: Object.fromEntries(trailers) };
}

const fails = (code: string) => (error: unknown) => isFault(error, code);

test('chunks come out as they went in, wherever the stream is cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 8192, maxLength: 8200 }), { maxLength: 3 }),
      fc.boolean(),
      fc.constantFrom('\r\n', '\n'),
      fc.dictionary(fc.constantFrom('x-amz-checksum-crc32', 'x-amz-checksum-sha1'), fc.constant('AAAA'), {
        maxKeys: 1,
      }),
      fc.nat(),
      async (parts, signed, end, trailers, place) => {
        const whole = Buffer.concat(parts);
        const bytes = encode(
          parts.map((part) => Buffer.from(part)),
          signed,
          trailers,
          end,
        );
        const names = Object.keys(trailers);
        const result = await decode(bytes, {
          signed,
          decodedLength: whole.length,
          names,
          cut: place % bytes.length,
        });
        assert.deepEqual(result.content, whole);
        assert.deepEqual(result.trailers, { ...trailers });
      },
    ),
    { numRuns: 60 },
  );
});

test('any changed byte of a signed body is refused', async () => {
  const bytes = encode([Buffer.alloc(8192, 1), Buffer.from('end')], true, { 'x-amz-checksum-crc32': 'AAAA' });
  for (const place of [0, 5, 25, 90, 2000, 8290, 8300, 8400, bytes.length - 90, bytes.length - 20]) {
    const changed = Buffer.from(bytes);
    changed[place] = changed[place]! ^ 1;
    await assert.rejects(
      decode(changed, { signed: true, decodedLength: 8195, names: ['x-amz-checksum-crc32'] }),
      (error) => isFault(error),
      `byte ${place}`,
    );
  }
});

test('a body that ends early, is too long or too short is incomplete', async () => {
  const bytes = encode([Buffer.from('hello')], false, {});
  for (let cut = 0; cut < bytes.length; cut++) {
    await assert.rejects(
      decode(bytes.subarray(0, cut), { signed: false, decodedLength: 5 }),
      fails('IncompleteBody'),
    );
  }
  await assert.rejects(decode(bytes, { signed: false, decodedLength: 4 }), fails('IncompleteBody'));
  await assert.rejects(decode(bytes, { signed: false, decodedLength: 6 }), fails('IncompleteBody'));
  const longer = Buffer.concat([bytes, Buffer.from('x')]);
  await assert.rejects(decode(longer, { signed: false, decodedLength: 5 }), fails('IncompleteBody'));
});

test('trailers must be those that were announced', async () => {
  const bytes = encode([Buffer.from('hello')], false, { 'x-amz-checksum-crc32': 'AAAA' });
  const names = ['x-amz-checksum-crc32'];
  assert.deepEqual((await decode(bytes, { signed: false, decodedLength: 5, names })).trailers, {
    'x-amz-checksum-crc32': 'AAAA',
  });
  await assert.rejects(decode(bytes, { signed: false, decodedLength: 5 }), fails('MalformedTrailerError'));
  const other = ['x-amz-checksum-sha1'];
  await assert.rejects(
    decode(bytes, { signed: false, decodedLength: 5, names: other }),
    fails('MalformedTrailerError'),
  );
});

test('endless headers, trailers and small chunks are refused', async () => {
  const options = { signed: false, decodedLength: 1e6 };
  await assert.rejects(decode(Buffer.from('1'.repeat(10_000)), options), fails('InvalidRequest'));
  await assert.rejects(
    decode(Buffer.from(`0\r\n${'a:b\r\n'.repeat(100)}`), options),
    fails('InvalidRequest'),
  );
  await assert.rejects(decode(Buffer.from(`0\r\n${'a'.repeat(10_000)}`), options), fails('InvalidRequest'));
  await assert.rejects(decode(Buffer.from('-1\r\n'), options), fails('InvalidRequest'));
  await assert.rejects(decode(Buffer.from('1\r\nabc'), options), fails('InvalidRequest'));
  const small = encode([Buffer.from('one'), Buffer.from('two')], true, {});
  await assert.rejects(decode(small, { signed: true, decodedLength: 6 }), fails('InvalidChunkSizeError'));
});
