/**
 * Small private files that must be whole: read only when nobody else on the machine can read them, and written aside,
 * flushed, then moved to their name, so that a crash leaves the old content or the new one.
 */

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** `undefined` when there is no such file. */
export function readPrivateFile(path: string): Buffer | undefined {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  if ((statSync(path).mode & 0o077) !== 0) {
    throw new Error(`${path} can be read by others on this machine. Run: chmod 600 ${path}`);
  }
  return content;
}

/** False when the file is there already: of several processes that start together, one makes it. */
export function createPrivateFile(path: string, content: Uint8Array | string): boolean {
  const aside = writeAside(path, content);
  try {
    linkSync(aside, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    unlinkSync(aside);
    syncDirectory(dirname(path));
  }
}

export function replacePrivateFile(path: string, content: Uint8Array | string): void {
  renameSync(writeAside(path, content), path);
  syncDirectory(dirname(path));
}

function writeAside(path: string, content: Uint8Array | string): string {
  const aside = `${path}.${randomBytes(6).toString('hex')}`;
  const file = openSync(aside, 'wx', 0o600);
  try {
    writeSync(file, typeof content === 'string' ? Buffer.from(content) : content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return aside;
}

function syncDirectory(directory: string): void {
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
