/** The history on both databases: records written by many at once, found in pages, kept within bounds. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createFakeClock } from '#base/clock.ts';
import { deriveUuid } from '#base/ids.ts';
import { silentLog } from '#base/log.ts';
import type { CallRecord } from '#core/trail/record.ts';
import type { InputOf } from '#services/clients.ts';
import type { Call, House } from '#services/service.ts';
import { migrate, type Database } from '#store/database.ts';
import { openKeyring } from '#store/keyring.ts';
import { onEveryDatabase } from '#test/support/databases.ts';
import { createAnnouncer } from './announcing.ts';
import { lookupEvents } from './lookup.ts';
import { createRecordWriter } from './recorder.ts';
import { createRetention, HISTORY_MS } from './retention.ts';
import { migrations, readRows } from './tables.ts';

const START = 1_700_000_000_000;
const directory = mkdtempSync(join(tmpdir(), 'slipway-history-'));
const keyring = openKeyring(directory);
after(() => rmSync(directory, { recursive: true, force: true }));

function open(database: Database) {
  const clock = createFakeClock(START);
  const house = {
    clock,
    database,
    keyring,
    log: silentLog,
    isWanted: async () => false,
  } as unknown as House;
  const writer = createRecordWriter(house, createAnnouncer(house));
  const handler = lookupEvents(house, writer);
  const lookup = (input: InputOf<'cloudtrail', 'LookupEvents'>) => handler({} as Call, input);
  return { clock, house, writer, lookup };
}

function recordOf(index: number, change: Partial<CallRecord> = {}): CallRecord {
  const id = deriveUuid('0'.repeat(32), index);
  return {
    id,
    at: START + Math.floor(index / 10),
    source: 'codecommit.amazonaws.com',
    name: index % 3 === 0 ? 'CreateRepository' : 'GetRepository',
    readOnly: index % 3 !== 0,
    category: 'Management',
    userName: index % 2 === 0 ? 'ann' : 'bob',
    accessKeyId: undefined,
    invokedBy: undefined,
    resources: [{ type: 'AWS::CodeCommit::Repository', name: `r${index % 7}` }],
    arns: [],
    text: JSON.stringify({ eventID: id }),
    ...change,
  };
}

onEveryDatabase((databases) => {
  test('what many wrote at once is found by every attribute, each once, newest first', async () => {
    const database = await databases.open();
    await migrate(database, migrations);
    const { writer, lookup } = open(database);
    const records = Array.from({ length: 130 }, (_, index) => recordOf(index));
    await Promise.all(records.map((record) => writer.keep(record, !record.readOnly)));
    const questions: readonly (readonly [string, string, (record: CallRecord) => boolean])[] = [
      ['EventName', 'CreateRepository', ({ name }) => name === 'CreateRepository'],
      ['Username', 'bob', ({ userName }) => userName === 'bob'],
      ['ReadOnly', 'true', ({ readOnly }) => readOnly],
      ['EventSource', 'codecommit.amazonaws.com', () => true],
      ['ResourceName', 'r3', ({ readOnly, resources }) => !readOnly && resources[0]?.name === 'r3'],
      ['ResourceType', 'AWS::CodeCommit::Repository', ({ readOnly }) => !readOnly],
      ['EventId', records[5]?.id ?? '', ({ id }) => id === records[5]?.id],
    ];
    for (const [key, value, isMeant] of questions) {
      const found: { readonly id: string; readonly at: number }[] = [];
      let token: string | undefined;
      do {
        const page = await lookup({
          LookupAttributes: [{ AttributeKey: key as 'EventId', AttributeValue: value }],
          MaxResults: 17,
          NextToken: token,
        });
        for (const { EventId: id = '', EventTime: time } of page.Events ?? [])
          found.push({ id, at: time?.getTime() ?? 0 });
        token = page.NextToken;
      } while (token !== undefined);
      const wanted = records.filter(isMeant).map(({ id, at }) => ({ id, at }));
      wanted.sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1));
      assert.deepEqual(found, wanted, key);
    }
    await writer.close();
  });

  test('who waits hears of a write that failed, and the record is written all the same when that works', async () => {
    let isFull = false;
    const database = await databases.open(undefined, {
      beforeWrite: () => {
        if (isFull) throw new Error('the disk is full');
      },
    });
    await migrate(database, migrations);
    const { clock, writer, lookup } = open(database);
    isFull = true;
    await assert.rejects(writer.keep(recordOf(0), true), /the disk is full/);
    writer.admit();
    isFull = false;
    clock.advance(1_000);
    await writer.flush();
    assert.equal((await lookup({})).Events?.length, 1);
    await writer.close();
  });

  test('when nothing more can be kept, nothing more may happen', async () => {
    let isFull = false;
    const database = await databases.open(undefined, {
      beforeWrite: () => {
        if (isFull) throw new Error('the disk is full');
      },
    });
    await migrate(database, migrations);
    const { writer, lookup } = open(database);
    isFull = true;
    for (let index = 0; index < 10_000; index++) void writer.keep(recordOf(index), false);
    await assert.rejects(writer.flush());
    assert.throws(() => writer.admit(), { code: 'InternalFailure' });
    isFull = false;
    await writer.flush();
    writer.admit();
    assert.equal((await lookup({ MaxResults: 50 })).Events?.length, 50);
    await writer.close();
  });

  test('the history keeps 90 days, a number of events and a size; the oldest go first', async () => {
    const database = await databases.open();
    await migrate(database, migrations);
    const { clock, house, writer } = open(database);
    const old = Array.from({ length: 700 }, (_, index) =>
      recordOf(index, { at: START - HISTORY_MS - index - 1 }),
    );
    const young = Array.from({ length: 300 }, (_, index) => recordOf(1000 + index, { at: START + index }));
    await Promise.all([...old, ...young].map((record) => writer.keep(record, true)));
    const left = async () => {
      const rows = await readRows(database)
        .selectFrom('cloudtrail_event')
        .select('at')
        .orderBy('at')
        .execute();
      return rows.map(({ at }) => at - START);
    };
    await createRetention(house).sweep();
    assert.equal((await left()).length, 300);
    await createRetention(house, { eventsMax: 100, sizeMax: 1e9 }).sweep();
    assert.deepEqual([(await left()).length, (await left())[0]], [100, 200]);
    const size = young.reduce((sum, { text }) => sum + text.length, 0) / 300;
    await createRetention(house, { eventsMax: 1e9, sizeMax: size * 40 }).sweep();
    assert.deepEqual([(await left()).length, (await left())[0]], [40, 260]);
    const resources = await readRows(database).selectFrom('cloudtrail_resource').select('at').execute();
    assert.ok(resources.every(({ at }) => at >= START));
    clock.advance(HISTORY_MS + 1_000);
    await createRetention(house).sweep();
    assert.deepEqual(await left(), []);
    await writer.close();
  });
});
