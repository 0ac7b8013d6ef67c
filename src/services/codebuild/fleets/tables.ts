/** Fleets as they rest: what they were configured with. What they are is found by looking at the house. */

import type { Fleet } from '@aws-sdk/client-codebuild';
import type { Kysely } from 'kysely';
import type { Migration } from '#engine/machine.ts';
import type { Database } from '#store/database.ts';

export type FleetTables = { codebuild_fleet: FleetRow };

export type FleetRow = {
  arn: string;
  name: string;
  created_at: number;
  modified_at: number;
  /** JSON of `FleetSettings`. */
  settings: string;
};

/** A fleet without its name and times, in the shapes of the API. */
export type FleetSettings = Omit<Fleet, 'arn' | 'name' | 'id' | 'created' | 'lastModified' | 'status'>;

export function fleetTables(database: Database | Kysely<unknown>): Kysely<FleetTables> {
  return ('read' in database ? database.read : database).withTables<FleetTables>();
}

export function settingsOfFleet(row: FleetRow): FleetSettings {
  return JSON.parse(row.settings) as FleetSettings;
}

/** By name or ARN. */
export async function findFleet(
  database: Database | Kysely<unknown>,
  nameOrArn: string,
): Promise<FleetRow | undefined> {
  return fleetTables(database)
    .selectFrom('codebuild_fleet')
    .selectAll()
    .where(nameOrArn.startsWith('arn:') ? 'arn' : 'name', '=', nameOrArn)
    .executeTakeFirst();
}

export const fleetMigration: Migration = {
  name: 'codebuild/010-fleets',
  async up(database) {
    await database.schema
      .createTable('codebuild_fleet')
      .addColumn('arn', 'text', (column) => column.primaryKey())
      .addColumn('name', 'text', (column) => column.notNull().unique())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('modified_at', 'bigint', (column) => column.notNull())
      .addColumn('settings', 'text', (column) => column.notNull())
      .execute();
  },
};
