/** Chunks on each database: what was put is read, whatever is merged meanwhile, and older rows become chunks. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { comparePlaces, type LogEvent, type Place } from '#core/log-chunk/event.ts';
import type { House } from '#services/service.ts';
import { migrate, type Database } from '#store/database.ts';
import { openKeyring } from '#store/keyring.ts';
import { onEveryDatabase } from '#test/support/databases.ts';
import { createChunks } from '#services/logs/chunks.ts';
import { createMigrations } from '#services/logs/migrations.ts';
import { createScanner, type Scan } from '#services/logs/scanning.ts';
import { tables } from '#services/logs/tables.ts';

const GROUP = { id: 1, from: '', before: undefined };
const START = 1_700_000_000_000;
const directory = mkdtempSync(join(tmpdir(), 'slipway-chunks-'));
const keyring = openKeyring(directory);
after(() => rmSync(directory, { recursive: true, force: true }));

const noKeys = {
  create: () => Promise.reject(new Error('no keys here')),
  open: () => Promise.reject(new Error('no keys here')),
};

function createStore(database: Database) {
  const chunks = createChunks({ database, keyring });
  const put = (streamId: number, events: readonly { at: number; message: string }[]) =>
    database.transaction(async (transaction) => {
      const rows = tables(transaction);
      const stream = await rows
        .selectFrom('logs_stream')
        .selectAll()
        .where('stream_id', '=', streamId)
        .executeTakeFirstOrThrow();
      const stored = events.map((event) => ({ ...event, ingestedAt: START }));
      const counts = await chunks.append(transaction, stream, GROUP.id, undefined, stored);
      await rows.updateTable('logs_stream').set(counts).where('stream_id', '=', streamId).execute();
      return stream.event_count;
    });
  return { chunks, put };
}

async function openTables(database: Database, streams: number): Promise<void> {
  await migrate(database, createMigrations({ database, keyring } as House));
  for (let id = 1; id <= streams; id++) {
    await database.transaction(async (transaction) => {
      await tables(transaction)
        .insertInto('logs_stream')
        .values({
          stream_id: id,
          group_name: 'g',
          name: `s${id}`,
          created_at: START,
          first_event_at: null,
          last_event_at: null,
          last_ingestion_at: null,
          event_count: 0,
          stored_bytes: 0,
          loose_chunks: 0,
          loose_size: 0,
        })
        .execute();
    });
  }
}

/** Numbers that look like chance and are the same each time. */
function createNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
}

const HALF_HOUR = 1_800_000;

