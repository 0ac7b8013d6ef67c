/** One agent for one root: two would carry out the same commands. A lock whose holder is gone is taken over. */

import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf, isMissing } from './files.ts';
import { describeProcess, isAlive, parseIdentity } from './process-identity.ts';

/** Resolves to what gives the lock back; throws when another agent holds it. */
export async function lockRoot(path: string): Promise<() => Promise<void>> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const own = `${path}.${process.pid}`;
  const text = await describeProcess(process.pid);
  await writeFile(own, text);
  try {
    // A link appears whole or not at all, and only where nothing is.
    while (!(await tryLink(own, path))) {
      const holder = parseIdentity(await readHolder(path));
      if (await isAlive(holder)) {
        throw new Error(`Another agent (process ${holder.pid}) already uses ${dirname(dirname(path))}.`);
      }
      await rm(path, { force: true });
    }
  } finally {
    await rm(own, { force: true });
  }
  return () => rm(path, { force: true });
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Gone in the meantime counts as a holder that is gone. */
async function readHolder(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return '0 (none) Z 0\n-\n';
    throw error;
  }
}
