/**
 * The database in one file: node:sqlite behind Kysely. WAL, synchronous FULL: what a transaction resolved to survives
 * a power failure. One connection writes, a second one reads what is committed. One process owns the file.
 *
 * Transactions that wait at the same time share one commit, and so one flush to disk; each has its own savepoint, so
 * that a failing one takes nothing from the others. All of them resolve, or reject, only after the common commit:
 *
 *   BEGIN ─ savepoint A ─ released ─ savepoint B ─ rolled back ─ savepoint C ─ released ─ COMMIT ─▶ A, B and C answer
 */

import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';
import { Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely';
import { assert, present } from '#base/assert.ts';
import { isWrite, toSqlParameter } from './queries.ts';

/** Transactions that share one commit; bounds how long the first of them waits for the others. */
const GROUP_SIZE_MAX = 64;
/** Transactions that may wait for the writer; beyond, the house is overloaded and says so. */
const WAITING_MAX = 20_000;
const STATEMENTS_CACHED_MAX = 1000;
const BUSY_TIMEOUT_MS = 5000;

export interface Opened {
  readonly read: Kysely<unknown>;
  transaction<Result>(work: (transaction: Kysely<unknown>) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

export function openSqlite(path: string, countWrite: () => void, isTemporary = false): Opened {
  // SQLite would make them readable for everybody; what it makes beside them has their mode.
  for (const file of [path, `${path}-owner`]) closeSync(openSync(file, 'a', 0o600));
  const owner = own(path);
  const writing = new DatabaseSync(path);
  writing.exec('pragma journal_mode = wal');
  writing.exec(`pragma synchronous = ${isTemporary ? 'off' : 'full'}`);
  writing.exec('pragma foreign_keys = on');
  writing.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}`);
  const reading = new DatabaseSync(path, { readOnly: true });
  reading.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}`);
  const write = createKysely(createWriter(writing, countWrite));
  const read = createKysely(createReader(reading));
  return {
    read,
    transaction: (work) => write.transaction().execute(work),
    async close() {
      reading.close();
      writing.close();
      owner.close();
    },
  };
}

/** Holds a lock that the system releases when the process ends, however it ends. */
function own(path: string): DatabaseSync {
  const owner = new DatabaseSync(`${path}-owner`);
  try {
    owner.exec('pragma busy_timeout = 0');
    owner.exec('begin exclusive');
    return owner;
  } catch (error) {
    owner.close();
    throw new Error(
      `${path} is in use by another running Slipway; stop it, or choose another data directory`,
      {
        cause: error,
      },
    );
  }
}

function createKysely(driver: Driver): Kysely<unknown> {
  return new Kysely<unknown>({
    dialect: {
      createDriver: () => driver,
      createQueryCompiler: () => new SqliteQueryCompiler(),
      createAdapter: () => new SqliteAdapter(),
      createIntrospector: (kysely) => new SqliteIntrospector(kysely),
    },
  });
}

function createReader(database: DatabaseSync): Driver {
  const connection = createConnection(database, () => {
    throw new Error('outside a transaction the database is only read');
  });
  const refuse = async () => {
    throw new Error('use database.transaction for transactions');
  };
  return {
    init: async () => {},
    acquireConnection: async () => connection,
    beginTransaction: refuse,
    commitTransaction: refuse,
    rollbackTransaction: refuse,
    releaseConnection: async () => {},
    destroy: async () => {},
  };
}

/** The transactions of one commit. */
interface Group {
  size: number;
  readonly committed: PromiseWithResolvers<void>;
}

function createWriter(database: DatabaseSync, countWrite: () => void): Driver {
  const waiting: (() => void)[] = [];
  let taken = false;
  let group: Group | undefined;
  /** Whether the transaction whose turn it is has begun and not yet ended. */
  let open = false;

  /** Commits the group if nobody else can join it, then lets the next transaction go. */
  const endTurn = async (): Promise<void> => {
    const mine = present(group, 'the group of a transaction');
    open = false;
    mine.size++;
    if (waiting.length === 0 || mine.size >= GROUP_SIZE_MAX || !database.isTransaction) {
      group = undefined;
      commit(mine);
    }
    passTurn();
    await mine.committed.promise;
  };
  const commit = (ending: Group) => {
    try {
      assert(database.isTransaction, 'SQLite gave up the transaction by itself');
      countWrite();
      database.exec('commit');
      ending.committed.resolve();
    } catch (error) {
      if (database.isTransaction) database.exec('rollback');
      ending.committed.reject(error);
    }
  };
  const passTurn = () => {
    const next = waiting.shift();
    if (next) next();
    else taken = false;
  };

  const connection = createConnection(database, countWrite);
  return {
    init: async () => {},
    async acquireConnection() {
      if (taken) {
        assert(waiting.length < WAITING_MAX, `more than ${WAITING_MAX} transactions wait for the database`);
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
      taken = true;
      return connection;
    },
    async beginTransaction() {
      try {
        if (!group) {
          database.exec('begin immediate');
          group = { size: 0, committed: Promise.withResolvers() };
          // Members hear of a failure through their own waiting; nobody else needs to.
          group.committed.promise.catch(() => {});
        }
        database.exec('savepoint work');
        open = true;
      } catch (error) {
        passTurn();
        throw error;
      }
    },
    async commitTransaction() {
      database.exec('release work');
      await endTurn();
    },
    async rollbackTransaction() {
      // Also called after a failed commit, when there is nothing left to undo.
      if (!open) return;
      if (database.isTransaction) database.exec('rollback to work; release work');
      // The caller gets the error that brought us here; that the others' commit failed too adds nothing to it.
      await endTurn().catch(() => {});
    },
    releaseConnection: async () => {},
    destroy: async () => {},
  };
}

interface Prepared {
  readonly statement: StatementSync;
  readonly returnsRows: boolean;
  readonly writes: boolean;
}

function createConnection(database: DatabaseSync, countWrite: () => void): DatabaseConnection {
  const cache = new Map<string, Prepared>();
  const prepare = (sql: string): Prepared => {
    const known = cache.get(sql);
    if (known) return known;
    const statement = database.prepare(sql);
    const prepared = {
      statement,
      returnsRows: statement.columns().length > 0,
      writes: isWrite(sql),
    };
    const oldest = cache.size >= STATEMENTS_CACHED_MAX ? cache.keys().next().value : undefined;
    if (oldest !== undefined) cache.delete(oldest);
    cache.set(sql, prepared);
    return prepared;
  };
  return {
    async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
      const { statement, returnsRows, writes } = prepare(query.sql);
      if (writes) countWrite();
      const parameters = query.parameters.map(toSqlParameter);
      if (returnsRows) {
        // Spread, because the rows of node:sqlite are no ordinary objects: they have no prototype.
        const rows = statement.all(...parameters).map((row) => ({ ...row })) as Row[];
        return writes ? { rows, numAffectedRows: BigInt(rows.length) } : { rows };
      }
      const { changes, lastInsertRowid } = statement.run(...parameters);
      return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
    },
    async *streamQuery<Row>(query: CompiledQuery): AsyncIterableIterator<QueryResult<Row>> {
      yield await this.executeQuery<Row>(query);
    },
  };
}
