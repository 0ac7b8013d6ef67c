/**
 * Ends a sandbox, whoever started it: the folder says which process it is. When this resolves, none of its processes
 * runs any more, what they said last is in the log, and its control groups are gone.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isCollecting, startedProcess } from './attached.ts';
import { groupMembers, removeGroups } from './cgroups.ts';
import { childrenOf, isAlive, namespaceOf, signalProcess, treeOf, waitUntil } from './processes.ts';

const KILL_TIMEOUT_MS = 5000;

export async function killSandbox(directory: string, graceMs: number): Promise<void> {
  const idFile = join(directory, 'name');
  const id = existsSync(idFile) ? readFileSync(idFile, 'utf8') : undefined;
  const name = startedProcess(directory);
  if (name && isAlive(name)) {
    const [first] = await innermost(name.id);
    const inside = first === undefined ? [] : (await namespaceOf(first)).filter((pid) => pid !== first);
    if (graceMs > 0 && inside.length > 0) {
      for (const pid of inside) signalProcess(pid, 'SIGTERM');
      await waitUntil(async () => (await namespaceOf(first ?? 0)).length <= 1, graceMs);
    }
    // Who made the namespace goes first, or it would speak of the end in the log; the end of the namespace's first
    // process is the end of all others in it.
    const tree = await treeOf(name.id);
    for (const pid of tree) signalProcess(pid, 'SIGKILL');
    await waitUntil(
      async () => !isAlive(name) && (first === undefined || (await namespaceOf(first)).length === 0),
      KILL_TIMEOUT_MS,
    );
  }
  if (id === undefined) return;
  for (const pid of groupMembers(id)) signalProcess(pid, 'SIGKILL');
  await waitUntil(() => groupMembers(id).length === 0, KILL_TIMEOUT_MS);
  await waitUntil(() => !isCollecting(directory), KILL_TIMEOUT_MS);
  await removeGroups(id);
}

/** The first process of the sandbox's own process namespace: the only child of the one that made it. */
async function innermost(id: number): Promise<number[]> {
  const children = await childrenOf(id);
  return children.slice(0, 1);
}
