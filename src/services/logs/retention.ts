/** Removes events that are older than their group keeps them: at the start, and every hour. Readers never see them. */

import type { House } from '#services/service.ts';
import { keptSince } from './room.ts';
import { tables } from './tables.ts';

const PERIOD_MS = 3_600_000;

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
      await database.transaction(async (transaction) => {
        const rows = tables(transaction);
        await rows
          .deleteFrom('logs_event')
          .where('at', '<', before)
          .where(
            'stream_id',
            'in',
            rows.selectFrom('logs_stream').select('stream_id').where('group_name', '=', group.name),
          )
          .execute();
      });
    }
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
