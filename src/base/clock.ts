/**
 * Time, passed in. Nothing above this file calls `Date.now()` or `setTimeout` for a decision: it asks a clock,
 * so that tests and the simulation own time. All times are milliseconds since 1970 (UTC).
 */

export interface Clock {
  /** Now, in milliseconds since the epoch. */
  now(): number;
  /** Calls `run` once, not before `at`; returns a function that cancels it. Never keeps the process alive. */
  callAt(at: number, run: () => void): () => void;
}

/** The longest delay a Node timer can hold; a later call is re-armed in steps. */
const DELAY_MS_MAX = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  callAt(at, run) {
    let timer: NodeJS.Timeout;
    const arm = () => {
      const delay = at - Date.now();
      timer = delay > DELAY_MS_MAX ? setTimeout(arm, DELAY_MS_MAX) : setTimeout(run, Math.max(0, delay));
      timer.unref();
    };
    arm();
    return () => clearTimeout(timer);
  },
};

export interface FakeClock extends Clock {
  /** Moves time forward and runs, in order, what became due. */
  advance(milliseconds: number): void;
}

export function createFakeClock(start = 1_700_000_000_000): FakeClock {
  let now = start;
  let sequence = 0;
  const calls = new Map<number, { at: number; run: () => void }>();
  const nextDue = (until: number) => {
    let first: { id: number; at: number } | undefined;
    for (const [id, call] of calls) {
      if (call.at <= until && (!first || call.at < first.at)) first = { id, at: call.at };
    }
    return first;
  };
  return {
    now: () => now,
    callAt(at, run) {
      const id = ++sequence;
      calls.set(id, { at, run });
      return () => void calls.delete(id);
    },
    advance(milliseconds) {
      const until = now + milliseconds;
      for (let due = nextDue(until); due; due = nextDue(until)) {
        const call = calls.get(due.id);
        calls.delete(due.id);
        now = Math.max(now, due.at);
        call?.run();
      }
      now = until;
    },
  };
}
