/**
 * Secrets that are deleted: marked for some days in which they can come back, and then, or at once by force, gone with
 * all their versions. Whoever looks after that time finds nothing, also before the sweep has passed by.
 */

import type { Kysely } from 'kysely';
import type { Handler, House } from '#services/service.ts';
import { createSweep, type Sweep } from '#services/sweep.ts';
import {
  findSecret,
  invalidParameter,
  invalidRequest,
  permissionFor,
  requireAgain,
  requireSecret,
  secretNotFound,
  type Room,
} from './room.ts';
import { withTables } from './tables.ts';

type Secrets<Operation extends string> = Handler<'secretsmanager', Operation>;

const DAY_MS = 86_400_000;
const WINDOW_DAYS_MIN = 7;
const WINDOW_DAYS_MAX = 30;
const SWEEP_MS = 60_000;
const SWEPT_AT_ONCE = 100;

export function removingOperations(room: Room) {
  const { house } = room;
  const { database } = house;

  const DeleteSecret: Secrets<'DeleteSecret'> = async (call, input) => {
    const id = input.SecretId ?? '';
    const force = input.ForceDeleteWithoutRecovery === true;
    const row = await findSecret(room, database.read, id);
    const days = input.RecoveryWindowInDays;
    await call.authorize(
      permissionFor(room, 'DeleteSecret', id, row, {
        'secretsmanager:ForceDeleteWithoutRecovery': String(force),
        ...(days === undefined ? {} : { 'secretsmanager:RecoveryWindowInDays': String(days) }),
      }),
    );
    checkWindow(days, force);
    // As on AWS: what is to be gone at once may be gone already.
    if (!row && force) return { Name: id, DeletionDate: new Date(call.at) };
    if (!row) throw secretNotFound();
    const deleteAt = force ? call.at : call.at + (days ?? WINDOW_DAYS_MAX) * DAY_MS;
    await database.transaction(async (transaction) => {
      const there = await requireAgain(room, transaction, row);
      if (force) return removeRows(transaction, row.arn);
      if (there.delete_at !== null) {
        throw invalidRequest(
          "You tried to perform the operation on a secret that's currently marked deleted.",
        );
      }
      await mark(transaction, row.arn, deleteAt);
    });
    return { ARN: row.arn, Name: row.name, DeletionDate: new Date(deleteAt) };
  };

  const RestoreSecret: Secrets<'RestoreSecret'> = async (call, input) => {
    const row = await requireSecret(room, call, 'RestoreSecret', input.SecretId);
    await database.transaction(async (transaction) => {
      await requireAgain(room, transaction, row);
      await mark(transaction, row.arn, null);
    });
    return { ARN: row.arn, Name: row.name };
  };

  return { DeleteSecret, RestoreSecret };
}

function checkWindow(days: number | undefined, force: boolean): void {
  if (days === undefined) return;
  if (force) {
    throw invalidParameter(
      "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
    );
  }
  if (days >= WINDOW_DAYS_MIN && days <= WINDOW_DAYS_MAX) return;
  throw invalidParameter(
    `The RecoveryWindowInDays value must be between ${WINDOW_DAYS_MIN} and ${WINDOW_DAYS_MAX} days (inclusive).`,
  );
}

async function mark(transaction: Kysely<unknown>, arn: string, deleteAt: number | null): Promise<void> {
  await withTables(transaction)
    .updateTable('secretsmanager_secret')
    .set({ delete_at: deleteAt })
    .where('arn', '=', arn)
    .execute();
}

export async function removeRows(transaction: Kysely<unknown>, arn: string): Promise<void> {
  for (const table of ['secretsmanager_stage', 'secretsmanager_version', 'secretsmanager_secret'] as const) {
    await withTables(transaction).deleteFrom(table).where('arn', '=', arn).execute();
  }
}

export function createSecretSweep(house: House): Sweep {
  const { database, clock } = house;
  return createSweep(house, SWEEP_MS, 'deleted secrets could not be removed', async (isStopped) => {
    while (!isStopped() && (await removeOver())) {
      // Until none is left; each round is a transaction of its own.
    }
  });

  /** True when there may be more. */
  async function removeOver(): Promise<boolean> {
    return database.transaction(async (transaction) => {
      const over = await withTables(transaction)
        .selectFrom('secretsmanager_secret')
        .select('arn')
        .where('delete_at', '<=', clock.now())
        .limit(SWEPT_AT_ONCE)
        .execute();
      for (const { arn } of over) await removeRows(transaction, arn);
      return over.length === SWEPT_AT_ONCE;
    });
  }
}
