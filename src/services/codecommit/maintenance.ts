/**
 * Keeps repositories quick: after some changes, loose objects become packs and loose references one file. One
 * repository at a time, in the background; nothing is ever pruned, so what any record or clone refers to stays.
 */

import type { House } from '#services/service.ts';
import type { Mutex } from './mutex.ts';

export interface Maintenance {
  /** Tells that references of a repository changed. Returns at once. */
  note(repositoryId: string): void;
  /** Resolves when nothing is being packed. */
  settle(): Promise<void>;
  /** Ends what runs, and starts nothing more. */
  close(): Promise<void>;
}

const CHANGES_BETWEEN = 200;

export function createMaintenance(
  house: House,
  mutex: Mutex,
  changesBetween: number = CHANGES_BETWEEN,
): Maintenance {
  const changes = new Map<string, number>();
  const stop = new AbortController();
  let running: Promise<void> = Promise.resolve();

  async function pack(repositoryId: string): Promise<void> {
    const { git, path, exists } = house.repositories;
    if (stop.signal.aborted || !(await exists(repositoryId))) return;
    const args = ['--git-dir', path(repositoryId)];
    const options = { signal: stop.signal };
    try {
      // In the repository's turn, because a deletion needs the same lock; it takes milliseconds.
      await mutex.take(repositoryId, () => git.output([...args, 'pack-refs', '--all'], options));
      await git.output([...args, 'repack', '-d', '-l', '-q', '--geometric=2', '--write-midx'], options);
    } catch (error) {
      // The repository is as good as before; only slower than it could be.
      if (!stop.signal.aborted) house.log.warn('codecommit: packing failed', { repositoryId, error });
    }
  }

  return {
    note(repositoryId) {
      const count = (changes.get(repositoryId) ?? 0) + 1;
      changes.set(repositoryId, count % changesBetween);
      if (count < changesBetween) return;
      running = running.then(() => pack(repositoryId));
    },
    settle: () => running,
    async close() {
      stop.abort();
      await running;
    },
  };
}
