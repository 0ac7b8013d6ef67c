/** Nodes hear each other, not themselves, only of what was committed, and again after their connection was lost. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sql } from 'kysely';
import { silentLog } from '#base/log.ts';
import { type Cluster, postgresSkip, startPostgres } from '#test/support/postgres.ts';
import { openDatabase } from './database.ts';

let cluster: Cluster | undefined;
before(async () => void (cluster = postgresSkip ? undefined : await startPostgres()));
after(() => cluster?.stop());

/** What a node has heard, and the next moment at which that is `count` long. */
function createEar() {
  const heard: (string | undefined)[] = [];
  let wake = () => {};
  return {
    heard,
    hear(text: string | undefined) {
      heard.push(text);
      wake();
    },
    async until(count: number) {
      while (heard.length < count) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

test('what a transaction tells is heard by the others when it commits', { skip: postgresSkip }, async () => {
  assert.ok(cluster);
  const url = await cluster.createDatabase();
  const [first, second] = [
    await openDatabase({ url, log: silentLog }),
    await openDatabase({ url, log: silentLog }),
  ];
  try {
    const [mine, theirs] = [createEar(), createEar()];
    first.notices?.listen(mine.hear);
    second.notices?.listen(theirs.hear);
    await mine.until(1);
    await theirs.until(1);
    await assert.rejects(
      first.transaction(async (transaction) => {
        await first.notices?.tell(transaction, 'never');
        throw new Error('changed my mind');
      }),
    );
    await first.transaction(async (transaction) => first.notices?.tell(transaction, 'good morning'));
    await theirs.until(2);
    assert.deepEqual(theirs.heard, [undefined, 'good morning']);
    assert.deepEqual(mine.heard, [undefined]);

    const listening = sql<{
      pid: number;
    }>`select pid from pg_stat_activity where application_name = 'slipway notices'`;
    for (const { pid } of (await listening.execute(first.read)).rows) {
      await sql`select pg_terminate_backend(${pid})`.execute(first.read);
    }
    // Anything may have been told meanwhile.
    await theirs.until(3);
    assert.equal(theirs.heard[2], undefined);
    await first.transaction(async (transaction) => first.notices?.tell(transaction, 'there again'));
    await theirs.until(4);
    assert.equal(theirs.heard[3], 'there again');
  } finally {
    await first.close();
    await second.close();
  }
});
