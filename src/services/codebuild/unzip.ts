/**
 * Unpacks a ZIP that a stranger may have made into an empty folder: names stay below it, links are made last and may
 * not lead out, and what it grows to is bounded while it grows.
 */

import { chownSync, createWriteStream, lchownSync, lstatSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { openPromise, type Entry, type ZipFile } from 'yauzl';
import type { Owner } from '#runtimes/runtime.ts';

const ENTRIES_MAX = 200_000;
const LINK_LENGTH_MAX = 4096;
const TYPE_MASK = 0o170000;
const LINK_TYPE = 0o120000;

export class UnzipRefused extends Error {
  override readonly name = 'UnzipRefused';
}

export async function unzip(
  archive: string,
  target: string,
  bytesMax: number,
  owner: Owner | undefined,
): Promise<void> {
  const zip = await open(archive);
  const links: { path: string; to: string }[] = [];
  let left = bytesMax;
  try {
    if (zip.entryCount > ENTRIES_MAX)
      throw new UnzipRefused(`the archive has more than ${ENTRIES_MAX} entries`);
    for await (const entry of entriesOf(zip)) {
      const path = entry.fileName;
      const mode = entry.externalFileAttributes >>> 16;
      if (path.endsWith('/')) makeFolders(target, path, owner);
      else if ((mode & TYPE_MASK) === LINK_TYPE) links.push({ path, to: await readLink(zip, entry) });
      else left -= await writeFile(zip, entry, target, mode, left, owner);
    }
  } catch (error) {
    if (error instanceof UnzipRefused) throw error;
    throw new UnzipRefused(`the archive cannot be read: ${(error as Error).message}`, { cause: error });
  } finally {
    zip.close();
  }
  for (const link of links) makeLink(target, link.path, link.to, owner);
}

async function open(archive: string): Promise<ZipFile> {
  try {
    // Names that leave the folder are refused by the reader itself.
    return await openPromise(archive, { lazyEntries: true, autoClose: false, validateEntrySizes: true });
  } catch (error) {
    throw new UnzipRefused(`the object is not a ZIP archive: ${(error as Error).message}`, { cause: error });
  }
}

async function* entriesOf(zip: ZipFile): AsyncGenerator<Entry> {
  for await (const entry of zip.eachEntry()) yield entry;
}

async function writeFile(
  zip: ZipFile,
  entry: Entry,
  target: string,
  mode: number,
  bytesMax: number,
  owner: Owner | undefined,
): Promise<number> {
  makeFolders(target, dirname(entry.fileName), owner);
  const path = join(target, entry.fileName);
  let written = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      written += chunk.length;
      if (written > bytesMax) done(new UnzipRefused('the archive grows beyond the disk of the build'));
      else done(null, chunk);
    },
  });
  const permissions = (mode & 0o777) === 0 ? 0o644 : (mode & 0o777) | 0o600;
  await pipeline(
    await zip.openReadStreamPromise(entry),
    counted,
    createWriteStream(path, { mode: permissions }),
  );
  if (owner) chownSync(path, owner.uid, owner.gid);
  return written;
}

async function readLink(zip: ZipFile, entry: Entry): Promise<string> {
  if (entry.uncompressedSize > LINK_LENGTH_MAX) throw new UnzipRefused(`${entry.fileName} is not a link`);
  const chunks: Buffer[] = [];
  for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** A link is made only where its end, by name, is still below the folder. */
function makeLink(target: string, path: string, to: string, owner: Owner | undefined): void {
  const end = normalize(join(dirname(path), to));
  if (to.startsWith('/') || end === '..' || end.startsWith('../')) {
    throw new UnzipRefused(`the link ${path} leads out of the archive`);
  }
  makeFolders(target, dirname(path), owner);
  const full = join(target, path);
  if (lstatSync(full, { throwIfNoEntry: false })) throw new UnzipRefused(`${path} is in the archive twice`);
  symlinkSync(to, full);
  if (owner) lchownSync(full, owner.uid, owner.gid);
}

function makeFolders(target: string, folder: string, owner: Owner | undefined): void {
  let path = target;
  for (const part of folder.split('/')) {
    if (part === '' || part === '.') continue;
    path = join(path, part);
    const there = lstatSync(path, { throwIfNoEntry: false });
    // Nothing is ever put through a link, or links could together lead out.
    if (there && !there.isDirectory()) throw new UnzipRefused(`${folder} passes through ${part}`);
    if (there) continue;
    mkdirSync(path, { mode: 0o755 });
    if (owner) chownSync(path, owner.uid, owner.gid);
  }
}
