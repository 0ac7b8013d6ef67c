/**
 * Bodies on their way to rest and back: digests are taken of the plain bytes, the bytes are sealed, and what does not
 * match its digest is thrown away before any row refers to it. Nothing is ever collected in memory.
 */

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { createChance } from '#base/chance.ts';
import { fault, isFault } from '#base/fault.ts';
import type { House } from '#services/service.ts';
import { ObjectStoreError } from '#store/objects.ts';
import {
  checksumAlgorithms,
  createDigest,
  isChecksumValue,
  type ChecksumAlgorithm,
} from '#wire/checksums.ts';
import type { ContentKeys } from './encryption.ts';
import { s3Fault } from './faults.ts';
import { OBJECT_BYTES_MAX } from './room.ts';
import { seal, sealedRange, unseal } from './sealing.ts';
import type { Piece } from './tables.ts';

/** The members that PutObject, UploadPart and others have in common. */
export interface ChecksumInput {
  readonly ChecksumAlgorithm?: string | undefined;
  readonly ChecksumCRC32?: string | undefined;
  readonly ChecksumCRC32C?: string | undefined;
  readonly ChecksumCRC64NVME?: string | undefined;
  readonly ChecksumSHA1?: string | undefined;
  readonly ChecksumSHA256?: string | undefined;
  readonly ContentMD5?: string | undefined;
}

export interface Stored {
  readonly piece: Piece;
  /** Hexadecimal. */
  readonly md5: string;
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly value: string };
}

const DEFAULT_ALGORITHM: ChecksumAlgorithm = 'CRC64NVME';

export function isChecksumAlgorithm(text: string | undefined): text is ChecksumAlgorithm {
  return checksumAlgorithms.some((algorithm) => algorithm === text);
}

/** The one checksum that a request states, by header or by the algorithm of its trailer. */
export function statedChecksum(input: ChecksumInput): {
  readonly algorithm: ChecksumAlgorithm | undefined;
  readonly value: string | undefined;
} {
  const stated = checksumAlgorithms.filter((algorithm) => input[`Checksum${algorithm}`] !== undefined);
  const [algorithm] = stated;
  if (stated.length > 1) {
    throw s3Fault(
      'InvalidRequest',
      {},
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  }
  const named = input.ChecksumAlgorithm;
  if (named !== undefined && !isChecksumAlgorithm(named)) {
    throw s3Fault('NotImplemented', {}, `The checksum algorithm ${named} is not supported`);
  }
  if (algorithm === undefined) return { algorithm: named, value: undefined };
  const value = input[`Checksum${algorithm}`];
  if (value === undefined || !isChecksumValue(algorithm, value)) {
    throw s3Fault(
      'InvalidRequest',
      {},
      `Value for x-amz-checksum-${algorithm.toLowerCase()} header is invalid.`,
    );
  }
  if (named !== undefined && named !== algorithm) {
    throw s3Fault(
      'InvalidRequest',
      {},
      'The checksum header does not belong to x-amz-sdk-checksum-algorithm.',
    );
  }
  return { algorithm, value };
}

/** Stores a body durably, or nothing. `algorithm` is what an upload fixed for its parts. */
export async function storeContent(
  house: House,
  keys: ContentKeys,
  body: Readable | Uint8Array | undefined,
  input: ChecksumInput,
  signal: AbortSignal,
  fixed?: ChecksumAlgorithm,
): Promise<Stored> {
  const stated = statedChecksum(input);
  const algorithm = stated.algorithm ?? fixed ?? DEFAULT_ALGORITHM;
  if (input.ContentMD5 !== undefined && Buffer.from(input.ContentMD5, 'base64').length !== 16) {
    throw s3Fault('InvalidDigest');
  }
  const md5 = createHash('md5');
  const digest = createDigest(algorithm);
  const nonce = createChance();
  let sizeBytes = 0;
  async function* measure(): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunksOf(body)) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > OBJECT_BYTES_MAX) throw s3Fault('EntityTooLarge', { MaxSizeAllowed: OBJECT_BYTES_MAX });
      md5.update(chunk);
      digest.update(chunk);
      yield chunk;
    }
  }
  const sealed = Readable.from(seal(keys.keyOf(nonce), measure()), { objectMode: false });
  const blob = await house.objects.put(sealed, signal).catch(refuseUnstored);
  const found = { md5: md5.digest(), checksum: digest.digest() };
  const isWrong =
    (input.ContentMD5 !== undefined && input.ContentMD5 !== found.md5.toString('base64')) ||
    (stated.value !== undefined && stated.value !== found.checksum);
  if (isWrong) {
    await house.objects.delete(blob.id);
    throw s3Fault('BadDigest');
  }
  return {
    piece: { blobId: blob.id, sizeBytes, nonce },
    md5: found.md5.toString('hex'),
    checksum: { algorithm, value: found.checksum },
  };
}

/** Nothing was kept, and the caller may come again later; whose disk it is, and where, is nobody's business. */
function refuseUnstored(error: unknown): never {
  const { code } = error as NodeJS.ErrnoException;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  if (!isFull && !(error instanceof ObjectStoreError)) throw error;
  const why = isFull
    ? 'There is no room left where objects are stored'
    : 'The store of objects cannot be reached';
  throw fault('ServiceUnavailable', `${why}. Nothing was kept.`, { status: 503, cause: error });
}

/**
 * After a write that failed: a fault is proof that nothing was committed, so the blob goes at once. After any other
 * error the row may be there all the same; then the sweep finds out whether the blob is needed.
 */
export async function discard(house: House, stored: Stored, error: unknown): Promise<never> {
  if (isFault(error)) await house.objects.delete(stored.piece.blobId);
  throw error;
}

async function* chunksOf(body: Readable | Uint8Array | undefined): AsyncGenerator<Uint8Array> {
  if (body === undefined) return;
  if (body instanceof Uint8Array) yield body;
  else yield* body as AsyncIterable<Uint8Array>;
}

/** The plain bytes of pieces, one after the other, from `first` to `last` (inclusive). */
export function readContent(
  house: House,
  keys: ContentKeys,
  pieces: readonly Piece[],
  first: number,
  last: number,
): Readable {
  return Readable.from(readPieces(house, keys, pieces, first, last), { objectMode: false });
}

async function* readPieces(
  house: House,
  keys: ContentKeys,
  pieces: readonly Piece[],
  first: number,
  last: number,
): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const piece of pieces) {
    const end = start + piece.sizeBytes - 1;
    if (end >= first && start <= last && piece.sizeBytes > 0) {
      const range = sealedRange(piece.sizeBytes, Math.max(first, start) - start, Math.min(last, end) - start);
      const sealed = house.objects.get(piece.blobId, { first: range.first, last: range.last });
      yield* unseal(keys.keyOf(piece.nonce), range, sealed);
    }
    start = end + 1;
  }
}
