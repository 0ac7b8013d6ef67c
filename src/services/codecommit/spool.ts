/**
 * A request body on its way to git: kept in memory while it is small, on disk beyond, so that git starts only when all
 * of it is here. A slow client then holds no process and no turn.
 */

import { createReadStream } from 'node:fs';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createChance } from '#base/chance.ts';

export interface Spool {
  write(chunk: Buffer): Promise<void>;
  /** Everything written, from the start. */
  read(): Readable;
  close(): Promise<void>;
}

const MEMORY_BYTES_MAX = 1024 * 1024;

export function createSpool(directory: string): Spool {
  const path = join(directory, createChance());
  let held: Buffer[] = [];
  let size = 0;
  let file: FileHandle | undefined;

  async function spill(): Promise<void> {
    file ??= await open(path, 'wx', 0o600);
    for (const chunk of held) await file.appendFile(chunk);
    held = [];
  }

  return {
    async write(chunk) {
      held.push(chunk);
      size += chunk.length;
      if (file || size > MEMORY_BYTES_MAX) await spill();
    },
    read: () => (file ? createReadStream(path) : Readable.from(held, { objectMode: false })),
    async close() {
      held = [];
      await file?.close();
      if (file) await rm(path, { force: true });
    },
  };
}
