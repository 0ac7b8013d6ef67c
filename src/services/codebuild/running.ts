/**
 * What this process is running: who wants to end a build finds it here, waits until its hands are off, and then owns
 * what is left. Also the places of what is admitted by no queue of its own: it waits until one is free.
 */

export interface Running {
  /** For a build that has been placed. */
  enter(id: string): Place;
  /** Resolves when there is a place; rejects when `signal` is aborted first. */
  takePlace(id: string, signal: AbortSignal): Promise<Place>;
  /** Aborts the build's run in this process, if there is one, and resolves when it has let go. */
  interrupt(id: string): Promise<void>;
}

export interface Place {
  /** Aborted by `interrupt`. */
  readonly interrupted: AbortSignal;
  leave(): void;
}

export function createRunning(placesMax: number): Running {
  const runs = new Map<string, { controller: AbortController; left: Promise<void> }>();
  const waiting = new Set<() => void>();
  let taken = 0;
  const begin = (id: string) => {
    const controller = new AbortController();
    const { promise: left, resolve: leave } = Promise.withResolvers<void>();
    const run = { controller, left };
    runs.set(id, run);
    const done = () => {
      if (runs.get(id) === run) runs.delete(id);
      leave();
    };
    return { controller, done };
  };
  return {
    enter(id) {
      const { controller, done } = begin(id);
      return { interrupted: controller.signal, leave: done };
    },
    async takePlace(id, signal) {
      const { controller, done } = begin(id);
      const either = AbortSignal.any([signal, controller.signal]);
      try {
        while (taken >= placesMax) await nextFree(waiting, either);
        either.throwIfAborted();
      } catch (error) {
        done();
        throw error;
      }
      taken++;
      return {
        interrupted: controller.signal,
        leave() {
          taken--;
          done();
          const [first] = waiting;
          first?.();
        },
      };
    },
    async interrupt(id) {
      const run = runs.get(id);
      if (!run) return;
      run.controller.abort(new Error('the build is ended'));
      await run.left;
    },
  };
}

function nextFree(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const wake = () => {
      waiting.delete(wake);
      signal.removeEventListener('abort', stop);
      resolve();
    };
    const stop = () => {
      waiting.delete(wake);
      reject(signal.reason as Error);
    };
    if (signal.aborted) return stop();
    waiting.add(wake);
    signal.addEventListener('abort', stop);
  });
}
