/** Removes notices that have ended, after the time in which their events might be heard again. */

import type { House } from '#services/service.ts';
import type { NoticeMachine } from './room.ts';
import { tables } from './tables.ts';

const PERIOD_MS = 60_000;
const KEPT_MS = 3_600_000;
const NOTICES_MAX = 200;

export interface Sweep {
  start(): void;
  stop(): Promise<void>;
}

export function createSweep(house: House, machine: NoticeMachine): Sweep {
  const { database, clock, log, engine } = house;
  let cancel = () => {};
  let isStopped = false;
  let running = Promise.resolve();

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

  async function sweep(): Promise<void> {
    while (!isStopped && (await removeEnded()));
  }

  const arm = () => {
    cancel = clock.callAt(clock.now() + PERIOD_MS, () => {
      running = sweep()
        .catch((error: unknown) => log.error('old notices could not be removed', { error }))
        .then(() => (isStopped ? undefined : arm()));
    });
  };
  return {
    start: arm,
    async stop() {
      isStopped = true;
      cancel();
      await running;
    },
  };
}
