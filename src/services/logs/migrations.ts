/** How the tables of the room grew. Events that older versions kept as rows become chunks, a few thousand at a time. */

import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import { createText } from '#base/chance.ts';
import { SPAN_MS_MAX } from '#core/log-chunk/sizes.ts';
import type { Migration } from '#engine/machine.ts';
import type { House } from '#services/service.ts';
import { createChunks, type Chunks } from './chunks.ts';
import { tables, type StreamRow } from './tables.ts';

/** How events rested until the third step. */
type OldTables = { logs_event: OldEventRow };
type OldEventRow = {
  stream_id: number;
  at: number;
  sequence: number;
  ingested_at: number;
  message: string;
};

const ROWS_AT_ONCE = 2_000;

export function createMigrations(house: House): readonly Migration[] {
  return [
    { name: 'logs/001-groups-streams-events', up: createGroups },
    { name: 'logs/002-metric-filters', up: createMetricFilters },
    { name: 'logs/003-chunks', up: (database) => moveIntoChunks(house, database) },
    { name: 'logs/004-exports-policies', up: createExportsAndPolicies },
    { name: 'logs/005-stream-indexes', up: (database) => indexStreams(house, database) },
  ];
}

async function createGroups(database: Kysely<unknown>): Promise<void> {
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
}

async function createMetricFilters(database: Kysely<unknown>): Promise<void> {
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
}

async function createExportsAndPolicies(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .createTable('logs_export_task')
    .addColumn('task_id', 'text', (column) => column.primaryKey())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('task', 'text', (column) => column.notNull())
    .execute();
  await sql`create index logs_export_task_created on logs_export_task (created_at, task_id)`.execute(
    database,
  );
  await database.schema
    .createTable('logs_resource_policy')
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('resource', 'text', (column) => column.notNull())
    .addColumn('document', 'text', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('logs_resource_policy_key', ['resource', 'name'])
    .execute();
}

async function indexStreams({ database: { dialect } }: House, database: Kysely<unknown>): Promise<void> {
  await sql`create index logs_stream_newest on logs_stream (group_name, coalesce(last_event_at, 0), stream_id)`.execute(
    database,
  );
  await sql`create index logs_stream_bytes on logs_stream (group_name, stored_bytes)`.execute(database);
  if (dialect !== 'postgres') return;
  // For Live Tail, which asks only where other nodes may have taken something in.
  await sql`create index logs_stream_busy on logs_stream (group_name, last_ingestion_at)`.execute(database);
}

async function moveIntoChunks(house: House, database: Kysely<unknown>): Promise<void> {
  await createChunkTables(house, database);
  const groups = await tables(database).selectFrom('logs_group').select('name').execute();
  const chunks = createChunks(house);
  await sql`create index logs_event_sequence on logs_event (stream_id, sequence)`.execute(database);
  for (const { name } of groups) {
    const group_id = Number(createText('0123456789', 15));
    await tables(database).updateTable('logs_group').set({ group_id }).where('name', '=', name).execute();
    const streams = tables(database).selectFrom('logs_stream').selectAll().where('group_name', '=', name);
    for (const stream of await streams.execute()) await moveStream(chunks, database, stream, group_id);
  }
  await database.schema.dropTable('logs_event').execute();
}

async function createChunkTables({ database: { dialect } }: House, database: Kysely<unknown>): Promise<void> {
  for (const [name, isNull] of [['group_id'], ['data_key_id', true], ['is_protected']] as const) {
    await database.schema
      .alterTable('logs_group')
      .addColumn(name, 'bigint', (column) => (isNull ? column : column.notNull().defaultTo(0)))
      .execute();
  }
  for (const name of ['stored_bytes', 'loose_chunks', 'loose_size']) {
    await database.schema
      .alterTable('logs_stream')
      .addColumn(name, 'bigint', (column) => column.notNull().defaultTo(0))
      .execute();
  }
  const bytes = dialect === 'postgres' ? sql`bytea` : sql`blob`;
  await database.schema
    .createTable('logs_chunk')
    .addColumn('stream_id', 'bigint', (column) => column.notNull())
    .addColumn('first_sequence', 'bigint', (column) => column.notNull())
    .addColumn('group_id', 'bigint', (column) => column.notNull())
    .addColumn('event_count', 'bigint', (column) => column.notNull())
    .addColumn('first_at', 'bigint', (column) => column.notNull())
    .addColumn('last_at', 'bigint', (column) => column.notNull())
    .addColumn('size', 'bigint', (column) => column.notNull())
    .addColumn('level', 'bigint', (column) => column.notNull())
    .addColumn('data_key_id', 'bigint')
    .addColumn('content', bytes, (column) => column.notNull())
    .addPrimaryKeyConstraint('logs_chunk_key', ['stream_id', 'first_sequence'])
    .execute();
  // With all that a reader asks of chunks before it opens them.
  for (const [name, columns] of [
    ['first', 'stream_id, first_at, first_sequence, last_at'],
    ['last', 'stream_id, last_at, first_sequence, first_at'],
    ['group', 'group_id, first_at, stream_id, first_sequence, last_at'],
  ] as const) {
    await sql`create index ${sql.raw(`logs_chunk_${name}`)} on logs_chunk (${sql.raw(columns)})`.execute(
      database,
    );
  }
  await database.schema
    .createTable('logs_dropped_stream')
    .addColumn('stream_id', 'bigint', (column) => column.primaryKey())
    .execute();
  await database.schema
    .createTable('logs_data_key')
    .addColumn('data_key_id', 'bigint', (column) => column.primaryKey())
    .addColumn('group_id', 'bigint', (column) => column.notNull())
    .addColumn('kms_key_arn', 'text', (column) => column.notNull())
    .addColumn('group_arn', 'text', (column) => column.notNull())
    .addColumn('ciphertext', bytes, (column) => column.notNull())
    .execute();
}

/** In the order of sequences; those that are gone leave holes, and a chunk has none. */
async function moveStream(
  chunks: Chunks,
  database: Kysely<unknown>,
  stream: StreamRow,
  groupId: number,
): Promise<void> {
  const place = { stream_id: stream.stream_id, group_id: groupId };
  let bytes = 0;
  for (let after = -1; ;) {
    const rows = await database
      .withTables<OldTables>()
      .selectFrom('logs_event')
      .selectAll()
      .where('stream_id', '=', stream.stream_id)
      .where('sequence', '>', after)
      .orderBy('sequence')
      .limit(ROWS_AT_ONCE)
      .execute();
    const last = rows.at(-1);
    if (!last) break;
    for (const run of runsOf(rows)) {
      const events = run.map(({ at, ingested_at, message }) => ({ at, ingestedAt: ingested_at, message }));
      const made = await chunks.insert(database, place, run[0]?.sequence ?? 0, 0, undefined, events);
      bytes += made.reduce((sum, chunk) => sum + chunk.size, 0);
    }
    after = last.sequence;
  }
  await tables(database)
    .updateTable('logs_stream')
    .set({ stored_bytes: bytes })
    .where('stream_id', '=', stream.stream_id)
    .execute();
}

function runsOf(rows: readonly OldEventRow[]): OldEventRow[][] {
  const runs: OldEventRow[][] = [];
  let [first, last] = [0, 0];
  for (const row of rows) {
    const run = runs.at(-1);
    [first, last] = [Math.min(first, row.at), Math.max(last, row.at)];
    if (run?.at(-1)?.sequence === row.sequence - 1 && last - first <= SPAN_MS_MAX) run.push(row);
    else {
      runs.push([row]);
      [first, last] = [row.at, row.at];
    }
  }
  return runs;
}
