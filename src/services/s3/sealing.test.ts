import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import fc from 'fast-check';
import { FRAME_BYTES, seal, sealedRange, sealedSize, unseal } from './sealing.ts';

const key = createHash('sha256').update('a key').digest();
const sizes = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.constantFrom(FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES, 3 * FRAME_BYTES + 5),
);

function plainOf(size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
}

async function sealAll(plain: Buffer, step: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let i = 0; i < plain.length; i += step) chunks.push(plain.subarray(i, i + step));
  return await buffer(Readable.from(seal(key, Readable.from(chunks))));
}

test('every range of sealed content opens to the same bytes', async () => {
  await fc.assert(
    fc.asyncProperty(
      sizes,
      fc.integer({ min: 1, max: 70_000 }),
      fc.nat(),
      fc.nat(),
      async (size, step, a, b) => {
        const plain = plainOf(size);
        const sealed = await sealAll(plain, size > 1000 ? Math.max(step, 1000) : step);
        assert.equal(sealed.length, sealedSize(size));
        const [first, last] =
          size === 0 ? [0, -1] : ([a % size, b % size].sort((x, y) => x - y) as [number, number]);
        const range = sealedRange(size, first, last);
        const bytes = sealed.subarray(range.first, range.last + 1);
        assert.deepEqual(
          await buffer(Readable.from(unseal(key, range, Readable.from([bytes])))),
          plain.subarray(first, last + 1),
        );
      },
    ),
    { numRuns: 60 },
  );
});

test('altered, cut off and exchanged frames do not open', async () => {
  const size = 2 * FRAME_BYTES + 10;
  const sealed = await sealAll(plainOf(size), size);
  const open = (bytes: Buffer, plainSize: number) =>
    buffer(Readable.from(unseal(key, sealedRange(plainSize, 0, plainSize - 1), Readable.from([bytes]))));
  const altered = Buffer.from(sealed);
  altered[70_000] = (altered[70_000] as number) ^ 1;
  await assert.rejects(open(altered, size));
  await assert.rejects(open(sealed.subarray(0, sealedSize(2 * FRAME_BYTES)), 2 * FRAME_BYTES));
  const frame = FRAME_BYTES + 16;
  const exchanged = Buffer.concat([
    sealed.subarray(frame, 2 * frame),
    sealed.subarray(0, frame),
    sealed.subarray(2 * frame),
  ]);
  await assert.rejects(open(exchanged, size));
});
