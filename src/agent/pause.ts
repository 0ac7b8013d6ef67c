/** Waiting, for a program that has nothing else to keep it alive; the pause after failures grows and is spread. */

import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const PAUSE_MS_MIN = 200;
const PAUSE_MS_MAX = 15_000;

/** Resolves after the time, or at once when `signal` is aborted. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return;
  try {
    await sleep(milliseconds, undefined, signal ? { signal } : {});
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}

/** After the first failure 0.2 s, then double, up to 15 s; up to a third less, so that many hosts do not come at once. */
export function pauseAfter(failures: number): number {
  const longest = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** Math.min(failures - 1, 10));
  return longest - randomInt(Math.ceil(longest / 3));
}
