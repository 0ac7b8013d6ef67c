/**
 * The rows of this room. Data of a metric is one row for each period, resolution and unit in which there is any; the
 * sums and counted values of the period are one JSON. An alarm's row is a copy of its machine's state, to be listed.
 */

import { type Kysely, sql } from 'kysely';
import type { Migration } from '#engine/machine.ts';
import type { Database } from '#store/database.ts';

export type Tables = {
  cloudwatch_metric: MetricRow;
  cloudwatch_datum: DatumRow;
  cloudwatch_alarm: AlarmRow;
  cloudwatch_history: HistoryRow;
  cloudwatch_heard: { event_id: string; at: number };
};

export type MetricRow = {
  metric_id: string;
  /** See `metricKey`; orders the list of metrics. */
  metric_key: string;
  namespace: string;
  name: string;
  /** JSON of dimensions. */
  dimensions: string;
  /** The newest time of data, to the minute. */
  last_at: number;
};

export type DatumRow = {
  metric_id: string;
  /** Where the period begins. */
  at: number;
  resolution: number;
  unit: string;
  /** JSON of an `Aggregate`. */
  aggregate: string;
};

export type AlarmRow = {
  name: string;
  type: string;
  value: string;
  /** Of the one metric that it watches. */
  metric_key: string | null;
  /** JSON of `AlarmState`. */
  state: string;
  /** JSON map. */
  tags: string;
};

export type HistoryRow = {
  item_id: string;
  name: string;
  alarm_type: string;
  at: number;
  type: string;
  summary: string;
  data: string;
};

export function tables(database: Database | Kysely<unknown>): Kysely<Tables> {
  return ('read' in database ? database.read : database).withTables<Tables>();
}

export const migrations: readonly Migration[] = [
  { name: 'cloudwatch/001-metrics', up: createMetrics },
  { name: 'cloudwatch/002-alarms', up: createAlarms },
];

async function createMetrics(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema
    .createTable('cloudwatch_metric')
    .addColumn('metric_id', 'text', (column) => column.primaryKey())
    .addColumn('metric_key', 'text', (column) => column.notNull())
    .addColumn('namespace', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('dimensions', 'text', (column) => column.notNull())
    .addColumn('last_at', 'bigint', (column) => column.notNull())
    .execute();
  await sql`create index cloudwatch_metric_namespace on cloudwatch_metric (namespace, name)`.execute(
    database,
  );
  await schema
    .createTable('cloudwatch_datum')
    .addColumn('metric_id', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('resolution', 'bigint', (column) => column.notNull())
    .addColumn('unit', 'text', (column) => column.notNull())
    .addColumn('aggregate', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('cloudwatch_datum_key', ['metric_id', 'at', 'resolution', 'unit'])
    .execute();
  await sql`create index cloudwatch_datum_age on cloudwatch_datum (resolution, at)`.execute(database);
  await schema
    .createTable('cloudwatch_heard')
    .addColumn('event_id', 'text', (column) => column.primaryKey())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .execute();
}

async function createAlarms(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema
    .createTable('cloudwatch_alarm')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('value', 'text', (column) => column.notNull())
    .addColumn('metric_key', 'text')
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('tags', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createTable('cloudwatch_history')
    .addColumn('item_id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('alarm_type', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('summary', 'text', (column) => column.notNull())
    .addColumn('data', 'text', (column) => column.notNull())
    .execute();
  await sql`create index cloudwatch_history_at on cloudwatch_history (at)`.execute(database);
  await sql`create index cloudwatch_history_name on cloudwatch_history (name, at)`.execute(database);
}
