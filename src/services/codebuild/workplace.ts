/**
 * The place on this machine where builds run and leave their folders. It has an identity, because a build that began
 * here can only go on here: the same after a restart, another one when the folder was brought to another machine.
 */

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { BuildWorker } from '#core/build/state.ts';

export interface Workplace extends BuildWorker {
  /** Holds the folders of builds, private to this machine. */
  readonly directory: string;
}

/** Opens the place below that folder, or makes it. Machines that share a folder have places of their own in it. */
export function openWorkplace(directory: string): Workplace {
  const name = hostname();
  const machine = createHash('sha256').update(`${name} ${machineId()}`).digest('hex').slice(0, 12);
  mkdirSync(join(directory, 'codebuild'), { recursive: true, mode: 0o700 });
  const path = join(directory, 'codebuild', `workplace-${machine}`);
  if (existsSync(path)) return { id: readFileSync(path, 'utf8'), name, directory };
  const id = `w-${randomBytes(8).toString('hex')}`;
  writeFileSync(`${path}.${id}`, id, { mode: 0o600 });
  try {
    linkSync(`${path}.${id}`, path);
  } catch (error) {
    // Another process of this machine was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(`${path}.${id}`);
  }
  return { id: readFileSync(path, 'utf8'), name, directory };
}

/** Names of machines come again; this does not, where the system has it. */
function machineId(): string {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EACCES') return '';
    throw error;
  }
}
