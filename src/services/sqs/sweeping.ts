/** Removes, in the background and piece by piece, messages that nobody can receive any more. */

import type { House } from '#services/service.ts';
import { createSweep, type Sweep } from '#services/sweep.ts';
import { tables } from './tables.ts';

const PERIOD_MS = 60_000;
/** Rows of one transaction, so that nobody waits long for the writer. */
const ROWS_MAX = 500;

export function createMessageSweep(house: House): Sweep {
  const { database, clock } = house;
  return createSweep(house, PERIOD_MS, 'old messages could not be removed', async (isStopped) => {
    while (!isStopped() && ((await removeExpired()) || (await removeAbandoned())));
  });

  /** True when there may be more. */
  async function removeExpired(): Promise<boolean> {
    const now = clock.now();
    const expired = await tables(database)
      .selectFrom('sqs_message')
      .select('message_id')
      .where('expires_at', '<=', now)
      .limit(ROWS_MAX)
      .execute();
    await database.transaction(async (transaction) => {
      const rows = tables(transaction);
      await rows.deleteFrom('sqs_deduplication').where('expires_at', '<=', now).execute();
      if (expired.length > 0)
        await rows.deleteFrom('sqs_message').where('message_id', 'in', idsOf(expired)).execute();
    }, 'snapshot');
    return expired.length === ROWS_MAX;
  }

  async function removeAbandoned(): Promise<boolean> {
    const queue = await tables(database).selectFrom('sqs_abandoned').selectAll().limit(1).executeTakeFirst();
    if (!queue) return false;
    const lost = await tables(database)
      .selectFrom('sqs_message')
      .select('message_id')
      .where('queue_id', '=', queue.queue_id)
      .limit(ROWS_MAX)
      .execute();
    await database.transaction(async (transaction) => {
      const rows = tables(transaction);
      if (lost.length > 0)
        await rows.deleteFrom('sqs_message').where('message_id', 'in', idsOf(lost)).execute();
      else await rows.deleteFrom('sqs_abandoned').where('queue_id', '=', queue.queue_id).execute();
    }, 'snapshot');
    return true;
  }
}

function idsOf(rows: readonly { readonly message_id: string }[]): string[] {
  return rows.map((row) => row.message_id);
}
