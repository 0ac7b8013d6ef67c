/** One at a time for each key, in the order of asking; different keys do not wait for each other. */

export interface Turns {
  take<Result>(key: string, run: () => Promise<Result>): Promise<Result>;
}

export function createTurns(): Turns {
  const last = new Map<string, Promise<unknown>>();
  return {
    async take(key, run) {
      const before = last.get(key);
      const mine = before ? before.then(run, run) : run();
      last.set(key, mine);
      try {
        return await mine;
      } finally {
        if (last.get(key) === mine) last.delete(key);
      }
    },
  };
}
