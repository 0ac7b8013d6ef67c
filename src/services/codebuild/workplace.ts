/**
 * The place on this machine where builds run and leave their folders. It has an identity, because a build that began
 * here can only go on here: the same after a restart, another one when the folder was brought to another machine.
 */

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { BuildWorker } from '#core/build/state.ts';

export interface Workplace extends BuildWorker {
  /** Holds the folders of builds, private to this machine. */
  readonly directory: string;
}

interface Kept {
  readonly id: string;
  readonly machine: string;
}

/** Opens the place below that folder, or makes it. */
export function openWorkplace(directory: string): Workplace {
  mkdirSync(join(directory, 'codebuild'), { recursive: true, mode: 0o700 });
  const path = join(directory, 'codebuild', 'workplace.json');
  const name = hostname();
  const machine = `${name} ${machineId()}`;
  const kept = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Kept) : undefined;
  if (kept?.machine === machine) return { id: kept.id, name, directory };
  const id = `w-${randomBytes(8).toString('hex')}`;
  const fresh = `${path}.${id}`;
  writeFileSync(fresh, JSON.stringify({ id, machine } satisfies Kept), { mode: 0o600 });
  renameSync(fresh, path);
  return { id, name, directory };
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
