/** Slows down guessing: after some failures in a minute the same client must wait for the next one. */

export interface Throttle {
  isOpen(who: string): boolean;
  fail(who: string): void;
}

const FAILURES_MAX = 20;
const WINDOW_MS = 60_000;
/** Clients that are remembered; the oldest are forgotten first. */
const CLIENTS_MAX = 10_000;

export function createThrottle(now: () => number): Throttle {
  const failures = new Map<string, { count: number; readonly until: number }>();
  const current = (who: string) => {
    const found = failures.get(who);
    return found && found.until > now() ? found : undefined;
  };
  return {
    isOpen: (who) => (current(who)?.count ?? 0) < FAILURES_MAX,
    fail(who) {
      const found = current(who);
      if (found) {
        found.count++;
        return;
      }
      failures.delete(who);
      failures.set(who, { count: 1, until: now() + WINDOW_MS });
      const [oldest] = failures.keys();
      if (failures.size > CLIENTS_MAX && oldest !== undefined) failures.delete(oldest);
    },
  };
}
