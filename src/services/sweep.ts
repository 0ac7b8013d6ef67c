/** A chore that a room does again and again in the background, one at a time, from the start of the house to its end. */

import type { House } from './service.ts';

export interface Sweep {
  start(): void;
  /** Resolves when a sweep that is going on has ended. */
  stop(): Promise<void>;
}

/** `what` could not be done, for the log. `sweep` is given a way to see that it should end soon. */
export function createSweep(
  { clock, log }: Pick<House, 'clock' | 'log'>,
  periodMs: number,
  what: string,
  sweep: (isStopped: () => boolean) => Promise<void>,
): Sweep {
  let cancel = () => {};
  let isStopped = false;
  let running = Promise.resolve();
  const arm = () => {
    cancel = clock.callAt(clock.now() + periodMs, () => {
      running = sweep(() => isStopped)
        .catch((error: unknown) => log.error(what, { error }))
        .then(() => (isStopped ? undefined : arm()));
    });
  };
  return {
    start: arm,
    async stop() {
      isStopped = true;
      cancel();
      await running;
    },
  };
}
