/** Removes notices that have ended, after the time in which their events might be heard again. */

import type { House } from '#services/service.ts';
import { createSweep, type Sweep } from '#services/sweep.ts';
import type { NoticeMachine } from './room.ts';
import { tables } from './tables.ts';

const PERIOD_MS = 60_000;
const KEPT_MS = 3_600_000;
const NOTICES_MAX = 200;

export function createNoticeSweep(house: House, machine: NoticeMachine): Sweep {
  const { database, clock, engine } = house;
  return createSweep(house, PERIOD_MS, 'old notices could not be removed', async (isStopped) => {
    while (!isStopped() && (await removeEnded()));
  });

  /** True when there may be more. */
  async function removeEnded(): Promise<boolean> {
    const ended = await tables(database)
      .selectFrom('notifications_notice')
      .select('notice_id')
      .where('ended_at', '<', clock.now() - KEPT_MS)
      .limit(NOTICES_MAX)
      .execute();
    if (ended.length === 0) return false;
    const ids = ended.map((row) => row.notice_id);
    for (const id of ids) await engine.forget(machine, id);
    await database.transaction(async (transaction) => {
      await tables(transaction).deleteFrom('notifications_notice').where('notice_id', 'in', ids).execute();
    }, 'snapshot');
    return ended.length === NOTICES_MAX;
  }
}
