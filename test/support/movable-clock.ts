/** The system's clock, which a test can put forward: what becomes due meanwhile is called at once, in its order. */

import { type Clock, systemClock } from '#base/clock.ts';

export interface MovableClock extends Clock {
  /** How far it is ahead, in milliseconds; clients that sign need it too. */
  readonly aheadMs: number;
  advance(milliseconds: number): void;
}

export function createMovableClock(): MovableClock {
  let aheadMs = 0;
  let sequence = 0;
  const calls = new Map<number, { readonly at: number; readonly run: () => void; cancel: () => void }>();
  const arm = (id: number, at: number, run: () => void) =>
    systemClock.callAt(at - aheadMs, () => {
      calls.delete(id);
      run();
    });
  return {
    get aheadMs() {
      return aheadMs;
    },
    now: () => systemClock.now() + aheadMs,
    callAt(at, run) {
      const id = ++sequence;
      calls.set(id, { at, run, cancel: arm(id, at, run) });
      return () => {
        calls.get(id)?.cancel();
        calls.delete(id);
      };
    },
    advance(milliseconds) {
      aheadMs += milliseconds;
      const waiting = [...calls.entries()].sort(([, a], [, b]) => a.at - b.at);
      for (const [id, call] of waiting) {
        call.cancel();
        call.cancel = arm(id, call.at, call.run);
      }
    },
  };
}
