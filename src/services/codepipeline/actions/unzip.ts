/** The files of a ZIP in memory, a few at a time. Names that lead out of it, and more than the limits, are refused. */

import type { Readable } from 'node:stream';
import { fromBufferPromise, type Entry, type ZipFile } from 'yauzl';
import { ActionRefused } from './action.ts';

const FILES_MAX = 100_000;
const UNPACKED_BYTES_MAX = 7 * 1024 ** 3;
const AT_ONCE = 8;

export async function forEachFile(
  content: Buffer,
  use: (path: string, body: Readable, sizeBytes: number) => Promise<void>,
): Promise<void> {
  const zip = await opened(content);
  const running = new Set<Promise<void>>();
  let files = 0;
  let bytes = 0;
  let failure: { readonly error: unknown } | undefined;
  for await (const entry of entriesOf(zip)) {
    if (failure) break;
    if (entry.fileName.endsWith('/')) continue;
    files += 1;
    bytes += entry.uncompressedSize;
    if (files > FILES_MAX || bytes > UNPACKED_BYTES_MAX) {
      failure = {
        error: new ActionRefused('ConfigurationError', 'The artifact holds too much to be unpacked'),
      };
      break;
    }
    const one = zip
      .openReadStreamPromise(entry)
      .then((body) => use(entry.fileName, body, entry.uncompressedSize))
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => running.delete(one));
    running.add(one);
    if (running.size >= AT_ONCE) await Promise.race(running);
  }
  await Promise.all(running);
  if (failure) throw failure.error;
}

async function opened(content: Buffer): Promise<ZipFile> {
  try {
    return await fromBufferPromise(content, { lazyEntries: true, autoClose: false });
  } catch (error) {
    throw new ActionRefused('ConfigurationError', 'The input artifact is not a ZIP file', error);
  }
}

async function* entriesOf(zip: ZipFile): AsyncGenerator<Entry> {
  try {
    for await (const entry of zip.eachEntry()) yield entry;
  } catch (error) {
    throw new ActionRefused('ConfigurationError', 'The input artifact is a broken ZIP file', error);
  }
}
