/**
 * Tells a process from another one that has its number later: number, start time and boot together are unique. Where
 * there is no /proc the number alone has to do.
 */

import { readFile } from 'node:fs/promises';
import { codeOf, isMissing, readIfThere } from './files.ts';

export interface ProcessIdentity {
  readonly pid: number;
  /** In ticks since the boot. */
  readonly startTime: string | undefined;
  readonly boot: string;
}

const BOOT_FILE = '/proc/sys/kernel/random/boot_id';

/** Of the text that a shell writes about itself: /proc/self/stat in the first line, the boot in the second. */
export function parseIdentity(text: string): ProcessIdentity {
  const [facts = '', boot = ''] = text.split('\n');
  return { pid: Number.parseInt(facts, 10), startTime: startTimeOf(facts), boot };
}

/** The same text about a process that runs. */
export async function describeProcess(pid: number): Promise<string> {
  const facts = (await readFacts(pid)) ?? String(pid);
  const boot = (await readIfThere(BOOT_FILE)) ?? '';
  return `${facts.trim()}\n${boot.trim()}\n`;
}

/** A zombie is not alive. */
export async function isAlive({ pid, startTime, boot }: ProcessIdentity): Promise<boolean> {
  if (startTime === undefined) return canSignal(pid);
  if ((await readIfThere(BOOT_FILE))?.trim() !== boot) return false;
  const facts = await readFacts(pid);
  return facts !== undefined && startTimeOf(facts) === startTime && !/\) [ZX] /.test(facts);
}

/** A negative number means the process group. */
export function canSignal(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, and another user's.
    return codeOf(error) === 'EPERM';
  }
}

async function readFacts(pid: number): Promise<string | undefined> {
  try {
    return await readFile(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    // A process may end while its file is being read.
    if (isMissing(error) || codeOf(error) === 'ESRCH') return undefined;
    throw error;
  }
}

/** Field 22 of /proc/<pid>/stat; the name in field 2 may hold anything, but no later field a parenthesis. */
function startTimeOf(facts: string): string | undefined {
  const end = facts.lastIndexOf(')');
  return end < 0 ? undefined : facts.slice(end + 2).split(' ')[19];
}
