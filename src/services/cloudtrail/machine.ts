/** The machine of a trail: its decider from core, its effects, and the row beside it. */

import { trailDecider } from '#core/trail/decide.ts';
import type { House } from '#services/service.ts';
import { deliverLogs } from './delivering.ts';
import { writeDigest } from './digests.ts';
import type { Room } from './room.ts';
import { withTables } from './tables.ts';

export function createTrailMachine(house: House): Room['trails'] {
  return {
    kind: 'cloudtrail.trail',
    decider: trailDecider,
    effects: { DeliverLogs: deliverLogs(house), WriteDigest: writeDigest(house) },
    async record(transaction, { id, after }) {
      const rows = withTables(transaction);
      if (after.isDeleted) {
        await rows.deleteFrom('cloudtrail_trail').where('name', '=', id).execute();
        return;
      }
      const row = { is_logging: after.isLogging ? 1 : 0, selectors: JSON.stringify(after.selectors) };
      await rows
        .insertInto('cloudtrail_trail')
        .values({ name: id, ...row })
        .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
        .execute();
    },
  };
}
