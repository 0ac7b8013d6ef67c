/** Fair turns by name: whoever asked first goes first, and a failure lets the next one in. */

export interface Mutex {
  take<Result>(name: string, work: () => Promise<Result>): Promise<Result>;
}

export function createMutex(): Mutex {
  const last = new Map<string, Promise<void>>();
  return {
    async take(name, work) {
      const before = last.get(name) ?? Promise.resolve();
      const { promise: mine, resolve: release } = Promise.withResolvers<void>();
      last.set(name, mine);
      await before;
      try {
        return await work();
      } finally {
        if (last.get(name) === mine) last.delete(name);
        release();
      }
    },
  };
}
