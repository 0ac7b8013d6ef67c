/**
 * How nodes call each other: whoever leaves an effect for others says so, and those who would take it look at once. It
 * is the sweep that finds effects; a call that gets lost costs one period of it.
 */

import type { Kysely } from 'kysely';
import type { Context } from './context.ts';
import { runStatement } from './tables.ts';
import type { EffectRow } from './tables.ts';

const TOPIC = 'effects';

/** Inside the transaction that leaves the effect. */
export async function tellOthers(
  { database }: Context,
  transaction: Kysely<unknown>,
  { kind, place }: Pick<EffectRow, 'kind' | 'place'>,
): Promise<void> {
  await database.notices?.tell(transaction, `${TOPIC} ${kind} ${place ?? ''}`);
}

/** Runs a statement that lets go of effects and returns what they are, and says so. */
export async function freeEffects(
  context: Context,
  transaction: Kysely<unknown>,
  sql: string,
  parameters: readonly unknown[],
): Promise<void> {
  const { rows } = await runStatement<{ kind: string; place?: string | null }>(transaction, sql, parameters);
  const freed = new Map(rows.map(({ kind, place = null }) => [`${kind} ${place ?? ''}`, { kind, place }]));
  for (const each of freed.values()) await tellOthers(context, transaction, each);
}

/** Frees what nodes hold that have ended. */
export async function freeGone(context: Context, isGone: (node: string) => boolean): Promise<void> {
  const { database, statements, clock } = context;
  const { rows } = await runStatement<{ owner: string }>(database.read, statements.owners, []);
  for (const { owner } of rows.filter((row) => isGone(row.owner.slice(0, row.owner.lastIndexOf('/'))))) {
    await database.transaction(async (transaction) => {
      await freeEffects(context, transaction, statements.releaseEffects, [clock.now(), owner]);
    }, 'snapshot');
  }
}

export function listenToOthers({ database, takes }: Context, look: () => void): void {
  database.notices?.listen((text) => {
    if (text === undefined) return look();
    const [topic, kind = '', place = ''] = text.split(' ', 3);
    if (topic === TOPIC && takes(kind, place === '' ? null : place)) look();
  });
}
