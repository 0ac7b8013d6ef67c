/**
 * The `process` runtime: the same supervisor without any isolation. Commands run as the server's own user and see all
 * that it sees, Slipway's data included. It exists for machines where nothing better is possible, for people who know
 * what they build, and only when the operator names it.
 */

import { lstatSync, readFileSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attach, isCollecting, isStartedAndAlive, startedProcess } from './attached.ts';
import { createGroups, groupMembers, outOfMemoryKills, removeGroups } from './cgroups.ts';
import { watchDisk } from './disk.ts';
import { launch, prepareFolders, SEARCH_PATH } from './launch.ts';
import { isAlive, sessionOf, signalProcess, treeOf, waitUntil } from './processes.ts';
import type { Runtime, Sandbox, SandboxPlan } from './runtime.ts';
import { supervisorScript } from './supervisor.ts';

const KILL_TIMEOUT_MS = 5000;

export function createProcessRuntime(): Runtime {
  return { name: 'process', problem: () => Promise.resolve(undefined), open, kill };
}

async function open(plan: SandboxPlan): Promise<Sandbox> {
  const { directory } = plan;
  const attached = startedProcess(directory) !== undefined;
  const groups = createGroups(plan.id, plan.limits);
  const home = join(directory, 'home');
  if (!attached) {
    prepareFolders(directory, undefined);
    writeFileSync(join(directory, 'name'), plan.id);
    linkReadonly(directory);
    const supervisor = join(directory, 'readonly', 'supervisor.sh');
    writeFileSync(
      supervisor,
      supervisorScript(join(directory, 'readonly'), { seconds: plan.limits.seconds, ends: 'group' }),
      { mode: 0o644 },
    );
    await launch({
      directory,
      limits: plan.limits,
      groups: groups.folders,
      limitsPerProcess: [],
      command: ['env', '-i', `PATH=${SEARCH_PATH}`, `HOME=${home}`, '/bin/sh', supervisor],
      owner: undefined,
    });
  }
  const disk = watchDisk(directory, plan.limits.diskBytes, () => void kill(directory, 0));
  const attachment = await attach({
    directory,
    isAlive: () => isStartedAndAlive(directory),
    outOfMemoryKills: () => outOfMemoryKills(plan.id),
    reasonOfDeath: () => disk.verdict() ?? 'its processes are gone',
    shells: { sh: '/bin/sh', bash: '/bin/bash' },
  });
  return {
    facts: ['Isolation: NONE, as the operator chose; commands run as the server and see all that it sees'],
    attached,
    workspace: join(directory, 'workspace'),
    workspaceDirectory: join(directory, 'workspace'),
    readonlyDirectory: join(directory, 'readonly'),
    home,
    owner: undefined,
    logFile: join(directory, 'log'),
    perform: attachment.perform,
    release() {
      disk.stop();
      attachment.release();
    },
  };
}

/** Commands find the folder at the same place as in a sandbox, with all that is put there later. */
function linkReadonly(directory: string): void {
  const path = join(directory, 'workspace', 'readonly');
  if (lstatSync(path).isSymbolicLink()) return;
  rmdirSync(path);
  symlinkSync('../readonly', path);
}

/** A command that makes a session of its own escapes this, unless control groups hold it. */
async function kill(directory: string, graceMs: number): Promise<void> {
  const name = startedProcess(directory);
  if (!name) return;
  const id = readFileSync(join(directory, 'name'), 'utf8');
  const members = async () => [
    ...new Set([
      ...(await sessionOf(name.id)),
      ...(isAlive(name) ? await treeOf(name.id) : []),
      ...groupMembers(id),
    ]),
  ];
  const commands = (await members()).filter((pid) => pid !== name.id);
  if (graceMs > 0 && commands.length > 0) {
    for (const pid of commands) signalProcess(pid, 'SIGTERM');
    await waitUntil(async () => (await members()).length <= 1, graceMs);
  }
  await waitUntil(async () => {
    const left = await members();
    for (const pid of left) signalProcess(pid, 'SIGKILL');
    return left.length === 0;
  }, KILL_TIMEOUT_MS);
  await waitUntil(() => !isCollecting(directory), KILL_TIMEOUT_MS);
  await removeGroups(id);
}
