/**
 * Unpacks a ZIP that a stranger may have made into an empty folder: names stay below it, links are made last and may
 * not lead out, and what it grows to is bounded while it grows.
 */

import { chownSync, createWriteStream, lchownSync, lstatSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Owner } from '#runtimes/runtime.ts';
import { openZip, readLink, ZipRefused, type ZipEntry } from '#store/zip-entries.ts';

const ENTRIES_MAX = 200_000;

/** Throws `ZipRefused`. */
export async function unzip(
  archive: string,
  target: string,
  bytesMax: number,
  owner: Owner | undefined,
): Promise<void> {
  const zip = await openZip(archive, { entriesMax: ENTRIES_MAX, bytesMax });
  const links: { path: string; to: string }[] = [];
  try {
    for await (const entry of zip.entries()) {
      const { path } = entry;
      if (entry.type === 'folder') makeFolders(target, path, owner);
      else if (entry.type === 'link') links.push({ path, to: await readLink(entry) });
      else await writeFile(entry, target, owner);
    }
  } catch (error) {
    if (error instanceof ZipRefused) throw error;
    throw new ZipRefused(`the archive cannot be read: ${(error as Error).message}`, { cause: error });
  } finally {
    zip.close();
  }
  for (const link of links) makeLink(target, link.path, link.to, owner);
}

async function writeFile(entry: ZipEntry, target: string, owner: Owner | undefined): Promise<void> {
  makeFolders(target, dirname(entry.path), owner);
  const path = join(target, entry.path);
  const mode = entry.permissions === 0 ? 0o644 : entry.permissions | 0o600;
  await pipeline(await entry.open(), createWriteStream(path, { mode }));
  if (owner) chownSync(path, owner.uid, owner.gid);
}

/** A link is made only where its end, by name, is still below the folder. */
function makeLink(target: string, path: string, to: string, owner: Owner | undefined): void {
  const end = normalize(join(dirname(path), to));
  if (to.startsWith('/') || end === '..' || end.startsWith('../')) {
    throw new ZipRefused(`the link ${path} leads out of the archive`);
  }
  makeFolders(target, dirname(path), owner);
  const full = join(target, path);
  if (lstatSync(full, { throwIfNoEntry: false })) throw new ZipRefused(`${path} is in the archive twice`);
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
    if (there && !there.isDirectory()) throw new ZipRefused(`${folder} passes through ${part}`);
    if (there) continue;
    mkdirSync(path, { mode: 0o755 });
    if (owner) chownSync(path, owner.uid, owner.gid);
  }
}
