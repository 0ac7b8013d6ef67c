/**
 * How many effects a second the engine makes durable: machines that order one no-op effect after the other, beside bare
 * transactions in the same run, on SQLite and on PostgreSQL (both flush each commit to disk). Each effect is one
 * transaction: it removes the effect, decides its result, writes state and journal, and stores the next effect under a
 * lease. The rounds of engine and bare transactions alternate, so that a busy machine disturbs both alike.
 */

import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompiledQuery, sql } from 'kysely';
import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { createEngine, engineMigrations } from '#engine/engine.ts';
import type { Engine, Machine } from '#engine/machine.ts';
import { migrate, openDatabase } from '#store/database.ts';
import type { Database } from '#store/database.ts';
import { postgresSkip, startPostgres } from '#test/support/postgres.ts';
import { type Figure, figure, report } from './report.ts';

const ROUNDS = 5;
const ROUND_MS = 700;
const AT_ONCE = [1, 16, 64, 256];

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

let chains = 0;

/** Effects a second, with so many machines at once. */
async function measureEffects(engine: Engine, atOnce: number, effects: number): Promise<number> {
  const started = performance.now();
  const ids = Array.from({ length: atOnce }, () => `${++chains}`);
  await Promise.all(ids.map((id) => engine.send(chain, id, { type: 'Started', effects })));
  await engine.idle();
  return ((effects * atOnce) / (performance.now() - started)) * 1000;
}

/** Transactions a second, with so many lanes at once. */
async function measureBare(database: Database, atOnce: number, statements: number): Promise<number> {
  let count = 0;
  const started = performance.now();
  const until = started + ROUND_MS;
  const text = `update bare set state = ${database.dialect === 'postgres' ? '$1' : '?'} where lane = `;
  const runLane = async (lane: number) => {
    for (; performance.now() < until; count++) {
      await database.transaction(async (transaction) => {
        for (let n = 0; n < statements; n++) {
          await transaction.executeQuery(CompiledQuery.raw(`${text}${lane}`, [`${count}`]));
        }
      }, 'snapshot');
    }
  };
  await Promise.all(Array.from({ length: atOnce }, (_, lane) => runLane(lane)));
  return (count / (performance.now() - started)) * 1000;
}

async function measureDatabase(name: string, database: Database): Promise<Figure[]> {
  await migrate(database, engineMigrations);
  await database.transaction(async (transaction) => {
    await sql`create table bare (lane integer primary key, state text)`.execute(transaction);
    for (let lane = 0; lane < Math.max(...AT_ONCE); lane++) {
      await sql`insert into bare values (${lane}, '')`.execute(transaction);
    }
  });
  const engine = createEngine({ database, clock: systemClock, log: silentLog });
  engine.register(chain);
  await engine.start();
  const figures: Figure[] = [];
  for (const atOnce of AT_ONCE) {
    let perSecond = await measureEffects(engine, atOnce, 20);
    const samples: { effects: number[]; five: number[]; one: number[] } = { effects: [], five: [], one: [] };
    for (let round = 0; round < ROUNDS; round++) {
      const effects = Math.max(5, Math.ceil((perSecond * ROUND_MS) / 1000 / atOnce));
      perSecond = await measureEffects(engine, atOnce, effects);
      samples.effects.push(perSecond);
      samples.five.push(await measureBare(database, atOnce, 5));
      samples.one.push(await measureBare(database, atOnce, 1));
    }
    figures.push(
      figure(`${name}, ${atOnce} at once: effects`, '1/s', samples.effects),
      figure(`${name}, ${atOnce} at once: bare, five statements`, '1/s', samples.five),
      figure(`${name}, ${atOnce} at once: bare, one statement`, '1/s', samples.one),
    );
  }
  await engine.stop(0);
  return figures;
}

/** Milliseconds to write 4 KB and flush them; what one lonely commit waits for at least. */
function measureFlush(directory: string): number[] {
  const file = openSync(join(directory, 'flush'), 'w');
  const block = Buffer.alloc(4096, 1);
  const samples = Array.from({ length: 200 }, (_, i) => {
    const started = performance.now();
    writeSync(file, block, 0, block.length, (i % 16) * block.length);
    fdatasyncSync(file);
    return performance.now() - started;
  });
  closeSync(file);
  return samples;
}

async function measurePostgres(): Promise<{ figures: Figure[]; note: string }> {
  if (postgresSkip) return { figures: [], note: postgresSkip };
  const cluster = await startPostgres({ durable: true });
  const database = await openDatabase({ url: await cluster.createDatabase(), log: silentLog });
  const shown = await sql<{ server_version: string }>`show server_version`.execute(database.read);
  const figures = await measureDatabase('PostgreSQL', database);
  await database.close();
  await cluster.stop();
  return { figures, note: `PostgreSQL ${shown.rows[0]?.server_version} on the same machine, over TCP.` };
}

const load = loadavg()[0]?.toFixed(1);
const directory = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
const flush = figure('4 KB written and flushed', 'ms', measureFlush(directory));
const sqlite = await openDatabase({ path: join(directory, 'bench.db'), log: silentLog });
const version = await sql<{ v: string }>`select sqlite_version() as v`.execute(sqlite.read);
const onSqlite = await measureDatabase('SQLite', sqlite);
await sqlite.close();
rmSync(directory, { recursive: true });
const onPostgres = await measurePostgres();
report(
  'engine',
  [flush, ...onSqlite, ...onPostgres.figures],
  [
    'An effect is one transaction of five statements (PostgreSQL: and BEGIN, COMMIT), each a round trip there.',
    `SQLite ${version.rows[0]?.v}, WAL, synchronous full.`,
    onPostgres.note,
    `Load average of the machine before: ${load}.`,
  ],
);