onEveryDatabase((databases) => {
  test('what was put is read in order from both ends, each event once, while chunks merge between and within pages', async () => {
    const database = await databases.open();
    await openTables(database, 3);
    const { chunks, put } = createStore(database);
    const number = createNumbers(7);
    const expected: LogEvent[] = [];
    let clock = START;

    async function putSome(batches: number): Promise<void> {
      for (let batch = 0; batch < batches; batch++) {
        clock += number(3) === 0 ? number(HALF_HOUR) : number(3);
        // Some writers are late, some times are equal.
        const from = clock - (number(4) === 0 ? number(20 * HALF_HOUR) : 0);
        const streamId = 1 + number(3);
        const size = number(40) === 0 ? 400 : 1 + number(4);
        const events = Array.from({ length: size }, (_, i) => ({
          at: from + Math.floor(i / 2),
          message: `${batch} ${i} ${'x'.repeat(size > 4 ? 800 : number(100))}`,
        }));
        const first = await put(streamId, events);
        for (const [i, event] of events.entries()) {
          expected.push({ ...event, streamId, sequence: first + i, ingestedAt: START });
        }
      }
    }
    await putSome(250);
    expected.sort(comparePlaces);
    const until = clock + HALF_HOUR;

    // Before each chunk is read there comes something new, later than all that is asked for; merges come with it.
    const disturbed: typeof chunks = {
      ...chunks,
      async read(head, openKey) {
        for (let i = 0; i < 2; i++) await put(head.stream_id, [{ at: until + i, message: 'later' }]);
        return chunks.read(head, openKey);
      },
    };
    const scanner = createScanner({ database }, disturbed, noKeys, {
      scannedBytes: 100_000,
      listedChunks: 10,
    });
    async function readAll(request: Pick<Scan, 'isForward'> & Partial<Scan>): Promise<LogEvent[]> {
      const seen: LogEvent[] = [];
      let from: Place | undefined;
      do {
        const page = await scanner.scan({ since: 0, until, eventsMax: 700, from, ...request });
        if (request.isForward) seen.push(...page.events);
        else seen.unshift(...page.events);
        from = page.edge;
      } while (from);
      return seen;
    }
    same(await readAll({ group: GROUP, isForward: true }), expected);
    const ofTwo = expected.filter((event) => event.streamId === 2);
    for (const isForward of [true, false]) same(await readAll({ streamIds: [2], isForward }), ofTwo);
    const since = expected[200]?.at ?? 0;
    const end = expected[700]?.at ?? 0;
    const between = expected.filter((event) => event.at >= since && event.at < end);
    same(await readAll({ group: GROUP, isForward: true, since, until: end }), between);
    const ofOne = between.filter((event) => event.streamId === 1);
    same(await readAll({ streamIds: [1], isForward: false, since, until: end }), ofOne);
    const ofBoth = between.filter((event) => event.streamId !== 2);
    same(await readAll({ streamIds: [3, 1], isForward: true, since, until: end }), ofBoth);
    const matches = (message: string) => message.startsWith('7 ');
    const found = expected.filter((event) => matches(event.message));
    for (const pattern of [{ matches }, { matches, needs: '7 ' }]) {
      same(await readAll({ group: GROUP, isForward: true, pattern }), found);
    }
    const heads = await tables(database).selectFrom('logs_chunk').select('stream_id').execute();
    assert.ok(heads.length < 200, `${heads.length} chunks`);
  });

  test('events that an older version kept as rows become chunks, holes between them included', async () => {
    const database = await databases.open();
    const [groups, filters, ...later] = createMigrations({ database, keyring } as House);
    await migrate(
      database,
      [groups, filters].filter((step) => step !== undefined),
    );
    const old = database.read.withTables<{
      logs_group: object;
      logs_stream: object;
      logs_event: object;
    }>();
    const rows = Array.from({ length: 4_500 }, (_, i) => ({
      stream_id: 5,
      at: START + (i % 7) * (i > 4_000 ? HALF_HOUR * 20 : 1),
      sequence: i + (i > 3_000 ? 10 : 0),
      ingested_at: START + 1,
      message: `line ${i}`,
    }));
    await database.transaction(async (transaction) => {
      const insert = transaction.withTables<Record<string, Record<string, unknown>>>();
      await insert.insertInto('logs_group').values({ name: 'g', created_at: START, tags: '{}' }).execute();
      await insert
        .insertInto('logs_stream')
        .values({ stream_id: 5, group_name: 'g', name: 's', created_at: START, event_count: 4_510 })
        .execute();
      for (let i = 0; i < rows.length; i += 500) {
        await insert
          .insertInto('logs_event')
          .values(rows.slice(i, i + 500))
          .execute();
      }
    });
    await migrate(
      database,
      [groups, filters, ...later].filter((step) => step !== undefined),
    );
    const scanner = createScanner({ database }, createChunks({ database, keyring }), noKeys);
    const page = { isForward: true, since: 0, until: undefined, eventsMax: 10_000, from: undefined };
    const { events } = await scanner.scan({ ...page, streamIds: [5] });
    same(
      events,
      rows
        .map(({ at, sequence, message }) => ({
          at,
          streamId: 5,
          sequence,
          ingestedAt: START + 1,
          message,
        }))
        .sort(comparePlaces),
    );
    await assert.rejects(old.selectFrom('logs_event').selectAll().execute());
  });
});

/** A difference is shown by its first place, for lists are long. */
function same(actual: readonly LogEvent[], expected: readonly LogEvent[]): void {
  const at = expected.findIndex((event, i) => {
    const other = actual[i];
    return !other || comparePlaces(event, other) !== 0 || event.message !== other.message;
  });
  if (at >= 0) assert.deepEqual(actual[at], expected[at], `event ${at}`);
  assert.equal(actual.length, expected.length);
}
