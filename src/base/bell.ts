/**
 * Wakes held polls: whoever made something due rings for the name under which it is awaited. Only within this process;
 * a poll also looks by itself from time to time, for what other nodes decided.
 */

import type { Clock } from './clock.ts';

export interface Bell {
  ring(names: Iterable<string>): void;
  /** From now on no ring is missed; `close` must be called. */
  listen(name: string): Listener;
  /** Rings for everybody, and for whoever listens from now on: nothing is to be waited for any more. */
  silence(): void;
  readonly isSilent: boolean;
}

export interface Listener {
  /** Resolves at the next ring (at once if there was one since the last wait), after `milliseconds`, or on abort. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>;
  close(): void;
}

export function createBell(clock: Clock): Bell {
  const listeners = new Map<string, Set<() => void>>();
  let isSilent = false;

  function listen(name: string): Listener {
    let isRung = false;
    let wake: (() => void) | undefined;
    const hear = () => {
      isRung = true;
      wake?.();
    };
    const all = listeners.get(name) ?? new Set();
    listeners.set(name, all.add(hear));
    return {
      async wait(milliseconds, signal) {
        if (!isRung && !isSilent && !signal.aborted) {
          await new Promise<void>((resolve) => {
            const cancel = clock.callAt(clock.now() + milliseconds, resolve);
            signal.addEventListener('abort', () => resolve(), { once: true });
            wake = () => {
              cancel();
              resolve();
            };
          });
        }
        isRung = false;
        wake = undefined;
      },
      close() {
        all.delete(hear);
        if (all.size === 0 && listeners.get(name) === all) listeners.delete(name);
      },
    };
  }

  return {
    listen,
    silence() {
      isSilent = true;
      for (const hears of listeners.values()) for (const hear of hears) hear();
    },
    get isSilent() {
      return isSilent;
    },
    ring(names) {
      for (const name of names) for (const hear of listeners.get(name) ?? []) hear();
    },
  };
}
