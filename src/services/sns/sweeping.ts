/** Removes messages whose deliveries have ended, and subscriptions that nobody confirmed in time. */

import type { House } from '#services/service.ts';
import { createSweep, type Sweep } from '#services/sweep.ts';
import type { MessageMachine } from './room.ts';
import { CONFIRMATION_MS_MAX } from './subscriptions.ts';
import { tables } from './tables.ts';

const PERIOD_MS = 30_000;
/** Late results of a message that has ended are still told from strange ones. */
const KEPT_MS = 60_000;
const MESSAGES_MAX = 200;

export function createMessageSweep(house: House, machine: MessageMachine): Sweep {
  const { database, clock, engine } = house;
  return createSweep(house, PERIOD_MS, 'old messages could not be removed', async (isStopped) => {
    await removeUnconfirmed();
    while (!isStopped() && (await removeEnded()));
  });

  async function removeUnconfirmed(): Promise<void> {
    await database.transaction(async (transaction) => {
      await tables(transaction)
        .deleteFrom('sns_subscription')
        .where('token_hash', 'is not', null)
        .where('asked_at', '<', clock.now() - CONFIRMATION_MS_MAX)
        .execute();
    }, 'snapshot');
  }

  /** True when there may be more. */
  async function removeEnded(): Promise<boolean> {
    const ended = await tables(database)
      .selectFrom('sns_message')
      .select('message_id')
      .where('ended_at', '<', clock.now() - KEPT_MS)
      .limit(MESSAGES_MAX)
      .execute();
    if (ended.length === 0) return false;
    const ids = ended.map((row) => row.message_id);
    for (const id of ids) await engine.forget(machine, id);
    await database.transaction(async (transaction) => {
      await tables(transaction).deleteFrom('sns_message').where('message_id', 'in', ids).execute();
    }, 'snapshot');
    return ended.length === MESSAGES_MAX;
  }
}
