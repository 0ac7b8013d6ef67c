/**
 * The database of the house: SQLite in the data directory, or PostgreSQL shared by several nodes. Both through
 * Kysely, so that rooms write one query for both. SQL types that rooms may use: text, integer (64 bit), blob.
 * Booleans are stored as integers, JSON as text; integers come back as numbers, up to 2^53.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import { assert } from '#base/assert.ts';
import type { Log } from '#base/log.ts';
import type { Notices } from './notices.ts';
import { openSqlite } from './sqlite.ts';

/**
 * `serializable` (the default): as if transactions came one after the other. `snapshot`: cheaper on PostgreSQL, for
 * work that writes only what it has read, or is fenced by what it writes; SQLite is always serializable.
 */
export type Isolation = 'serializable' | 'snapshot';

export interface Database {
  readonly dialect: 'sqlite' | 'postgres';
  /** For reads outside a transaction; sees committed data only. `database.read.withTables<Tables>()`. */
  readonly read: Kysely<unknown>;
  /**
   * Runs `work` in one transaction and commits when it resolves. Durable when this resolves. On a serialization
   * conflict `work` runs again, so it must have no effect outside `transaction`. Transactions do not nest.
   */
  transaction<Result>(
    work: (transaction: Kysely<unknown>) => Promise<Result>,
    isolation?: Isolation,
  ): Promise<Result>;
  /** What nodes tell each other; absent on SQLite, which has one node. */
  readonly notices?: Notices;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** `postgres://…`; without it the database is the SQLite file at `path`. */
  readonly url?: string;
  /** The SQLite file; made if it is not there. One process owns it, a second one is refused. */
  readonly path?: string;
  /** Nobody opens it again: what is written need not survive a power failure. */
  readonly isTemporary?: boolean;
  readonly log: Log;
  /**
   * For tests: called before the n-th write since opening (a writing statement or a commit); what it throws, the
   * write throws.
   */
  readonly beforeWrite?: (n: number) => void;
}

/** A schema step. Steps run once, in the order of their names; all that a start has to do is one transaction. */
export interface Migration {
  /** `<room>/<number>-<what>`: `codebuild/001-projects`. */
  readonly name: string;
  up(database: Kysely<unknown>): Promise<void>;
}

interface Opened extends Pick<Database, 'read' | 'close' | 'notices'> {
  transaction<Result>(
    work: (transaction: Kysely<unknown>) => Promise<Result>,
    isolation: Isolation,
  ): Promise<Result>;
}

export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { url, path, log, beforeWrite, isTemporary } = options;
  assert((url === undefined) !== (path === undefined), 'a database is opened either by url or by path');
  let writes = 0;
  const countWrite = () => {
    writes++;
    beforeWrite?.(writes);
  };
  const dialect = url === undefined ? ('sqlite' as const) : ('postgres' as const);
  const opened: Opened =
    url === undefined
      ? openSqlite(path as string, countWrite, isTemporary)
      : await (await import('./postgres.ts')).openPostgres(url, log, countWrite);
  const current = new AsyncLocalStorage<{ open: boolean }>();
  return {
    dialect,
    read: opened.read,
    ...(opened.notices ? { notices: opened.notices } : {}),
    async transaction(work, isolation = 'serializable') {
      assert(current.getStore()?.open !== true, 'a transaction was asked for inside a transaction');
      const scope = { open: true };
      try {
        return await current.run(scope, () => opened.transaction(work, isolation));
      } finally {
        scope.open = false;
      }
    },
    close: () => opened.close(),
  };
}

type Tables = { schema_steps: { name: string } };

/**
 * Grows the schema. Each step runs once, in the order of the names, in one transaction together with the note that it
 * ran; two nodes that start together take turns.
 */
export async function migrate(database: Database, migrations: readonly Migration[]): Promise<void> {
  const names = new Set(migrations.map((migration) => migration.name));
  assert(names.size === migrations.length, 'two migrations have the same name');
  await createNotes(database);
  const done = await stepsDone(database.read);
  const pending = migrations.filter(({ name }) => !done.has(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
  if (pending.length === 0) return;
  // One flush for all of them, and a first start that breaks off leaves nothing.
  await database.transaction(async (transaction) => {
    // The lock comes before the first read, so that the snapshot is younger than another node's commit.
    if (database.dialect === 'postgres') await sql`lock table schema_steps`.execute(transaction);
    const doneMeanwhile = await stepsDone(transaction);
    for (const { name, up } of pending) {
      if (doneMeanwhile.has(name)) continue;
      await up(transaction);
      await transaction.withTables<Tables>().insertInto('schema_steps').values({ name }).execute();
    }
  });
}

/** Throws unless the database has exactly this schema: for a node that leaves changes of it to others. */
export async function checkSchema(database: Database, migrations: readonly Migration[]): Promise<void> {
  const done = await stepsDone(database.read).catch((error: unknown) => {
    throw new Error('The database holds no Slipway. Start a server on it first.', { cause: error });
  });
  const missing = migrations.find(({ name }) => !done.has(name));
  if (missing) {
    throw new Error(
      `The database is of an older Slipway (it lacks ${missing.name}). Start a server of this version on it first.`,
    );
  }
  const names = new Set(migrations.map(({ name }) => name));
  const unknown = [...done].find((name) => !names.has(name));
  if (unknown !== undefined) {
    throw new Error(
      `The database is of a newer Slipway (it has ${unknown}). Use the version of the servers here, too.`,
    );
  }
}

async function stepsDone(database: Kysely<unknown>): Promise<ReadonlySet<string>> {
  const steps = await database.withTables<Tables>().selectFrom('schema_steps').select('name').execute();
  return new Set(steps.map(({ name }) => name));
}

async function createNotes(database: Database): Promise<void> {
  try {
    await database.transaction(async (transaction) => {
      await transaction.schema
        .createTable('schema_steps')
        .ifNotExists()
        .addColumn('name', 'text', (column) => column.primaryKey())
        .execute();
    });
  } catch (error) {
    // Two nodes creating one table at the same time is an error on PostgreSQL, for one of them; the table is there.
    const query = database.read.withTables<Tables>().selectFrom('schema_steps').select('name').limit(1);
    await query.execute().catch(() => {
      throw error;
    });
  }
}
