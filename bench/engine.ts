/**
 * How many effects a second the engine makes durable: machines that order one no-op effect after the other, beside
 * bare transactions in the same run, on SQLite and on PostgreSQL (with fsync). Each effect is one transaction, which
 * removes it, decides its result, writes state and journal, and stores the next effect under a lease.
 */

import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { createEngine, engineMigrations } from '#engine/engine.ts';
import type { Machine } from '#engine/machine.ts';
import { migrate, openDatabase } from '#store/database.ts';
import type { Database } from '#store/database.ts';
import { postgresSkip, startPostgres } from '#test/support/postgres.ts';

const MEASURE_MS = Number(process.env['BENCH_MS'] ?? 3_000);
const AT_ONCE = [1, 16, 64, 256];

interface Row {
  readonly database: string;
  readonly atOnce: number;
  /** Durable no-op effects through the engine. */
  readonly effectsPerSecond: number;
  /** Transactions with the same number of statements, without the engine. */
  readonly bareSameWritesPerSecond: number;
  /** Transactions with one update. */
  readonly bareOneWritePerSecond: number;
}

interface Chain {
  readonly left: number;
}
type ChainEvent = { readonly type: 'Started'; readonly effects: number } | { readonly type: 'Done' };
type ChainEffect = { readonly type: 'Nothing' };

const chain: Machine<Chain, ChainEvent, ChainEffect> = {
  kind: 'bench.chain',
  decider: {
    version: 1,
    decide(state, event) {
      const left = event.type === 'Started' ? event.effects : (state?.left ?? 1) - 1;
      return { state: { left }, effects: left > 0 ? [{ type: 'Nothing' }] : [] };
    },
  },
  effects: { Nothing: async () => ({ type: 'Done' }) },
};

/** Runs for about as long as asked, by trying with few effects first. */
async function measureEffects(database: Database, atOnce: number): Promise<number> {
  const engine = createEngine({ database, clock: systemClock, log: silentLog });
  engine.register(chain);
  await engine.start();
  let round = 0;
  const run = async (effects: number) => {
    round++;
    const started = performance.now();
    const ids = Array.from({ length: atOnce }, (_, i) => `${atOnce}.${round}.${i}`);
    await Promise.all(ids.map((id) => engine.send(chain, id, { type: 'Started', effects })));
    await engine.idle();
    return ((effects * atOnce) / (performance.now() - started)) * 1000;
  };
  await run(Math.ceil(200 / atOnce) + 10);
  const estimate = await run(Math.ceil(500 / atOnce) + 20);
  const measured = await run(Math.max(10, Math.ceil((estimate * MEASURE_MS) / 1000 / atOnce)));
  await engine.stop(0);
  return measured;
}

async function measureBare(
  database: Database,
  atOnce: number,
  work: (transaction: Database['read'], lane: number, n: number) => Promise<void>,
): Promise<number> {
  let count = 0;
  const started = performance.now();
  const until = started + MEASURE_MS / 2;
  const lane = async (number: number) => {
    for (let n = 0; performance.now() < until; n++) {
      await database.transaction((transaction) => work(transaction, number, n), 'snapshot');
      count++;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, (_, number) => lane(number)));
  return (count / (performance.now() - started)) * 1000;
}

async function measureDatabase(name: string, database: Database): Promise<Row[]> {
  await migrate(database, engineMigrations);
  await database.transaction(async (transaction) => {
    await sql`create table bare (lane integer primary key, state text)`.execute(transaction);
    await sql`create table bare_log (lane integer, round text, n integer, event text, primary key (lane, round, n))`.execute(
      transaction,
    );
    for (let lane = 0; lane < Math.max(...AT_ONCE); lane++) {
      await sql`insert into bare values (${lane}, '')`.execute(transaction);
    }
  });
  const rows: Row[] = [];
  for (const atOnce of AT_ONCE) {
    const effects = await measureEffects(database, atOnce);
    const one = await measureBare(database, atOnce, async (transaction, lane, n) => {
      await sql`update bare set state = ${String(n)} where lane = ${lane}`.execute(transaction);
    });
    const same = await measureBare(database, atOnce, async (transaction, lane, n) => {
      await sql`select state from bare where lane = ${lane}`.execute(transaction);
      await sql`delete from bare_log where lane = ${lane} and round = ${atOnce} and n = ${n - 1}`.execute(
        transaction,
      );
      await sql`update bare set state = ${String(n)} where lane = ${lane}`.execute(transaction);
      await sql`insert into bare_log values (${lane}, ${`${atOnce}`}, ${n}, 'event')`.execute(transaction);
      await sql`insert into bare_log values (${lane}, ${`${atOnce}e`}, ${n}, 'effect')`.execute(transaction);
    });
    rows.push({
      database: name,
      atOnce,
      effectsPerSecond: Math.round(effects),
      bareSameWritesPerSecond: Math.round(same),
      bareOneWritePerSecond: Math.round(one),
    });
  }
  return rows;
}

/** Milliseconds to write 4 KB and flush them; what one lonely commit waits for at least. */
function measureFlush(directory: string): number {
  const file = openSync(join(directory, 'flush'), 'w');
  const block = Buffer.alloc(4096, 1);
  const rounds = 200;
  const started = performance.now();
  for (let i = 0; i < rounds; i++) {
    writeSync(file, block, 0, block.length, (i % 16) * block.length);
    fdatasyncSync(file);
  }
  closeSync(file);
  return (performance.now() - started) / rounds;
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
  const rows: Row[] = [];
  const flushMs = measureFlush(directory);
  const sqlite = await openDatabase({ path: join(directory, 'bench.db'), log: silentLog });
  const version = await sql<{ v: string }>`select sqlite_version() as v`.execute(sqlite.read);
  rows.push(...(await measureDatabase('SQLite', sqlite)));
  await sqlite.close();
  let postgresVersion: string | undefined;
  if (postgresSkip) console.error(postgresSkip);
  else {
    const cluster = await startPostgres({ durable: true });
    const postgres = await openDatabase({ url: await cluster.createDatabase(), log: silentLog });
    const shown = await sql<{ server_version: string }>`show server_version`.execute(postgres.read);
    postgresVersion = shown.rows[0]?.server_version;
    rows.push(...(await measureDatabase('PostgreSQL', postgres)));
    await postgres.close();
    await cluster.stop();
  }
  rmSync(directory, { recursive: true });
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    sqlite: version.rows[0]?.v,
    postgres: postgresVersion ?? null,
    flush4KbMs: Number(flushMs.toFixed(3)),
  };
  console.log(machine);
  console.table(rows);
  const results = join(import.meta.dirname, 'results');
  mkdirSync(results, { recursive: true });
  const report = { at: new Date().toISOString(), measureMs: MEASURE_MS, machine, rows };
  writeFileSync(join(results, 'engine.json'), `${JSON.stringify(report, null, 2)}\n`);
}

await main();
