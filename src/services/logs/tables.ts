/** The rows of the room. A group's events go with their stream; a stream counts the events it has ever taken. */

import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from '#engine/machine.ts';
import type { Database } from '#store/database.ts';

export type Tables = {
  logs_group: GroupRow;
  logs_stream: StreamRow;
  logs_event: EventRow;
  logs_metric_filter: MetricFilterRow;
  logs_metric_count: MetricCountRow;
};

export type MetricFilterRow = {
  group_name: string;
  name: string;
  pattern: string;
  /** JSON. */
  transformation: string;
  created_at: number;
};

export type MetricCountRow = {
  count_id: number;
  group_name: string;
  /** JSON: a `MetricCount`. */
  count: string;
};

export type GroupRow = {
  name: string;
  created_at: number;
  retention_days: number | null;
  /** JSON map. */
  tags: string;
};

export type StreamRow = {
  stream_id: number;
  group_name: string;
  name: string;
  created_at: number;
  first_event_at: number | null;
  last_event_at: number | null;
  last_ingestion_at: number | null;
  /** How many events it has taken; also the sequence of the next one. */
  event_count: number;
};

export type EventRow = {
  stream_id: number;
  at: number;
  sequence: number;
  ingested_at: number;
  message: string;
};

export function tables(database: Database | Kysely<unknown>): Kysely<Tables> {
  return ('read' in database ? database.read : database).withTables<Tables>();
}

export const migrations: readonly Migration[] = [
  {
    name: 'logs/001-groups-streams-events',
    async up(database) {
      await database.schema
        .createTable('logs_group')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('retention_days', 'bigint')
        .addColumn('tags', 'text', (column) => column.notNull())
        .execute();
      await database.schema
        .createTable('logs_stream')
        .addColumn('stream_id', 'bigint', (column) => column.primaryKey())
        .addColumn('group_name', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('first_event_at', 'bigint')
        .addColumn('last_event_at', 'bigint')
        .addColumn('last_ingestion_at', 'bigint')
        .addColumn('event_count', 'bigint', (column) => column.notNull())
        .addUniqueConstraint('logs_stream_name', ['group_name', 'name'])
        .execute();
      await database.schema
        .createTable('logs_event')
        .addColumn('stream_id', 'bigint', (column) => column.notNull())
        .addColumn('at', 'bigint', (column) => column.notNull())
        .addColumn('sequence', 'bigint', (column) => column.notNull())
        .addColumn('ingested_at', 'bigint', (column) => column.notNull())
        .addColumn('message', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('logs_event_key', ['stream_id', 'at', 'sequence'])
        .execute();
      await sql`create index logs_event_at on logs_event (at)`.execute(database);
    },
  },
  {
    name: 'logs/002-metric-filters',
    async up(database) {
      await database.schema
        .createTable('logs_metric_filter')
        .addColumn('group_name', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('pattern', 'text', (column) => column.notNull())
        .addColumn('transformation', 'text', (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addPrimaryKeyConstraint('logs_metric_filter_key', ['group_name', 'name'])
        .execute();
      await database.schema
        .createTable('logs_metric_count')
        .addColumn('count_id', 'bigint', (column) => column.primaryKey())
        .addColumn('group_name', 'text', (column) => column.notNull())
        .addColumn('count', 'text', (column) => column.notNull())
        .execute();
      await sql`create index logs_metric_count_group on logs_metric_count (group_name)`.execute(database);
    },
  },
];
