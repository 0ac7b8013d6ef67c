/**
 * Control groups for one sandbox, version 1 or 2, when this user may write them. The groups lie below the group of the
 * server itself (version 1) or below `/slipway` (version 2, where a group with processes cannot have limited
 * children). Whatever cannot be limited is said, not hidden.
 */

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Limits } from './runtime.ts';
import { waitUntil } from './processes.ts';

const ROOT = '/sys/fs/cgroup';
/** Version 2: above the groups of all sandboxes. */
const PARENT = 'slipway';
const REFUSALS = new Set(['EACCES', 'EROFS', 'EPERM', 'ENOENT', 'EBUSY', 'EINVAL', 'EOPNOTSUPP', 'ENOTSUP']);
const CPU_PERIOD_MICROSECONDS = 100_000;
const REMOVE_TIMEOUT_MS = 2000;

export interface Groups {
  /** Folders that the sandbox's first process must join. */
  readonly folders: readonly string[];
  /** What they hold down: `memory`, `cpu`, `pids`. */
  readonly limited: ReadonlySet<string>;
}

/** Makes the groups, or finds them; a controller that cannot be written is left out. */
export function createGroups(id: string, limits: Limits): Groups {
  const folders = new Set<string>();
  const limited = new Set<string>();
  if (isVersionTwo()) shareControllers();
  for (const plan of planGroups(id, limits)) {
    if (!writeGroup(plan)) continue;
    folders.add(plan.folder);
    limited.add(plan.controller);
  }
  return { folders: [...folders], limited };
}

/** Processes that the kernel killed for want of memory. */
export function outOfMemoryKills(id: string): number {
  for (const folder of groupFolders(id)) {
    const kills = killsIn(folder);
    if (kills !== undefined) return kills;
  }
  return 0;
}

/** The same for one folder; `undefined` when memory is not what it limits. */
export function killsIn(folder: string): number | undefined {
  for (const file of ['memory.events', 'memory.oom_control']) {
    const path = join(folder, file);
    if (!existsSync(path)) continue;
    try {
      return Number(/^oom_kill (\d+)$/m.exec(readFileSync(path, 'utf8'))?.[1] ?? 0);
    } catch (error) {
      // The group may go between the two looks.
      if (!['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  return undefined;
}

/** The folder that limits the memory of a process; `undefined` when the process is gone or out of sight. */
export function memoryFolderOf(id: number): string | undefined {
  const path = `/proc/${id}/cgroup`;
  if (id <= 0 || !existsSync(path)) return undefined;
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [, controllers = '', group] = line.split(':');
    if (group === undefined || controllers !== (isVersionTwo() ? '' : 'memory')) continue;
    return join(ROOT, controllers, group);
  }
  return undefined;
}

/** Ids of the processes in the sandbox's groups. */
export function groupMembers(id: string): number[] {
  const folder = groupFolders(id)[0];
  if (!folder) return [];
  return readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
}

/** Removes the groups once they are empty. */
export async function removeGroups(id: string): Promise<void> {
  for (const folder of groupFolders(id)) {
    await waitUntil(() => {
      try {
        rmdirSync(folder);
        return true;
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (code === 'ENOENT') return true;
        if (code === 'EBUSY') return false;
        throw error;
      }
    }, REMOVE_TIMEOUT_MS);
  }
}

interface GroupPlan {
  readonly folder: string;
  readonly controller: string;
  /** File name → value. A missing file fails the controller. */
  readonly values: Readonly<Record<string, string>>;
}

function planGroups(id: string, limits: Limits): GroupPlan[] {
  const name = `slipway-${id}`;
  const quota = Math.round(limits.cpus * CPU_PERIOD_MICROSECONDS);
  if (isVersionTwo()) {
    const valuesByController: Record<string, Record<string, string>> = {
      memory: { 'memory.max': String(limits.memoryBytes), 'memory.swap.max': '0' },
      pids: { 'pids.max': String(limits.processes) },
      cpu: { 'cpu.max': `${quota} ${CPU_PERIOD_MICROSECONDS}` },
    };
    const folder = join(ROOT, PARENT, name);
    return Object.entries(valuesByController).map(([controller, values]) => ({ folder, controller, values }));
  }
  const own = ownGroups();
  const valuesByController: Record<string, Record<string, string>> = {
    memory: { 'memory.limit_in_bytes': String(limits.memoryBytes) },
    pids: { 'pids.max': String(limits.processes) },
    cpu: { 'cpu.cfs_period_us': String(CPU_PERIOD_MICROSECONDS), 'cpu.cfs_quota_us': String(quota) },
  };
  return Object.entries(valuesByController).flatMap(([controller, values]) => {
    const parent = own.get(controller);
    if (parent === undefined || !existsSync(join(ROOT, controller))) return [];
    return [{ folder: join(ROOT, controller, parent, name), controller, values }];
  });
}

function isVersionTwo(): boolean {
  return existsSync(join(ROOT, 'cgroup.controllers'));
}

/** Version 2: a group can limit only what every group above hands down. One after another, since each may be missing. */
function shareControllers(): void {
  for (const folder of [ROOT, join(ROOT, PARENT)]) {
    attempt(() => mkdirSync(folder, { recursive: true }));
    for (const controller of ['memory', 'pids', 'cpu']) {
      attempt(() => writeFileSync(join(folder, 'cgroup.subtree_control'), `+${controller}`, { flag: 'r+' }));
    }
  }
}

/** Version 1: controller → the server's own group. */
function ownGroups(): Map<string, string> {
  const groups = new Map<string, string>();
  for (const line of readFileSync('/proc/self/cgroup', 'utf8').split('\n')) {
    const [, controllers = '', path] = line.split(':');
    if (path === undefined) continue;
    // Below a sandbox's own group a nested server would be limited twice; names stay readable either way.
    for (const controller of controllers.split(',')) if (controller) groups.set(controller, path);
  }
  return groups;
}

function writeGroup(plan: GroupPlan): boolean {
  return attempt(() => {
    mkdirSync(plan.folder, { recursive: true });
    for (const [file, value] of Object.entries(plan.values)) {
      const path = join(plan.folder, file);
      // Without swap accounting there is no swap file to write, and nothing to limit.
      if (file === 'memory.swap.max' && !existsSync(path)) continue;
      writeFileSync(path, value, { flag: 'r+' });
    }
  });
}

/** False when this user, or this machine, does not let us. */
function attempt(write: () => void): boolean {
  try {
    write();
    return true;
  } catch (error) {
    if (REFUSALS.has((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

function groupFolders(id: string): string[] {
  const none: Limits = { memoryBytes: 0, cpus: 1, processes: 0, diskBytes: 0, openFiles: 0, seconds: 0 };
  return planGroups(id, none)
    .map((plan) => plan.folder)
    .filter((folder) => existsSync(folder));
}
