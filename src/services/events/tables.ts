/** The rows of this room. Deliveries, schedules and replays in progress live in machines. */

import { type Kysely, sql } from 'kysely';
import type { Migration } from '#engine/machine.ts';
import type { Database } from '#store/database.ts';

export type Tables = {
  events_bus: BusRow;
  events_rule: RuleRow;
  events_target: TargetRow;
  events_archive: ArchiveRow;
  events_archived: ArchivedRow;
  events_replay: ReplayRow;
  events_generation: GenerationRow;
};

/** Rises with every change of rules, targets and archives, so that a node sees that it must read them again. */
export type GenerationRow = { id: number; generation: number };

export type BusRow = {
  name: string;
  description: string | null;
  /** JSON of a policy document. */
  policy: string | null;
  /** JSON map. */
  tags: string;
  created_at: number;
  changed_at: number;
};

export type RuleRow = {
  /** A new rule with a deleted one's name has a new id, and so a schedule of its own. */
  rule_id: string;
  bus: string;
  name: string;
  pattern: string | null;
  schedule: string | null;
  state: string;
  description: string | null;
  role_arn: string | null;
  /** The service that made it, and alone may change it. */
  managed_by: string | null;
  created_by: string;
  tags: string;
};

export type TargetRow = {
  rule_id: string;
  target_id: string;
  arn: string;
  /** JSON of the target as it was put. */
  definition: string;
};

export type ArchiveRow = {
  archive_id: string;
  name: string;
  bus: string;
  pattern: string | null;
  description: string | null;
  /** 0 for ever. */
  retention_days: number;
  created_at: number;
};

export type ArchivedRow = {
  archive_id: string;
  /** The event's own time. */
  at: number;
  event_id: string;
  event: string;
  size: number;
  archived_at: number;
};

export type ReplayRow = {
  name: string;
  state: string;
  archive_arn: string;
  started_at: number;
  /** JSON of `ReplayState`. */
  facts: string;
};

export function tables(database: Database | Kysely<unknown>): Kysely<Tables> {
  return ('read' in database ? database.read : database).withTables<Tables>();
}

export const migrations: readonly Migration[] = [
  { name: 'events/001-rules', up: createRules },
  { name: 'events/002-archives', up: createArchives },
];

async function createRules(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema
    .createTable('events_generation')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('generation', 'bigint', (column) => column.notNull())
    .execute();
  await tables(database).insertInto('events_generation').values({ id: 1, generation: 0 }).execute();
  await schema
    .createTable('events_bus')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('description', 'text')
    .addColumn('policy', 'text')
    .addColumn('tags', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('changed_at', 'bigint', (column) => column.notNull())
    .execute();
  await schema
    .createTable('events_rule')
    .addColumn('rule_id', 'text', (column) => column.primaryKey())
    .addColumn('bus', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('pattern', 'text')
    .addColumn('schedule', 'text')
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('description', 'text')
    .addColumn('role_arn', 'text')
    .addColumn('managed_by', 'text')
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('tags', 'text', (column) => column.notNull())
    .addUniqueConstraint('events_rule_name', ['bus', 'name'])
    .execute();
  await schema
    .createTable('events_target')
    .addColumn('rule_id', 'text', (column) => column.notNull())
    .addColumn('target_id', 'text', (column) => column.notNull())
    .addColumn('arn', 'text', (column) => column.notNull())
    .addColumn('definition', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('events_target_key', ['rule_id', 'target_id'])
    .execute();
  await sql`create index events_target_arn on events_target (arn)`.execute(database);
}

async function createArchives(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema
    .createTable('events_archive')
    .addColumn('archive_id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('bus', 'text', (column) => column.notNull())
    .addColumn('pattern', 'text')
    .addColumn('description', 'text')
    .addColumn('retention_days', 'bigint', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
  await schema
    .createTable('events_archived')
    .addColumn('archive_id', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('event_id', 'text', (column) => column.notNull())
    .addColumn('event', 'text', (column) => column.notNull())
    .addColumn('size', 'bigint', (column) => column.notNull())
    .addColumn('archived_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('events_archived_key', ['archive_id', 'at', 'event_id'])
    .execute();
  await schema
    .createTable('events_replay')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('archive_arn', 'text', (column) => column.notNull())
    .addColumn('started_at', 'bigint', (column) => column.notNull())
    .addColumn('facts', 'text', (column) => column.notNull())
    .execute();
}
