/**
 * Keeps the history bounded: 90 days, a number of events, and a size; whichever is reached first takes the oldest away.
 * Runs now and then in short transactions, so that calls never wait for it.
 */

import { sql } from 'kysely';
import type { House } from '#services/service.ts';
import { readRows, withTables } from './tables.ts';

const DAY_MS = 86_400_000;
/** As on AWS. */
export const HISTORY_MS = 90 * DAY_MS;
/** Data events that no trail came for: it is broken, or was deleted. */
const DATA_MS_MAX = 7 * DAY_MS;
const PERIOD_MS = 3_600_000;
/** Events of one transaction. */
const LOT = 500;

export interface RetentionLimits {
  readonly eventsMax: number;
  /** Characters of records. */
  readonly sizeMax: number;
}

export const retentionLimits: RetentionLimits = { eventsMax: 1_000_000, sizeMax: 2 * 1024 ** 3 };

export interface Retention {
  start(): void;
  /** One sweep; for tests, too. */
  sweep(): Promise<void>;
  stop(): Promise<void>;
}

export function createRetention(house: House, limits: RetentionLimits = retentionLimits): Retention {
  const { clock, database, log } = house;
  let cancel = () => {};
  let running: Promise<void> | undefined;
  let isStopped = false;

  async function sweep(): Promise<void> {
    const now = clock.now();
    await deleteBefore(
      Math.max(now - HISTORY_MS, await overflow('cloudtrail_event', 'at')),
      'cloudtrail_event',
    );
    const data = await overflow('cloudtrail_data_event', 'stored_at');
    await deleteBefore(Math.max(now - DATA_MS_MAX, data), 'cloudtrail_data_event');
  }

  /** Events before this time are too many, or too large together; 0 if none are. */
  async function overflow(
    table: 'cloudtrail_event' | 'cloudtrail_data_event',
    column: 'at' | 'stored_at',
  ): Promise<number> {
    const rows = database.read;
    const total = await sql<{ events: number; size: number | null }>`
      select count(*) as events, sum(size) as size from ${sql.table(table)}`.execute(rows);
    const { events = 0, size = 0 } = total.rows[0] ?? {};
    const share = Math.max(events / limits.eventsMax, (size ?? 0) / limits.sizeMax);
    if (share <= 1) return 0;
    // The oldest go, as many as their average size asks for; the next sweep corrects what that misses.
    const excess = Math.ceil(events - events / share);
    const oldest = await sql<{ at: number }>`
      select ${sql.ref(column)} as at from ${sql.table(table)}
      order by ${sql.ref(column)}, id limit 1 offset ${excess}`.execute(rows);
    return oldest.rows[0]?.at ?? 0;
  }

  async function deleteBefore(
    before: number,
    table: 'cloudtrail_event' | 'cloudtrail_data_event',
  ): Promise<void> {
    const column = table === 'cloudtrail_event' ? 'at' : 'stored_at';
    for (;;) {
      if (isStopped) return;
      const ids = await readRows(database)
        .selectFrom(table)
        .select('id')
        .where(column, '<', before)
        .orderBy(column)
        .limit(LOT)
        .execute();
      if (ids.length === 0) break;
      await database.transaction(async (transaction) => {
        const lot = ids.map(({ id }) => id);
        await withTables(transaction).deleteFrom(table).where('id', 'in', lot).execute();
      }, 'snapshot');
    }
    if (table === 'cloudtrail_event') await deleteResourcesBefore(before);
  }

  async function deleteResourcesBefore(before: number): Promise<void> {
    for (let cut = 0; cut < before && !isStopped;) {
      const next = await readRows(database)
        .selectFrom('cloudtrail_resource')
        .select('at')
        .where('at', '<', before)
        .orderBy('at')
        .limit(1)
        .offset(LOT)
        .executeTakeFirst();
      cut = next ? next.at + 1 : before;
      await database.transaction(async (transaction) => {
        await withTables(transaction).deleteFrom('cloudtrail_resource').where('at', '<', cut).execute();
      }, 'snapshot');
    }
  }

  const run = () => {
    running = sweep()
      .catch((error: unknown) => log.error('old events could not be removed', { error }))
      .finally(() => {
        running = undefined;
        arm();
      });
  };
  const arm = () => {
    if (!isStopped) cancel = clock.callAt(clock.now() + PERIOD_MS, run);
  };
  return {
    start: arm,
    sweep,
    async stop() {
      isStopped = true;
      cancel();
      await running;
    },
  };
}
