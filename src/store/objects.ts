/**
 * Where the bytes of objects rest: immutable blobs in the data directory, written to a temporary file, flushed, and
 * renamed. It knows no buckets and no keys; those are rows of the s3 room.
 */

import type { Readable } from 'node:stream';

export interface ObjectStore {
  /** Stores a stream durably; `id` names the blob from now on. A failed stream leaves nothing behind. */
  put(content: Readable | Uint8Array, signal?: AbortSignal): Promise<StoredBlob>;
  /** `range` is inclusive, in bytes. */
  get(id: string, range?: { readonly first: number; readonly last: number }): Readable;
  /** Idempotent. */
  delete(id: string): Promise<void>;
  /** A new blob out of others, in order; the parts stay. */
  concatenate(ids: readonly string[]): Promise<StoredBlob>;
  /** Where the blob is, for programs that need a path; read only. */
  path(id: string): string;
}

export interface StoredBlob {
  readonly id: string;
  readonly sizeBytes: number;
  /** Hexadecimal. */
  readonly md5: string;
  readonly sha256: string;
}
