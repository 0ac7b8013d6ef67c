/**
 * Artifacts that have to be read more than once or from their end lie in a file while an action is at it, so that their
 * size is no matter of memory. What a crash leaves is removed before the room opens.
 */

import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createChance } from '#base/chance.ts';
import type { House } from '#services/service.ts';

function spoolDirectory(house: House): string {
  return join(house.directory, 'codepipeline', 'spool');
}

/** The file exists as long as `use` runs. */
export async function withSpooled<Result>(
  house: House,
  content: Readable,
  signal: AbortSignal,
  use: (path: string) => Promise<Result>,
): Promise<Result> {
  const directory = spoolDirectory(house);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, createChance());
  try {
    await pipeline(content, createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal });
    return await use(path);
  } finally {
    await rm(path, { force: true });
  }
}

export async function clearSpool(house: House): Promise<void> {
  await rm(spoolDirectory(house), { recursive: true, force: true });
}
