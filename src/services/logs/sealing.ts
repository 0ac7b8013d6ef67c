/**
 * Chunks at rest: their plain content compressed (Zstandard) and encrypted (AES-256-GCM), bound to their stream and
 * their place in it, so that no chunk can stand for another. The key is one derived for the stream from the
 * installation's own, or the data key of the group.
 *
 *   form (1 byte) │ nonce (12) │ ciphertext │ tag (16)
 */

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { assert } from '#base/assert.ts';
import { type ChunkContent, type ContentEvent, readContent, writeContent } from '#core/log-chunk/content.ts';
import type { Keyring } from '#store/keyring.ts';

export interface ChunkPlace {
  readonly streamId: number;
  readonly firstSequence: number;
  readonly eventCount: number;
}

const STORED = 1;
const COMPRESSED = 2;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Below, compression costs more time than it saves room. */
const COMPRESSED_FROM_BYTES = 160;
/** Of one chunk: many events in four bytes a character, and one event of a megabyte beyond its size. */
const CONTENT_BYTES_MAX = 16 * 1024 * 1024;
const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };

export function streamKey(keyring: Keyring, streamId: number): Buffer {
  return keyring.derive('logs.content', String(streamId));
}

export function sealChunk(key: Uint8Array, place: ChunkPlace, events: readonly ContentEvent[]): Buffer {
  const plain = writeContent(events);
  const isCompressed = plain.length >= COMPRESSED_FROM_BYTES;
  const form = isCompressed ? COMPRESSED : STORED;
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(bindingOf(form, place));
  const body = cipher.update(isCompressed ? zstdCompressSync(plain, OPTIONS) : plain);
  return Buffer.concat([Buffer.of(form), nonce, body, cipher.final(), cipher.getAuthTag()]);
}

export function openChunk(key: Uint8Array, place: ChunkPlace, sealed: Uint8Array): ChunkContent {
  const form = sealed[0] ?? 0;
  const tagAt = sealed.length - TAG_BYTES;
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(bindingOf(form, place));
  decipher.setAuthTag(sealed.subarray(tagAt));
  const body = decipher.update(sealed.subarray(1 + NONCE_BYTES, tagAt));
  decipher.final();
  const content = readContent(
    form === COMPRESSED ? zstdDecompressSync(body, { maxOutputLength: CONTENT_BYTES_MAX }) : body,
  );
  assert(content.count === place.eventCount, 'a chunk of log events has another count than its row');
  return content;
}

function bindingOf(form: number, { streamId, firstSequence, eventCount }: ChunkPlace): Buffer {
  return Buffer.from(JSON.stringify(['v1', form, streamId, firstSequence, eventCount]));
}
