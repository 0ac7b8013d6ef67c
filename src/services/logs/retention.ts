/** Removes events that are older than their group keeps them: at the start, and every hour. Readers never see them. */

import type { House } from '#services/service.ts';
import { keptSince } from './room.ts';
import { tables } from './tables.ts';

const PERIOD_MS = 3_600_000;
const ROWS_AT_ONCE = 5_000;

export interface Retention {
  start(): Promise<void>;
  stop(): void;
}

export function createRetention(house: House): Retention {
  const { database, clock, log } = house;
  let cancel = () => {};

  async function sweep(): Promise<void> {
    const groups = await tables(database)
      .selectFrom('logs_group')
      .selectAll()
      .where('retention_days', 'is not', null)
      .execute();
    for (const group of groups) {
      const before = keptSince(group, clock.now());
      while (await removeSome(group.name, before));
    }
  }

  /** So few at a time that writers seldom wait; whether there may be more. */
  async function removeSome(group: string, before: number): Promise<boolean> {
    const streams = tables(database)
      .selectFrom('logs_stream')
      .select('stream_id')
      .where('group_name', '=', group);
    const old = await tables(database)
      .selectFrom('logs_event')
      .select(['stream_id', 'at', 'sequence'])
      .where('at', '<', before)
      .where('stream_id', 'in', streams)
      .orderBy('at')
      .orderBy('stream_id')
      .orderBy('sequence')
      .limit(ROWS_AT_ONCE)
      .execute();
    const last = old.at(-1);
    if (!last) return false;
    await database.transaction(async (transaction) => {
      const ids = new Set(old.map((row) => row.stream_id));
      for (const id of ids) {
        const newest = old.findLast((row) => row.stream_id === id) ?? last;
        await tables(transaction)
          .deleteFrom('logs_event')
          .where('stream_id', '=', id)
          .where((eb) =>
            eb.or([
              eb('at', '<', newest.at),
              eb.and([eb('at', '=', newest.at), eb('sequence', '<=', newest.sequence)]),
            ]),
          )
          .execute();
      }
    });
    return old.length === ROWS_AT_ONCE;
  }

  const arm = () => {
    cancel = clock.callAt(clock.now() + PERIOD_MS, () => {
      sweep()
        .catch((error: unknown) => log.error('old log events could not be removed', { error }))
        .finally(arm);
    });
  };
  return {
    async start() {
      await sweep();
      arm();
    },
    stop: () => cancel(),
  };
}
