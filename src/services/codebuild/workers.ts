/**
 * The nodes that run builds, as they know of each other: each writes a sign of life with what it offers. Who has been
 * silent for a minute is given up by any node that was not deaf meanwhile: what was ordered there is set free, and
 * whoever takes it finds itself elsewhere and tells the build (`run.ts`). On SQLite there is one node.
 *
 *   beats every 10 s ─┬─ 30 s silent: gets no new builds
 *                    └─ 60 s silent: its builds are lost
 */

import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Kysely } from 'kysely';
import type { Need, Slots } from '#core/build/placing.ts';
import { createSweep } from '#services/sweep.ts';
import type { Room, SignsOfLife } from './room.ts';
import { sandboxTables } from './sandboxes/tables.ts';
import { tables } from './tables.ts';

/** Rows of workers that nobody has heard of for so long are removed. */
const FORGOTTEN_MS = 7 * 24 * 3_600_000;
/** What nodes tell each other when places for builds may have become free. */
export const BUILDS_TOPIC = 'builds';

export const SIGNS_OF_LIFE: SignsOfLife = { beatMs: 10_000, freshMs: 30_000, lostMs: 60_000 };

/** What the operator lets this node do: `undefined` for as many builds as fit, 0 for no new ones. */
export interface Offer {
  readonly buildsMax: number | undefined;
  readonly signs: Partial<SignsOfLife>;
}

export interface Workers {
  /** False once the others may have given this node up; until it has spoken again it must not begin anything. */
  isHeard(): boolean;
  /** Tells the others that this node is there, before it takes anything, and goes on telling. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * The workers that take builds, with what each offers and what its builds have taken: the ground of every admission,
 * also of fleets. A fleet is a pool (`codebuild_build.pool`, the fleet's ARN): give a build its pool where it is kept
 * (`keepBuild`), and the pool its limit in `Room.poolLimits`; FIFO, waiting and explaining come with it. `slots(room)`
 * tells whether any worker is alive, and so whether a fleet is ACTIVE or lacks capacity.
 */
export async function slots(
  room: Room,
  kysely: Kysely<unknown> = room.house.database.read,
): Promise<Slots[]> {
  const { database, clock } = room.house;
  const workers = await tables(kysely).selectFrom('codebuild_worker').selectAll().execute();
  const isAlive = ({ worker_id, beat_at }: (typeof workers)[number]) =>
    database.dialect === 'sqlite'
      ? worker_id === room.workplace.id
      : beat_at > clock.now() - room.signs.freshMs;
  const builds = await tables(kysely)
    .selectFrom('codebuild_build')
    .select(['worker_id', 'cpus', 'memory_bytes'])
    .where('is_complete', '=', 0)
    .where('worker_id', 'is not', null)
    .execute();
  return workers.filter(isAlive).map((worker) => ({
    id: worker.worker_id,
    name: worker.name,
    cpus: worker.cpus,
    memoryBytes: worker.memory_bytes,
    ...(worker.builds_max === null ? {} : { buildsMax: worker.builds_max }),
    taken: builds
      .filter((build) => build.worker_id === worker.worker_id)
      .map((build): Need => ({ cpus: build.cpus ?? 0, memoryBytes: build.memory_bytes ?? 0 })),
  }));
}

/** `isOver` says of the folder of a build that nobody will need it again. */
export function createWorkers(
  room: Room,
  offer: Offer,
  isOver: (folder: string) => Promise<boolean>,
): Workers {
  const { house, workplace, signs } = room;
  const { database, clock, log, engine } = house;
  const isShared = database.dialect === 'postgres';
  const startedAt = clock.now();
  let livedAt = 0;
  /** Since when this node has heard and been heard without a gap; who was deaf cannot judge the silence of others. */
  let steadySince = Infinity;

  async function beat(isNew: boolean, buildsMax = offer.buildsMax): Promise<void> {
    const values = {
      name: workplace.name,
      started_at: startedAt,
      beat_at: clock.now(),
      cpus: availableParallelism(),
      memory_bytes: totalmem(),
      builds_max: buildsMax ?? null,
    };
    await database.transaction(async (transaction) => {
      const rows = tables(transaction);
      await rows
        .insertInto('codebuild_worker')
        .values({ worker_id: workplace.id, ...values })
        .onConflict((conflict) => conflict.column('worker_id').doUpdateSet(values))
        .execute();
      await rows
        .deleteFrom('codebuild_worker')
        .where('beat_at', '<', values.beat_at - FORGOTTEN_MS)
        .execute();
      // Builds may have waited for it.
      if (isNew) await database.notices?.tell(transaction, BUILDS_TOPIC);
    });
  }

  async function aliveWorkers(kysely: Kysely<unknown>): Promise<Set<string>> {
    const heard = await tables(kysely)
      .selectFrom('codebuild_worker')
      .select('worker_id')
      .where('beat_at', '>', clock.now() - signs.lostMs)
      .execute();
    const alive = new Set(isShared ? heard.map((worker) => worker.worker_id) : []);
    return alive.add(workplace.id);
  }

  /** Silent workers that have builds. */
  async function findLost(): Promise<Set<string>> {
    const alive = await aliveWorkers(database.read);
    const bound = await tables(database)
      .selectFrom('codebuild_build')
      .select('worker_id')
      .distinct()
      .where('is_complete', '=', 0)
      .where('worker_id', 'is not', null)
      .execute();
    const sandboxes = await sandboxTables(database.read)
      .selectFrom('codebuild_sandbox')
      .select('worker_id')
      .distinct()
      .where('is_complete', '=', 0)
      .where('worker_id', 'is not', null)
      .execute();
    const all = [...bound, ...sandboxes];
    return new Set(all.flatMap(({ worker_id: id }) => (id === null || alive.has(id) ? [] : [id])));
  }

  /** Whoever takes what was ordered there, this node or another, tells the build that it is lost. */
  async function giveUp(workerId: string): Promise<void> {
    log.warn('a worker gives no sign of life, and its builds are lost', { workerId });
    await engine.leavePlace(
      workerId,
      async (transaction) => !(await aliveWorkers(transaction)).has(workerId),
    );
  }

  /** A folder that has just been made may not be known yet. */
  async function removeLeftovers(ageMs: number): Promise<void> {
    const builds = join(workplace.directory, 'codebuild', 'builds');
    for (const folder of existsSync(builds) ? readdirSync(builds) : []) {
      const path = join(builds, folder);
      const madeAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
      if (madeAt > clock.now() - ageMs || !(await isOver(folder))) continue;
      await room.runtime.kill(path, 0);
      rmSync(path, { recursive: true, force: true });
    }
  }

  async function live(): Promise<void> {
    const now = clock.now();
    if (now - livedAt > signs.freshMs) steadySince = now;
    const isNew = now - livedAt > signs.freshMs;
    await beat(isNew);
    const lost = await findLost();
    livedAt = now;
    await removeLeftovers(signs.lostMs);
    const canJudge = !isShared || now - steadySince >= signs.lostMs;
    for (const workerId of canJudge ? lost : []) await giveUp(workerId);
  }
  const sweep = createSweep(house, signs.beatMs, 'this node could give no sign of life', live);

  return {
    isHeard: () => !isShared || clock.now() - livedAt < signs.lostMs,
    async start() {
      await removeLeftovers(0);
      await live();
      if (isShared) sweep.start();
    },
    async stop() {
      await sweep.stop();
      if (!isShared) return;
      // Whoever starts here within a minute goes on with the builds; until then there are no new ones.
      await beat(false, 0).catch((error: unknown) => log.warn('the last sign of life failed', { error }));
    },
  };
}
