/** What fleets bound: how many of the builds of each may run at the same time, and how many do. */

import type { Kysely } from 'kysely';
import type { Database } from '#store/database.ts';
import { tables } from '#services/codebuild/tables.ts';
import { capacityOf } from './settings.ts';
import { fleetTables, settingsOfFleet } from './tables.ts';

/** By ARN. A fleet that lets builds run outside of it has no limit: those beyond its capacity are as any others. */
export async function readFleetLimits(kysely: Kysely<unknown>): Promise<ReadonlyMap<string, number>> {
  const fleets = await fleetTables(kysely).selectFrom('codebuild_fleet').selectAll().execute();
  return new Map(
    fleets
      .map((row) => [row.arn, settingsOfFleet(row)] as const)
      .filter(([, settings]) => settings.overflowBehavior !== 'ON_DEMAND')
      .map(([arn, settings]) => [arn, capacityOf(settings)]),
  );
}

/** Builds of the fleet that a worker has. */
export async function busyIn(database: Database | Kysely<unknown>, arn: string): Promise<number> {
  const { count } = await tables(database)
    .selectFrom('codebuild_build')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('pool', '=', arn)
    .where('is_complete', '=', 0)
    .where('worker_id', 'is not', null)
    .executeTakeFirstOrThrow();
  return Number(count);
}
