/**
 * Wakes held polls: whoever made a command due rings for its host. Only within this process; a poll also looks by
 * itself from time to time, for what other nodes decided.
 */

import type { Clock } from '#base/clock.ts';

export interface Bell {
  ring(hosts: Iterable<string>): void;
  /** From now on no ring is missed; `close` must be called. */
  listen(host: string): Listener;
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

  function listen(host: string): Listener {
    let isRung = false;
    let wake: (() => void) | undefined;
    const hear = () => {
      isRung = true;
      wake?.();
    };
    const all = listeners.get(host) ?? new Set();
    listeners.set(host, all.add(hear));
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
        if (all.size === 0 && listeners.get(host) === all) listeners.delete(host);
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
    ring(hosts) {
      for (const host of hosts) for (const hear of listeners.get(host) ?? []) hear();
    },
  };
}
