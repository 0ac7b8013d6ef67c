/**
 * Writes the records of calls. Whoever waits shares a transaction with all others that wait at the same time, and on
 * SQLite the transaction shares its flush with those of other rooms; records that nobody waits for go along, or go by
 * themselves after a moment. When the database refuses, records stay in memory for the next try, up to a bound; beyond
 * it nothing may happen any more, because it could not be recorded. See docs/decisions/011.
 */

import { randomInt } from 'node:crypto';
import type { Kysely } from 'kysely';
import { fault } from '#base/fault.ts';
import type { CallRecord } from '#core/trail/record.ts';
import type { House, Recorder } from '#services/service.ts';
import { wantedAnnouncements, type Announcer } from './announcing.ts';
import { createInserts, type Inserts, type SqlValue } from './inserts.ts';
import { withTables, type Tables } from './tables.ts';

/** How long a record that nobody waits for may stay in memory; so much of the reads is lost in a crash. */
const UNAWAITED_MS_MAX = 1_000;
/** Records that are written without waiting for that time. */
const UNAWAITED_MAX = 500;
/** Records in one transaction; the whole queue of the database stands behind it. */
const BATCH_MAX = 500;
/** Records in memory while the database refuses them. */
const HELD_MAX = 10_000;
/** Announcements spread over so many machines, so that nodes seldom wait for each other. */
const ANNOUNCERS = 16;
/** PostgreSQL bounds what an index holds. */
const NAME_LENGTH_MAX = 512;

export interface RecordWriter extends Pick<Recorder, 'admit' | 'keep'> {
  /** Writes what is in memory: before somebody looks, and at the end. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

interface Batch {
  readonly records: CallRecord[];
  /** Somebody waits for it, or it has waited long enough; otherwise it may still grow. */
  isDue: boolean;
  readonly written: PromiseWithResolvers<void>;
}

/** At the end of the server. */
const LAST_ATTEMPTS = 3;

export function createRecordWriter(house: House, announcer: Announcer): RecordWriter {
  const { clock, database, log } = house;
  const inserts = createInserts(database.dialect);
  let batch = createBatch();
  let writing: Promise<void> | undefined;
  let timer: (() => void) | undefined;
  let held = 0;
  let isRefused = false;

  function keep(record: CallRecord, isAwaited: boolean): Promise<void> {
    const mine = batch;
    mine.records.push(record);
    held++;
    const isWaited = isAwaited || held > HELD_MAX;
    if (isWaited || mine.records.length >= UNAWAITED_MAX) start();
    else timer ??= clock.callAt(clock.now() + UNAWAITED_MS_MAX, start);
    return isWaited ? mine.written.promise : Promise.resolve();
  }

  function start(): void {
    timer?.();
    timer = undefined;
    batch.isDue = true;
    writing ??= writeAll();
  }

  async function writeAll(): Promise<void> {
    // Whoever comes in the same turn of the loop comes along.
    await Promise.resolve();
    // What came meanwhile and is not due has its own timer: under load reads would else cost a flush for a few of them.
    while (batch.records.length > 0 && batch.isDue) {
      if (!(await writeBatch())) break;
    }
    // At once, so that nobody who comes now takes it for still going on.
    writing = undefined;
  }

  /** Whether it was written; its failure is told to those who wait, and never thrown. */
  async function writeBatch(): Promise<boolean> {
    const taken = batch;
    batch = createBatch();
    try {
      await write(taken.records);
      held -= taken.records.length;
      isRefused = false;
      taken.written.resolve();
      return true;
    } catch (error) {
      isRefused = true;
      log.error('records of calls could not be written', { error, records: taken.records.length });
      // Who waits hears of it; the records stay true, and are written as soon as that works.
      batch.records.unshift(...taken.records);
      taken.written.reject(error);
      timer ??= clock.callAt(clock.now() + UNAWAITED_MS_MAX, start);
      return false;
    }
  }

  async function write(records: readonly CallRecord[]): Promise<void> {
    for (let from = 0; from < records.length; from += BATCH_MAX) {
      const part = records.slice(from, from + BATCH_MAX);
      const insert = (transaction: Kysely<unknown>) =>
        insertAll(withTables(transaction), inserts, part, clock.now());
      const announcements = await wantedAnnouncements(house, part);
      if (announcements.length === 0) await database.transaction(insert, 'snapshot');
      else {
        const id = `${randomInt(ANNOUNCERS)}`;
        await house.engine.send(announcer, id, { type: 'CallsRecorded', announcements }, insert);
      }
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
        const message = 'The record of this call could not be kept, so nothing was done.';
        throw fault('InternalFailure', message, { status: 500 });
      }
    },
    keep,
    flush,
    async close() {
      timer?.();
      // A failure is in the log by now, and nobody is left to hear of it; the database may still come back.
      for (let attempt = 1; held > 0 && attempt <= LAST_ATTEMPTS; attempt++) await flush().catch(() => {});
      timer?.();
    },
  };
}

function createBatch(): Batch {
  const written = Promise.withResolvers<void>();
  // Those who wait hear of a failure themselves, and the log does.
  written.promise.catch(() => {});
  return { records: [], isDue: false, written };
}

async function insertAll(
  rows: Kysely<Tables>,
  inserts: Inserts,
  records: readonly CallRecord[],
  now: number,
): Promise<void> {
  const management = records.filter(({ category }) => category === 'Management');
  const data = records.filter(({ category }) => category === 'Data');
  // As on AWS, a resource is found by what was done to it, not by who looked at it.
  const resources = management
    .filter(({ readOnly }) => !readOnly)
    .flatMap((record) =>
      record.resources.map(({ type, name }) => [record.id, record.at, type, storable(name)]),
    );
  await inserts.events(
    rows,
    management.map((record) => eventValues(record, now)),
  );
  await inserts.resources(rows, resources);
  await inserts.dataEvents(
    rows,
    data.map(({ id, text }) => [id, now, text.length, text]),
  );
}

function eventValues(record: CallRecord, now: number): readonly SqlValue[] {
  const { id, at, source, name, readOnly, userName, accessKeyId, text } = record;
  const user = userName === undefined ? null : storable(userName);
  const key = accessKeyId === undefined ? null : storable(accessKeyId);
  return [id, at, now, source, name, readOnly ? 1 : 0, user, key, text.length, text];
}

/** PostgreSQL has no zero character in texts. */
function storable(text: string): string {
  return text.slice(0, NAME_LENGTH_MAX).replaceAll('\0', '\u{fffd}');
}
