/**
 * Lets data grow coarser with its age, and removes what is too old: data, metrics without any, history, and the notes of
 * events that were heard. In lots, each in one transaction, so that no lot is done twice or half.
 */

import { RESOLUTIONS, periodStart } from '#core/metric/period.ts';
import type { Aggregate } from '#core/metric/aggregate.ts';
import type { House } from '#services/service.ts';
import { createSweep, type Sweep } from '#services/sweep.ts';
import { addToPeriod } from './data.ts';
import { tables } from './tables.ts';

const PERIOD_MS = 600_000;
const LOT = 500;
const DAY_MS = 86_400_000;
/** AWS keeps the history of alarms for so long. */
const HISTORY_KEPT_MS = 30 * DAY_MS;
const HEARD_KEPT_MS = DAY_MS;

export function createRetention(house: House): Sweep {
  const { database, clock } = house;
  return createSweep(house, PERIOD_MS, 'old metric data could not be put away', sweep);

  async function sweep(isStopped: () => boolean): Promise<void> {
    for (const [index, { seconds, keptMs }] of RESOLUTIONS.entries()) {
      const next = RESOLUTIONS[index + 1]?.seconds;
      const before = clock.now() - keptMs;
      // Whole periods of the next resolution only, so that a period is not of both.
      const until = next === undefined ? before : periodStart(before, next);
      while (!isStopped() && (await coarsen(seconds, next, until)) === LOT);
    }
    await removeOld();
  }

  /** How many rows it took. */
  function coarsen(resolution: number, next: number | undefined, until: number): Promise<number> {
    return database.transaction(async (transaction) => {
      const rows = tables(transaction);
      const lot = await rows
        .selectFrom('cloudwatch_datum')
        .selectAll()
        .where('resolution', '=', resolution)
        .where('at', '<', until)
        .orderBy('at')
        .limit(LOT)
        .execute();
      for (const row of lot) {
        if (next !== undefined) {
          const aggregate = JSON.parse(row.aggregate) as Aggregate;
          const period = { at: periodStart(row.at, next), resolution: next, unit: row.unit, aggregate };
          await addToPeriod(transaction, row.metric_id, period);
        }
        await rows
          .deleteFrom('cloudwatch_datum')
          .where('metric_id', '=', row.metric_id)
          .where('at', '=', row.at)
          .where('resolution', '=', row.resolution)
          .where('unit', '=', row.unit)
          .execute();
      }
      return lot.length;
    });
  }

  async function removeOld(): Promise<void> {
    const now = clock.now();
    const oldest = Math.max(...RESOLUTIONS.map(({ keptMs }) => keptMs));
    await database.transaction(async (transaction) => {
      const rows = tables(transaction);
      await rows
        .deleteFrom('cloudwatch_metric')
        .where('last_at', '<', now - oldest)
        .execute();
      await rows
        .deleteFrom('cloudwatch_history')
        .where('at', '<', now - HISTORY_KEPT_MS)
        .execute();
      await rows
        .deleteFrom('cloudwatch_heard')
        .where('at', '<', now - HEARD_KEPT_MS)
        .execute();
    });
  }
}
