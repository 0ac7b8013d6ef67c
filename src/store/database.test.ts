/** The promises of the database, on both of its adapters. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kysely } from 'kysely';
import { onEveryDatabase } from '#test/support/databases.ts';
import { migrate } from './database.ts';
import type { Database, Migration } from './database.ts';

type Tables = { boxes: { name: string; weight: number; sealed: number; content: Uint8Array | null } };

const boxes: Migration = {
  name: 'test/001-boxes',
  async up(database) {
    await database.schema
      .createTable('boxes')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('weight', 'integer', (column) => column.notNull())
      .addColumn('sealed', 'integer', (column) => column.notNull())
      .addColumn('content', 'blob')
      .execute();
  },
};

async function put(kysely: Kysely<unknown>, name: string, weight: number): Promise<void> {
  const row = { name, weight, sealed: true as unknown as number, content: Buffer.from(name) };
  await kysely.withTables<Tables>().insertInto('boxes').values(row).execute();
}

async function names(database: Database): Promise<string[]> {
  const rows = await database.read
    .withTables<Tables>()
    .selectFrom('boxes')
    .select('name')
    .orderBy('name')
    .execute();
  return rows.map((row) => row.name);
}

onEveryDatabase((databases) => {
  const openBoxes = async (options: { beforeWrite?: (n: number) => void } = {}) => {
    const database = await databases.open(undefined, options);
    await migrate(database, [boxes]);
    return database;
  };

  test('values come back as they went in', async () => {
    const database = await openBoxes();
    await database.transaction((transaction) => put(transaction, 'a', Number.MAX_SAFE_INTEGER));
    const row = await database.read
      .withTables<Tables>()
      .selectFrom('boxes')
      .selectAll()
      .executeTakeFirstOrThrow();
    assert.deepEqual(
      { ...row, content: Buffer.from(row.content ?? []).toString() },
      { name: 'a', weight: Number.MAX_SAFE_INTEGER, sealed: 1, content: 'a' },
    );
  });

  test('texts sort by code points', async () => {
    const database = await openBoxes();
    await database.transaction(async (transaction) => {
      for (const name of ['b', 'B', 'a', '_', 'é']) await put(transaction, name, 1);
    });
    assert.deepEqual(await names(database), ['B', '_', 'a', 'b', 'é']);
  });

  test('what a transaction has not committed is not read outside, and is gone when it throws', async () => {
    const database = await openBoxes();
    const failure = new Error('enough');
    await assert.rejects(
      database.transaction(async (transaction) => {
        await put(transaction, 'a', 1);
        assert.deepEqual(await names(database), []);
        throw failure;
      }),
      failure,
    );
    assert.deepEqual(await names(database), []);
  });

  test('of transactions at the same time, only the failing one is undone', async () => {
    const database = await openBoxes();
    const settled = await Promise.allSettled(
      Array.from({ length: 30 }, (_, i) =>
        database.transaction(async (transaction) => {
          await put(transaction, `box ${String(i).padStart(2, '0')}`, i);
          if (i % 3 === 0) throw new Error(`no ${i}`);
          return i;
        }),
      ),
    );
    assert.equal(settled.filter((result) => result.status === 'rejected').length, 10);
    assert.equal((await names(database)).length, 20);
  });

  test('transactions that read and then write behave as if one came after the other', async () => {
    const database = await openBoxes();
    await database.transaction((transaction) => put(transaction, 'sum', 0));
    const add = () =>
      database.transaction(async (transaction) => {
        const tables = transaction.withTables<Tables>();
        const { weight } = await tables.selectFrom('boxes').select('weight').executeTakeFirstOrThrow();
        await tables
          .updateTable('boxes')
          .set({ weight: weight + 1 })
          .execute();
      });
    await Promise.all(Array.from({ length: 8 }, add));
    const row = await database.read
      .withTables<Tables>()
      .selectFrom('boxes')
      .select('weight')
      .executeTakeFirst();
    assert.deepEqual(row, { weight: 8 });
  });

  test('many transactions may also read outside, and none waits for itself', async () => {
    const database = await openBoxes();
    const readOutside = () => database.transaction(async () => (await names(database)).length);
    assert.deepEqual(await Promise.all(Array.from({ length: 40 }, readOutside)), Array(40).fill(0));
  });

  test('a transaction inside a transaction is a bug, found at once', async () => {
    const database = await openBoxes();
    await assert.rejects(
      database.transaction(() => database.transaction(async () => {})),
      { name: 'Bug', message: 'a transaction was asked for inside a transaction' },
    );
    await database.transaction((transaction) => put(transaction, 'a', 1));
  });

  test('a transaction that is over cannot be used, and reads cannot write', async () => {
    const database = await openBoxes();
    const leaked = await database.transaction(async (transaction) => ({ transaction }));
    await assert.rejects(put(leaked.transaction, 'a', 1));
    await assert.rejects(put(database.read, 'a', 1), {
      message: 'outside a transaction the database is only read',
    });
    assert.deepEqual(await names(database), []);
  });

  test('the n-th write fails as a test asks, and takes its transaction with it', async () => {
    for (let n = 1; ; n++) {
      let armed = false;
      let writes = 0;
      let failed = false;
      const database = await openBoxes({
        beforeWrite() {
          if (!armed || ++writes !== n) return;
          failed = true;
          throw new Error('the disk is full');
        },
      });
      armed = true;
      const work = database.transaction(async (transaction) => {
        await put(transaction, 'a', 1);
        await put(transaction, 'b', 2);
      });
      if (n <= 3) await assert.rejects(work, { message: 'the disk is full' });
      else await work;
      armed = false;
      assert.deepEqual(await names(database), failed ? [] : ['a', 'b']);
      await database.transaction((transaction) => put(transaction, 'c', 3));
      await database.close();
      if (!failed) return assert.equal(n, 4);
    }
  });

  test('a schema step is done once, and a failing one takes back those before it', async () => {
    const database = await databases.open();
    let runs = 0;
    const counted: Migration = { name: 'test/002-counted', up: async () => void runs++ };
    const broken: Migration = {
      name: 'test/003-broken',
      async up(transaction) {
        await transaction.schema.createTable('half').addColumn('name', 'text').execute();
        throw new Error('half way');
      },
    };
    await assert.rejects(migrate(database, [broken, counted, boxes]), { message: 'half way' });
    assert.deepEqual(
      (await database.read.introspection.getTables()).map((table) => table.name),
      ['schema_steps'],
    );
    for (let start = 0; start < 2; start++) {
      await migrate(database, [counted, boxes, { ...broken, up: async () => {} }]);
    }
    // Once in vain, once for good.
    assert.equal(runs, 2);
    const tables = await database.read.introspection.getTables();
    assert.deepEqual(tables.map((table) => table.name).sort(), ['boxes', 'schema_steps']);
  });

  if (databases.dialect === 'postgres') {
    test('two nodes that start together take turns with the schema', async () => {
      const place = await databases.createPlace();
      const nodes = await Promise.all([databases.open(place), databases.open(place), databases.open(place)]);
      let runs = 0;
      const counted: Migration = { name: 'test/002-counted', up: async () => void runs++ };
      await Promise.all(nodes.map((node) => migrate(node, [boxes, counted])));
      assert.equal(runs, 1);
    });
  } else {
    test('a second owner of the file is refused with a reason', async () => {
      const place = await databases.createPlace();
      const first = await databases.open(place);
      await assert.rejects(databases.open(place), {
        message: `${place.path} is in use by another running Slipway; stop it, or choose another data directory`,
      });
      await first.close();
      await (await databases.open(place)).close();
    });
  }
});
