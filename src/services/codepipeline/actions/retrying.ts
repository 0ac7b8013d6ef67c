/**
 * What may pass is tried again: a service that throttles, or fails by its own fault, is asked again with growing pauses
 * for a quarter of an hour. Then the action fails, as the system is not available.
 */

import type { Clock } from '#base/clock.ts';
import { isFault } from '#base/fault.ts';
import { ActionRefused } from './action.ts';
import { isPassing } from './failure.ts';

const TRYING_MINUTES_MAX = 15;
const TRYING_MS_MAX = TRYING_MINUTES_MAX * 60_000;
const PAUSE_MS_MIN = 500;
const PAUSE_MS_MAX = 30_000;

/** Asks until it is answered. A new life of the server, or the end of a long pause of it, begins anew. */
export async function retrying<Result>(
  clock: Clock,
  signal: AbortSignal,
  run: () => Promise<Result>,
): Promise<Result> {
  const until = clock.now() + TRYING_MS_MAX;
  for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX)) {
    try {
      return await run();
    } catch (error) {
      if (!isFault(error) || !isPassing(error)) throw error;
      if (clock.now() + pauseMs > until) throw unavailable(error);
    }
    await pause(clock, pauseMs, signal);
  }
}

export interface Patience {
  /** Answers nothing for a look that failed in passing; the next one is due soon. */
  look<Result>(id: string, run: () => Promise<Result>): Promise<Result | undefined>;
}

/** Remembers since when looks at something fail. A new life of the server knows nothing of it and begins anew. */
export function createPatience(clock: Clock): Patience {
  const failing = new Map<string, number>();
  return {
    async look(id, run) {
      try {
        const result = await run();
        failing.delete(id);
        return result;
      } catch (error) {
        const since = failing.get(id) ?? clock.now();
        failing.delete(id);
        if (!isFault(error) || !isPassing(error)) throw error;
        if (clock.now() - since > TRYING_MS_MAX) throw unavailable(error);
        failing.set(id, since);
        return undefined;
      }
    },
  };
}

function unavailable(error: Error): ActionRefused {
  const message = `A service was not available for ${TRYING_MINUTES_MAX} minutes: ${error.message}`;
  return new ActionRefused('SystemUnavailable', message, error);
}

function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const stop = () => {
      cancel();
      reject(signal.reason as Error);
    };
    const cancel = clock.callAt(clock.now() + milliseconds, () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    signal.addEventListener('abort', stop, { once: true });
  });
}
