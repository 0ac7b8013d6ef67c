/**
 * The queue of builds: rows that no worker has yet, the oldest first. Every node that builds looks at it when something
 * changed, and gives each build that finds room to a worker, itself or another; one transaction checks that the room is
 * still there. No worker ever has more than it offers, whoever looks at the same time.
 */

import type { Kysely } from 'kysely';
import {
  explainWaiting,
  fits,
  placeBuilds,
  type Placement,
  type Pool,
  type Waiting,
} from '#core/build/placing.ts';
import type { Placing, Room } from './room.ts';
import { tables } from './tables.ts';
import { BUILDS_TOPIC, slots } from './workers.ts';

/** How often the queue is looked at while builds of this node wait in it, should no call have come. */
const LOOK_MS = 5_000;
/** Builds that are looked at together. */
const LOOKED_AT_MAX = 500;

/** Somebody else changed the queue, or what was free. */
class Moved extends Error {
  override readonly name = 'Moved';
}

export function createPlacing(room: Room): Placing {
  const { database, clock, log } = room.house;
  const waiters = new Map<string, () => void>();
  let isLooking = false;
  let isWanted = false;
  let cancel = () => {};

  function look(): void {
    isWanted = true;
    if (isLooking || waiters.size === 0) return;
    isLooking = true;
    cancel();
    void lookWhileWanted().finally(() => {
      isLooking = false;
      if (waiters.size === 0) return;
      if (isWanted) look();
      else cancel = clock.callAt(clock.now() + LOOK_MS, look);
    });
  }

  async function lookWhileWanted(): Promise<void> {
    try {
      while (isWanted) {
        isWanted = false;
        const waiting = await readQueue(database.read);
        const ids = new Set(waiting.map((build) => build.id));
        const isWhole = waiting.length < LOOKED_AT_MAX;
        for (const [id, leave] of waiters) if (isWhole && !ids.has(id)) leave();
        if (waiting.length === 0) return;
        const pools = await readPools(room, database.read);
        for (const placement of placeBuilds(waiting, await slots(room), pools)) {
          await bind(placement);
          waiters.get(placement.build.id)?.();
        }
      }
    } catch (error) {
      if (error instanceof Moved) isWanted = true;
      else log.error('the queue of builds could not be looked at', { error });
    }
  }

  async function bind({ build, worker }: Placement): Promise<void> {
    const { id, name } = worker;
    const event = { type: 'BuildPlaced', worker: { id, name } } as const;
    await room.house.engine.send(room.machine(), build.id, event, async (transaction) => {
      const [first] = await readQueue(transaction, build.id);
      const slot = (await slots(room, transaction)).find((each) => each.id === id);
      const pool = (await readPools(room, transaction)).get(build.pool);
      const isFull = pool !== undefined && pool.running >= pool.buildsMax;
      if (!first || !slot || !fits(build, slot) || isFull) throw new Moved();
      await tables(transaction)
        .updateTable('codebuild_build')
        .set({ worker_id: id })
        .where('build_id', '=', build.id)
        .execute();
    });
  }

  return {
    look,
    listen() {
      database.notices?.listen((text) => {
        if (text === undefined || text === BUILDS_TOPIC) look();
      });
    },
    wait(id, signal) {
      return new Promise((resolve, reject) => {
        const leave = () => {
          waiters.delete(id);
          signal.removeEventListener('abort', stop);
          resolve();
        };
        const stop = () => {
          waiters.delete(id);
          reject(signal.reason as Error);
        };
        if (signal.aborted) return stop();
        signal.addEventListener('abort', stop, { once: true });
        waiters.set(id, leave);
        look();
      });
    },
    async explain(id) {
      const waiting = await readQueue(database.read);
      const build = waiting.find((each) => each.id === id);
      if (!build) return undefined;
      const inPool = waiting.filter((each) => each.pool === build.pool);
      const pools = await readPools(room, database.read);
      return explainWaiting(build, inPool.indexOf(build), await slots(room), pools.get(build.pool));
    },
  };
}

/** The builds that wait; or that one, if it does. */
async function readQueue(kysely: Kysely<unknown>, id?: string): Promise<Waiting[]> {
  let query = tables(kysely)
    .selectFrom('codebuild_build')
    .select(['build_id', 'cpus', 'memory_bytes', 'pool'])
    .where('is_complete', '=', 0)
    .where('worker_id', 'is', null);
  if (id !== undefined) query = query.where('build_id', '=', id);
  const rows = await query.orderBy('started_at').orderBy('build_id').limit(LOOKED_AT_MAX).execute();
  return rows.map((row) => ({
    id: row.build_id,
    cpus: row.cpus ?? 0,
    memoryBytes: row.memory_bytes ?? 0,
    pool: row.pool ?? '',
  }));
}

/** Pools with a limit, and how many builds each has running. */
async function readPools(room: Room, kysely: Kysely<unknown>): Promise<ReadonlyMap<string, Pool>> {
  const limits = await room.poolLimits(kysely);
  if (limits.size === 0) return new Map();
  const rows = await tables(kysely)
    .selectFrom('codebuild_build')
    .select((eb) => ['pool', eb.fn.countAll<number>().as('count')])
    .where('is_complete', '=', 0)
    .where('worker_id', 'is not', null)
    .groupBy('pool')
    .execute();
  const running = new Map(rows.map(({ pool, count }) => [pool ?? '', Number(count)]));
  const entries = [...limits].map(
    ([name, buildsMax]) => [name, { buildsMax, running: running.get(name) ?? 0 }] as const,
  );
  return new Map(entries);
}
