/**
 * Processes of the machine as the kernel shows them in /proc. A process is named by its id, its start time and the
 * boot, so that a number used again is never taken for the old process.
 */

import { readdir, readFile, readlink } from 'node:fs/promises';
import { readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const READS_AT_ONCE_MAX = 64;

export interface ProcessName {
  readonly id: number;
  readonly startTicks: string;
  readonly boot: string;
}

/** The line that `start.sh` writes: `<pid> <start ticks> <boot id>`. */
export function parseProcessName(line: string): ProcessName | undefined {
  const [id, startTicks, boot] = line.trim().split(' ');
  if (!id || !/^\d+$/.test(id) || !startTicks || !boot) return undefined;
  return { id: Number(id), startTicks, boot };
}

/** The name of this process, as `parseProcessName` reads it. */
export function ownProcessName(): string {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return `${process.pid} ${statFields(readFileSync('/proc/self/stat', 'utf8'))[19] ?? ''} ${boot}`;
}

export function isAlive(name: ProcessName): boolean {
  try {
    if (readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() !== name.boot) return false;
    const fields = statFields(readFileSync(`/proc/${name.id}/stat`, 'utf8'));
    return fields[19] === name.startTicks && fields[0] !== 'Z' && fields[0] !== 'X';
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** Children of a process, oldest first; none when it is gone. */
export async function childrenOf(id: number): Promise<number[]> {
  const text = await readOrEmpty(`/proc/${id}/task/${id}/children`);
  return text.split(' ').filter(Boolean).map(Number);
}

/** The process and everything below it. */
export async function treeOf(id: number): Promise<number[]> {
  const found = [id];
  for (let i = 0; i < found.length; i++) found.push(...(await childrenOf(found[i] as number)));
  return found;
}

/** Every process in the same process namespace as `id` that still runs; none when it is gone. */
export async function namespaceOf(id: number): Promise<number[]> {
  const own = await readLinkOrEmpty(`/proc/${id}/ns/pid`);
  if (own === '') return [];
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const links = await inTurns(ids, (other) => readLinkOrEmpty(`/proc/${other}/ns/pid`));
  const inside = ids.filter((_, i) => links[i] === own);
  const stats = await inTurns(inside, (other) => readOrEmpty(`/proc/${other}/stat`));
  // What has died and was not yet collected by its parent runs no more.
  return inside.filter((_, i) => statFields(stats[i] ?? '')[0] !== 'Z');
}

/** True when a process lives in another network namespace than this one; false when it is gone. */
export function isInOtherNetwork(id: number): boolean {
  try {
    return readlinkSync(`/proc/${id}/ns/net`) !== readlinkSync('/proc/self/ns/net');
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** Every process of a session; for commands that run without a namespace of their own. */
export async function sessionOf(id: number): Promise<number[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const stats = await inTurns(ids, (other) => readOrEmpty(`/proc/${other}/stat`));
  return ids.filter((_, i) => {
    const fields = statFields(stats[i] ?? '');
    return fields[3] === String(id) && fields[0] !== 'Z';
  });
}

/** Sends a signal; false when there is no such process (any more). */
export function signalProcess(id: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(id, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Asks again and again, with growing pauses, until the answer is yes; false when the time is over. */
export async function waitUntil(done: () => boolean | Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const until = performance.now() + timeoutMs;
  for (let delay = 1; ; delay = Math.min(delay * 2, 100)) {
    if (await done()) return true;
    if (performance.now() >= until) return false;
    await pause(delay);
  }
}

/** The fields behind the name in parentheses, which may itself hold anything: 0 state, 1 parent, 3 session, 19 start. */
function statFields(stat: string): string[] {
  return stat
    .slice(stat.lastIndexOf(')') + 2)
    .trim()
    .split(' ');
}

/** A fork bomb makes more processes than we may have files open. */
async function inTurns(
  ids: readonly number[],
  read: (id: number) => Promise<string>,
): Promise<readonly string[]> {
  const texts: string[] = [];
  for (let i = 0; i < ids.length; i += READS_AT_ONCE_MAX) {
    texts.push(...(await Promise.all(ids.slice(i, i + READS_AT_ONCE_MAX).map(read))));
  }
  return texts;
}

async function readOrEmpty(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(emptyWhenGone);
}

async function readLinkOrEmpty(path: string): Promise<string> {
  return readlink(path).catch(emptyWhenGone);
}

function emptyWhenGone(error: unknown): string {
  if (isGone(error)) return '';
  throw error;
}

/** A process may end between two looks at it, and others' processes may not be looked at. */
function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM';
}
