/**
 * Writes the records of calls. Whoever waits shares a transaction with all others that wait at the same time, and on
 * SQLite the transaction shares its flush with those of other rooms; records that nobody waits for go along, or go by
 * themselves after a moment. When the database refuses, records stay in memory for the next try, up to a bound; beyond
 * it nothing may happen any more, because it could not be recorded. See docs/decisions/010.
 */

import type { Kysely } from 'kysely';
import { fault } from '#base/fault.ts';
import type { CallRecord } from '#core/trail/record.ts';
import type { House, Recorder } from '#services/service.ts';
import { withTables, type DataEventRow, type EventRow, type ResourceRow, type Tables } from './tables.ts';

/** How long a record that nobody waits for may stay in memory; so much of the reads is lost in a crash. */
const UNAWAITED_MS_MAX = 1_000;
/** Records that are written without waiting for that time. */
const UNAWAITED_MAX = 500;
/** Records in one transaction; the whole queue of the database stands behind it. */
const BATCH_MAX = 500;
/** Records in memory while the database refuses them. */
const HELD_MAX = 10_000;
/** Rows of one statement: few different statements, so that both databases know them already. */
const ROWS = [32, 8, 1] as const;
/** PostgreSQL bounds what an index holds. */
const NAME_LENGTH_MAX = 512;

export interface RecordWriter extends Pick<Recorder, 'admit' | 'keep'> {
  /** Writes what is in memory: before somebody looks, and at the end. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

interface Batch {
  readonly records: CallRecord[];
  readonly written: PromiseWithResolvers<void>;
}

/** `beside` writes further rows in the transaction of the records. */
export function createRecordWriter(
  house: House,
  beside: (transaction: Kysely<Tables>, records: readonly CallRecord[]) => Promise<void>,
): RecordWriter {
  const { clock, database, log } = house;
  let batch = createBatch();
  let writing: Promise<void> | undefined;
  let timer: (() => void) | undefined;
  let held = 0;
  let isRefused = false;

  function keep(record: CallRecord, isAwaited: boolean): Promise<void> {
    const mine = batch;
    mine.records.push(record);
    held++;
    if (isAwaited || held >= UNAWAITED_MAX) start();
    else timer ??= clock.callAt(clock.now() + UNAWAITED_MS_MAX, start);
    return isAwaited || held > HELD_MAX ? mine.written.promise : Promise.resolve();
  }

  function start(): void {
    timer?.();
    timer = undefined;
    writing ??= writeAll().finally(() => (writing = undefined));
  }

  async function writeAll(): Promise<void> {
    // Whoever comes in the same turn of the loop comes along.
    await Promise.resolve();
    while (batch.records.length > 0) {
      const taken = batch;
      batch = createBatch();
      try {
        await write(taken.records);
        held -= taken.records.length;
        isRefused = false;
        taken.written.resolve();
      } catch (error) {
        isRefused = true;
        log.error('records of calls could not be written', { error, records: taken.records.length });
        // Who waits hears of it; the records stay true, and are written as soon as that works.
        batch.records.unshift(...taken.records);
        taken.written.reject(error);
        timer ??= clock.callAt(clock.now() + UNAWAITED_MS_MAX, start);
        return;
      }
    }
  }

  async function write(records: readonly CallRecord[]): Promise<void> {
    for (let from = 0; from < records.length; from += BATCH_MAX) {
      const part = records.slice(from, from + BATCH_MAX);
      await database.transaction(async (transaction) => {
        const rows = withTables(transaction);
        await insertAll(rows, part, clock.now());
        await beside(rows, part);
      }, 'snapshot');
    }
  }

  async function flush(): Promise<void> {
    const last = batch;
    if (last.records.length > 0) {
      start();
      await last.written.promise;
    } else await writing;
  }

  return {
    admit() {
      if (isRefused && held >= HELD_MAX) {
        throw fault('InternalFailure', 'The record of this call could not be kept, so nothing was done.');
      }
    },
    keep,
    flush,
    async close() {
      timer?.();
      await flush();
    },
  };
}

function createBatch(): Batch {
  const written = Promise.withResolvers<void>();
  // Those who wait hear of a failure themselves, and the log does.
  written.promise.catch(() => {});
  return { records: [], written };
}

/** A batch that was written in part is written again: ids are unique, and what is there stays. */
async function insertAll(rows: Kysely<Tables>, records: readonly CallRecord[], now: number): Promise<void> {
  const events: EventRow[] = [];
  const resources: ResourceRow[] = [];
  const data: DataEventRow[] = [];
  for (const record of records) {
    if (record.category === 'Data') {
      data.push({ id: record.id, stored_at: now, size: record.text.length, record: record.text });
      continue;
    }
    events.push(eventRow(record, now));
    for (const { type, name } of record.resources)
      resources.push({ event_id: record.id, at: record.at, type, name: storable(name) });
  }
  for (const part of inParts(events))
    await rows
      .insertInto('cloudtrail_event')
      .values(part)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  for (const part of inParts(resources)) await rows.insertInto('cloudtrail_resource').values(part).execute();
  for (const part of inParts(data))
    await rows
      .insertInto('cloudtrail_data_event')
      .values(part)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
}

function eventRow(record: CallRecord, now: number): EventRow {
  return {
    id: record.id,
    at: record.at,
    stored_at: now,
    source: record.source,
    name: record.name,
    read_only: record.readOnly ? 1 : 0,
    user_name: record.userName === undefined ? null : storable(record.userName),
    access_key_id: record.accessKeyId === undefined ? null : storable(record.accessKeyId),
    size: record.text.length,
    record: record.text,
  };
}

/** PostgreSQL has no zero character in texts. */
function storable(text: string): string {
  return text.slice(0, NAME_LENGTH_MAX).replaceAll('\0', '\u{fffd}');
}

function* inParts<Row>(rows: readonly Row[]): Iterable<Row[]> {
  for (let from = 0; from < rows.length;) {
    const size = ROWS.find((each) => each <= rows.length - from) ?? 1;
    yield rows.slice(from, from + size);
    from += size;
  }
}
