/**
 * Unpacks a bundle (zip, tar, tgz) into a folder. Names may not leave it, nothing is written through a link, and what
 * is neither file, folder nor link is refused. Modes and times are kept.
 */

import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, lstat, mkdir, readdir, rename, rm, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { open, type Entry, type ZipFile } from 'yauzl';
import { isMissing } from './files.ts';

export const ENTRIES_MAX = 200_000;
export const UNPACKED_BYTES_MAX = 16 * 1024 ** 3;

const TYPE_MASK = 0o170000;
const TYPE_LINK = 0o120000;
const LINK_BYTES_MAX = 4096;

export async function unpack(
  bundle: string,
  type: 'tar' | 'tgz' | 'zip',
  destination: string,
): Promise<void> {
  const temporary = `${destination}.new`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  const writer = createWriter(temporary);
  if (type === 'zip') await unpackZip(bundle, writer);
  else await unpackTar(bundle, type === 'tgz', writer);
  const top = await findTop(temporary);
  await rm(destination, { recursive: true, force: true });
  await rename(top, destination);
  await rm(temporary, { recursive: true, force: true });
}

interface Writer {
  directory(name: string, mode: number | undefined): Promise<void>;
  file(
    name: string,
    mode: number | undefined,
    modifiedAt: Date | undefined,
    content: AsyncIterable<Buffer>,
  ): Promise<void>;
  link(name: string, target: string): Promise<void>;
}

function createWriter(root: string): Writer {
  const real = new Set([root]);
  let entries = 0;
  let bytes = 0;

  /** The path of an entry, below folders that are folders and not links. */
  async function place(name: string): Promise<string> {
    if (++entries > ENTRIES_MAX) throw new Error(`The bundle has more than ${ENTRIES_MAX} entries.`);
    const parts = name.split('/').filter((part) => part !== '' && part !== '.');
    if (name.startsWith('/') || parts.includes('..') || name.includes('\0')) {
      throw new Error(`The bundle has an entry that would lie outside of it: ${JSON.stringify(name)}.`);
    }
    let path = root;
    for (const part of parts.slice(0, -1)) {
      path = join(path, part);
      await makeReal(path);
    }
    return join(root, ...parts);
  }

  async function makeReal(path: string): Promise<void> {
    if (real.has(path)) return;
    try {
      if (!(await lstat(path)).isDirectory()) {
        throw new Error(
          `The bundle has an entry below ${path.slice(root.length + 1)}, which is not a folder.`,
        );
      }
    } catch (error) {
      if (!isMissing(error)) throw error;
      await mkdir(path);
    }
    real.add(path);
  }

  async function* counted(content: AsyncIterable<Buffer>) {
    for await (const part of content) {
      bytes += part.length;
      if (bytes > UNPACKED_BYTES_MAX) throw new Error('The bundle is too large when unpacked.');
      yield part;
    }
  }

  return {
    async directory(name, mode) {
      const path = await place(name);
      if (path === root) return;
      await makeReal(path);
      if (mode) await chmod(path, mode & 0o7777);
    },
    async file(name, mode, modifiedAt, content) {
      const path = await place(name);
      // Something of the same name, a link above all, must not be written into.
      await rm(path, { force: true });
      await pipeline(counted(content), createWriteStream(path, { flags: 'wx' }));
      if (mode) await chmod(path, mode & 0o7777);
      if (modifiedAt) await utimes(path, modifiedAt, modifiedAt);
    },
    async link(name, target) {
      const path = await place(name);
      await rm(path, { force: true });
      await symlink(target, path);
    },
  };
}

async function unpackTar(bundle: string, isCompressed: boolean, writer: Writer): Promise<void> {
  const reader = extract();
  const source = createReadStream(bundle);
  const done = isCompressed ? pipeline(source, createGunzip(), reader) : pipeline(source, reader);
  // It fails with the reader, whose loop below throws first.
  done.catch(() => {});
  for await (const entry of reader) {
    const { name, type, mode, mtime, linkname } = entry.header;
    switch (type) {
      case 'directory':
        await writer.directory(name, mode);
        break;
      case 'file':
      case 'contiguous-file':
        await writer.file(name, mode, mtime, entry as AsyncIterable<Buffer>);
        break;
      case 'symlink':
        await writer.link(name, linkname ?? '');
        break;
      case null:
      case undefined:
      case 'link':
      case 'character-device':
      case 'block-device':
      case 'fifo':
        throw new Error(`The bundle has an entry of the type ${type ?? 'unknown'}: ${JSON.stringify(name)}.`);
    }
    entry.resume();
  }
  await done;
}

async function unpackZip(bundle: string, writer: Writer): Promise<void> {
  const zip = await openZip(bundle);
  try {
    for (let entry = await nextEntry(zip); entry; entry = await nextEntry(zip)) {
      const mode = entry.externalFileAttributes >>> 16;
      const name = entry.fileName;
      if (name.endsWith('/')) {
        await writer.directory(name, mode);
      } else if ((mode & TYPE_MASK) === TYPE_LINK) {
        await writer.link(name, await textOf(await contentOf(zip, entry)));
      } else {
        await writer.file(name, mode, entry.getLastModDate(), await contentOf(zip, entry));
      }
    }
  } finally {
    zip.close();
  }
}

function openZip(path: string): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    open(path, { lazyEntries: true, autoClose: false }, (error, zip) =>
      error ? reject(error) : resolve(zip),
    );
  });
}

/** `undefined` after the last one. */
function nextEntry(zip: ZipFile): Promise<Entry | undefined> {
  return new Promise((resolve, reject) => {
    const settle = (run: () => void) => {
      zip.removeAllListeners();
      run();
    };
    zip.once('entry', (entry: Entry) => settle(() => resolve(entry)));
    zip.once('end', () => settle(() => resolve(undefined)));
    zip.once('error', (error: Error) => settle(() => reject(error)));
    zip.readEntry();
  });
}

function contentOf(zip: ZipFile, entry: Entry): Promise<Readable> {
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => (error ? reject(error) : resolve(stream)));
  });
}

async function textOf(content: Readable): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of content as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > LINK_BYTES_MAX) throw new Error('The bundle has a link with an endless target.');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** One folder around everything, with the AppSpec file in it, is taken off; archives of repositories have one. */
async function findTop(root: string): Promise<string> {
  const entries = await readdir(root, { withFileTypes: true });
  const [only] = entries;
  if (entries.length !== 1 || !only?.isDirectory()) return root;
  const inner = await readdir(join(root, only.name));
  return inner.some((name) => /appspec/i.test(name)) ? join(root, only.name) : root;
}
