/**
 * Content at rest (SSE-S3): AES-256-GCM in frames of 64 KiB, so that a range is read without reading all before it.
 * Each piece has its own key, derived from the installation's master key and a random nonce. The frame's number is in
 * its initialisation vector and the last frame is marked, so frames can be neither exchanged nor cut off.
 *
 *   frame 0: 65536 bytes, tag │ frame 1: 65536 bytes, tag │ … │ last frame: 0 to 65536 bytes, tag
 */

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { assert } from '#base/assert.ts';

export const FRAME_BYTES = 64 * 1024;
const TAG_BYTES = 16;
const SEALED_FRAME_BYTES = FRAME_BYTES + TAG_BYTES;

/** Sealed bytes of a plain stream. */
export async function* seal(key: Uint8Array, plain: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let index = 0;
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of plain) {
    held.push(chunk);
    size += chunk.byteLength;
    // A full frame waits for a byte after it: only then is it certain that it is not the last.
    while (size > FRAME_BYTES) {
      const all = held.length === 1 ? (held[0] as Uint8Array) : Buffer.concat(held, size);
      yield sealFrame(key, index++, all.subarray(0, FRAME_BYTES), false);
      held = [all.subarray(FRAME_BYTES)];
      size -= FRAME_BYTES;
    }
  }
  yield sealFrame(key, index, Buffer.concat(held, size), true);
}

/** Where the sealed bytes of a plain range (inclusive) are, and how to open them. */
export interface SealedRange {
  readonly first: number;
  readonly last: number;
  readonly firstFrame: number;
  readonly lastFrame: number;
  /** Plain bytes of the first frame that are not asked for. */
  readonly skip: number;
  readonly length: number;
  /** Number of the piece's last frame. */
  readonly finalFrame: number;
}

export function sealedRange(sizeBytes: number, first: number, last: number): SealedRange {
  assert(
    sizeBytes === 0 || (first >= 0 && first <= last && last < sizeBytes),
    'a range must lie in its piece',
  );
  const finalFrame = sizeBytes === 0 ? 0 : Math.ceil(sizeBytes / FRAME_BYTES) - 1;
  const firstFrame = Math.floor(first / FRAME_BYTES);
  const lastFrame = sizeBytes === 0 ? 0 : Math.floor(last / FRAME_BYTES);
  const end = lastFrame === finalFrame ? sealedSize(sizeBytes) : (lastFrame + 1) * SEALED_FRAME_BYTES;
  return {
    first: firstFrame * SEALED_FRAME_BYTES,
    last: end - 1,
    firstFrame,
    lastFrame,
    skip: first - firstFrame * FRAME_BYTES,
    length: sizeBytes === 0 ? 0 : last - first + 1,
    finalFrame,
  };
}

export function sealedSize(sizeBytes: number): number {
  const frames = Math.max(1, Math.ceil(sizeBytes / FRAME_BYTES));
  return sizeBytes + frames * TAG_BYTES;
}

/** Plain bytes of a range, out of the sealed bytes from `range.first` to `range.last`. Throws if they were altered. */
export async function* unseal(
  key: Uint8Array,
  range: SealedRange,
  sealed: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  let index = range.firstFrame;
  let skip = range.skip;
  let left = range.length;
  const trim = (plain: Buffer): Buffer => {
    const piece = plain.subarray(skip, skip + left);
    skip = 0;
    left -= piece.length;
    return piece;
  };
  for await (const frame of frames(sealed)) {
    const piece = trim(openFrame(key, index, frame, index === range.finalFrame));
    index++;
    if (piece.length > 0) yield piece;
  }
  assert(index === range.lastFrame + 1 && left === 0, 'sealed content is shorter than its row says');
}

async function* frames(sealed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of sealed) {
    held.push(chunk);
    size += chunk.byteLength;
    if (size < SEALED_FRAME_BYTES) continue;
    let rest: Uint8Array = held.length === 1 ? (held[0] as Uint8Array) : Buffer.concat(held, size);
    for (; rest.byteLength >= SEALED_FRAME_BYTES; rest = rest.subarray(SEALED_FRAME_BYTES)) {
      yield rest.subarray(0, SEALED_FRAME_BYTES);
    }
    held = [rest];
    size = rest.byteLength;
  }
  if (size > 0) yield Buffer.concat(held, size);
}

function sealFrame(key: Uint8Array, index: number, plain: Uint8Array, isLast: boolean): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, vectorOf(index));
  cipher.setAAD(markOf(isLast));
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function openFrame(key: Uint8Array, index: number, sealed: Uint8Array, isLast: boolean): Buffer {
  assert(sealed.byteLength >= TAG_BYTES, 'a sealed frame is too short');
  const end = sealed.byteLength - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, vectorOf(index));
  decipher.setAAD(markOf(isLast));
  decipher.setAuthTag(sealed.subarray(end));
  return Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()]);
}

function vectorOf(index: number): Buffer {
  const vector = Buffer.alloc(12);
  vector.writeUIntBE(index, 6, 6);
  return vector;
}

function markOf(isLast: boolean): Buffer {
  return Buffer.from([isLast ? 1 : 0]);
}
