/**
 * Where the bytes of objects rest: immutable blobs. Here they are files in the data directory (in a bucket elsewhere:
 * `remote-objects.ts`), written to a temporary file, flushed, and renamed. It knows no buckets and no keys; those are
 * rows of the s3 room, which also seals and digests what it puts here, so nothing is computed twice. Blobs rest as they
 * came.
 */

import { createReadStream, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { mkdir, open, readdir, rename, stat, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { addAbortSignal, Readable } from 'node:stream';
import { createChance } from '#base/chance.ts';
import { assert } from '#base/assert.ts';

export interface ObjectStore {
  /** Stores a stream durably; `id` names the blob from now on. A failed stream leaves nothing behind. */
  put(content: Readable | Uint8Array, signal?: AbortSignal): Promise<StoredBlob>;
  /** `range` is inclusive, in bytes. */
  get(id: string, range?: { readonly first: number; readonly last: number }): Readable;
  /** Idempotent. */
  delete(id: string): Promise<void>;
  /** Ids of all blobs that were complete before `before` (milliseconds since the epoch), in no order. */
  list(before: number): AsyncIterable<string>;
}

export interface StoredBlob {
  readonly id: string;
  readonly sizeBytes: number;
}

/** The store cannot be reached or does not answer as it should; nothing of this write was kept, or nothing read. */
export class ObjectStoreError extends Error {
  override readonly name = 'ObjectStoreError';
}

const ID = /^[0-9a-f]{32}$/;
/** Blobs spread over this many hexadecimal digits of folders, so that no folder grows too long. */
const FOLDER_DIGITS = 2;
/** A write to disk, and a read from it, moves about so many bytes. */
const WRITE_BYTES = 512 * 1024;
/** What nobody has written to for so long was left there, even where other nodes write. */
const LEFT_MS = 3_600_000;
const READ_BYTES = 256 * 1024;

/** Opens the store in `directory`, and removes what interrupted writes left there; of other nodes, only what is old. */
export function openObjects(directory: string, isShared = false): ObjectStore {
  const incoming = join(directory, 'incoming');
  const blobs = join(directory, 'blobs');
  mkdirSync(incoming, { recursive: true, mode: 0o700 });
  mkdirSync(blobs, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(incoming))
    removeIfLeft(join(incoming, name), isShared ? Date.now() - LEFT_MS : Infinity);

  const folderOf = (id: string) => {
    assert(ID.test(id), `blob id ${JSON.stringify(id)} is malformed`);
    return join(blobs, id.slice(0, FOLDER_DIGITS));
  };
  const path = (id: string) => join(folderOf(id), id);

  async function put(content: Readable | Uint8Array, signal?: AbortSignal): Promise<StoredBlob> {
    const id = createChance();
    const temporary = join(incoming, id);
    const source = content instanceof Readable ? content : Readable.from([content]);
    if (signal) addAbortSignal(signal, source);
    try {
      const written = await writeFlushed(temporary, source);
      await mkdirFlushed(folderOf(id), blobs);
      await rename(temporary, path(id));
      await flush(folderOf(id));
      return { id, ...written };
    } catch (error) {
      source.destroy();
      await unlinkIfThere(temporary);
      throw error;
    }
  }

  return {
    put,
    get: (id, range) =>
      createReadStream(path(id), {
        highWaterMark: READ_BYTES,
        ...(range && { start: range.first, end: range.last }),
      }),
    delete: (id) => unlinkIfThere(path(id)),
    async *list(before) {
      for (const folder of await readdir(blobs)) {
        for (const id of await readdir(join(blobs, folder))) {
          const found = await stat(join(blobs, folder, id)).catch(nothingIfGone);
          if (found && found.mtimeMs < before) yield id;
        }
      }
    },
  };
}

/** Other nodes may be writing to the same folder; what nobody has touched for so long is not being written. */
function removeIfLeft(path: string, before: number): void {
  const touchedAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
  if (touchedAt < before) rmSync(path, { force: true });
}

async function writeFlushed(path: string, source: Readable): Promise<Omit<StoredBlob, 'id'>> {
  let sizeBytes = 0;
  const file = await open(path, 'wx', 0o600);
  try {
    // One write is on its way while the source makes the next bytes; never two, so that order needs no care.
    let writing: Promise<void> = Promise.resolve();
    try {
      for await (const batch of batches(source)) {
        await writing;
        sizeBytes += batch.byteLength;
        writing = writeWhole(file, batch);
        // It is awaited below, or by the next turn; until then its failure is nobody's surprise.
        writing.catch(() => {});
      }
    } finally {
      await writing;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { sizeBytes };
}

/** Few large writes instead of many small ones; the last is what is left. */
async function* batches(source: Readable): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source as AsyncIterable<Uint8Array>) {
    held.push(chunk);
    size += chunk.byteLength;
    if (size < WRITE_BYTES) continue;
    yield joined(held, size);
    held = [];
    size = 0;
  }
  if (size > 0) yield joined(held, size);
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const [only, ...others] = chunks;
  return only && others.length === 0 ? only : Buffer.concat(chunks, size);
}

async function writeWhole(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.byteLength;) {
    const { bytesWritten } = await file.write(chunk, done);
    done += bytesWritten;
  }
}

async function mkdirFlushed(path: string, parent: string): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: 0o700 });
  if (made !== undefined) await flush(parent);
}

/** A rename is durable only when the folder that holds the name is. */
async function flush(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  await unlink(path).catch(nothingIfGone);
}

function nothingIfGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}
