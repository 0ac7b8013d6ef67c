/**
 * Reads a ZIP file that a stranger may have made. Names that lead out of it, more entries or more bytes than wanted, and
 * contents that are not what they claim to be are refused; where the entries go is the reader's matter.
 */

import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { openPromise, type Entry, type ZipFile } from 'yauzl';

export interface ZipLimits {
  readonly entriesMax: number;
  /** Of all entries together, unpacked. */
  readonly bytesMax: number;
}

export interface ZipEntry {
  /** Relative, and never with `..`; that of a folder ends in a slash. */
  readonly path: string;
  readonly type: 'file' | 'folder' | 'link';
  /** The nine bits of Unix; 0 where the archive has none. */
  readonly permissions: number;
  readonly sizeBytes: number;
  /** The content; it breaks if it is longer or shorter than it claims to be. */
  open(): Promise<Readable>;
}

export interface Zip {
  /** In the order of the archive, once. */
  entries(): AsyncGenerator<ZipEntry>;
  /** Call it when no entry is to be opened any more. */
  close(): void;
}

/** What is wrong with the archive, as the end of a sentence. */
export class ZipRefused extends Error {
  override readonly name = 'ZipRefused';
}

const LINK_BYTES_MAX = 4096;
const TYPE_MASK = 0o170000;
const LINK_TYPE = 0o120000;

export async function openZip(path: string, { entriesMax, bytesMax }: ZipLimits): Promise<Zip> {
  const zip = await refusing('the object is not a ZIP archive', () =>
    openPromise(path, { lazyEntries: true, autoClose: false, validateEntrySizes: true }),
  );
  if (zip.entryCount > entriesMax) {
    zip.close();
    throw new ZipRefused(`the archive has more than ${entriesMax} entries`);
  }
  return {
    async *entries() {
      let left = bytesMax;
      const walk = zip.eachEntry()[Symbol.asyncIterator]();
      for (;;) {
        const { value: entry, done } = await refusing('the archive cannot be read', () => walk.next());
        if (done || !entry) return;
        left -= entry.uncompressedSize;
        if (left < 0) throw new ZipRefused(`the archive holds more than ${bytesMax} bytes`);
        yield entryOf(zip, entry);
      }
    },
    close: () => zip.close(),
  };
}

/** Where a link leads to, by its own words. */
export async function readLink(entry: ZipEntry): Promise<string> {
  if (entry.sizeBytes > LINK_BYTES_MAX) throw new ZipRefused(`${entry.path} is not a link`);
  const content = await entry.open();
  return refusing('the archive cannot be read', async () => (await buffer(content)).toString('utf8'));
}

function entryOf(zip: ZipFile, entry: Entry): ZipEntry {
  const mode = entry.externalFileAttributes >>> 16;
  const isLink = (mode & TYPE_MASK) === LINK_TYPE;
  return {
    path: entry.fileName,
    type: entry.fileName.endsWith('/') ? 'folder' : isLink ? 'link' : 'file',
    permissions: mode & 0o777,
    sizeBytes: entry.uncompressedSize,
    open: () => refusing('the archive cannot be read', () => zip.openReadStreamPromise(entry)),
  };
}

async function refusing<Result>(what: string, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ZipRefused(`${what}: ${why}`, { cause: error });
  }
}
