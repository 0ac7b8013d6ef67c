/**
 * Folders of this machine that stand in the place of a folder in S3: that is how `slipway run` builds what lies before
 * it. Only whoever opens the house names them; a server has none, and no call can make one.
 */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Owner } from '#runtimes/runtime.ts';

export interface LocalFolder {
  readonly path: string;
  /** Where its repository stands, if it is one. */
  readonly commit?: string | undefined;
}

/** By the location that a project's source gives. */
export type LocalFolders = ReadonlyMap<string, LocalFolder>;

/**
 * Everything comes along as it is: hidden files, links, modes, times, `.git`. The copy belongs to the user of the
 * sandbox, so a build never changes the folder itself.
 */
export async function copyLocalFolder(
  { path }: LocalFolder,
  target: string,
  owner: Owner | undefined,
  signal: AbortSignal,
  refuse: (cause: string) => Error,
): Promise<void> {
  try {
    await promisify(execFile)('cp', ['-a', '--', `${path}/.`, target], { signal });
    if (!owner) return;
    await promisify(execFile)('chown', ['-hR', '--', `${owner.uid}:${owner.gid}`, target], { signal });
  } catch (error) {
    signal.throwIfAborted();
    const { stderr = '', message } = error as Error & { stderr?: string };
    throw refuse(`the folder ${path} cannot be copied (${stderr.trim().split('\n', 1)[0] || message})`);
  }
}
