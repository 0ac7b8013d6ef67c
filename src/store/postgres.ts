/**
 * The database shared by several nodes: PostgreSQL through `pg` and Kysely. Transactions are SERIALIZABLE, as they are
 * on SQLite, so that rooms have one model in mind; a conflict runs the work again, a bounded number of times. The
 * engine asks for snapshots (REPEATABLE READ): its rows are fenced by revisions and leases, and SERIALIZABLE locks
 * index pages, so that with 16 effects at a time it ran 10 transactions to commit one (measured).
 */

import {
  ColumnDefinitionNode,
  Kysely,
  PostgresAdapter,
  PostgresDialect,
  PostgresQueryCompiler,
} from 'kysely';
import type { DataTypeNode, PostgresPoolClient } from 'kysely';
import pg from 'pg';
import type { PoolClient } from 'pg';
import { Bug } from '#base/assert.ts';
import type { Log } from '#base/log.ts';
import { openNotices } from './notices.ts';
import { isWrite, toSqlParameter } from './queries.ts';

const READ_CONNECTIONS_MAX = 8;
const WRITE_CONNECTIONS_MAX = 16;
const CONNECT_TIMEOUT_MS = 10_000;
/** After so many conflicts in a row something else is wrong, and the error is told. */
const TRANSACTION_TRIES_MAX = 30;
const CONFLICT_PAUSE_MS_MAX = 50;
/** A node that stops inside a transaction would hold its locks, and so hold up the others, until it goes on. */
const IDLE_IN_TRANSACTION_MS_MAX = 5_000;
const STATEMENTS_NAMED_MAX = 1000;

const SERIALIZATION_FAILURE = '40001';
const DEADLOCK_DETECTED = '40P01';
const TYPE_INT8 = 20;
const TYPE_NUMERIC = 1700;

/** Reads have connections of their own, so that a transaction whose work also reads outside cannot wait for itself. */
export async function openPostgres(url: string, log: Log, countWrite: () => void) {
  const reading = createPool(url, log, READ_CONNECTIONS_MAX);
  const writing = createPool(url, log, WRITE_CONNECTIONS_MAX);
  const notices = openNotices(url, log);
  const close = async () => void (await Promise.all([notices.close(), reading.end(), writing.end()]));
  const names = new Map<string, string>();
  const refuseWrite = () => {
    throw new Error('outside a transaction the database is only read');
  };
  const read = createKysely(reading, (client) => wrapClient(client, names, refuseWrite));
  const write = createKysely(writing, (client) => wrapClient(client, names, countWrite));
  try {
    await reading.query('select 1');
  } catch (error) {
    await close();
    throw new Error(`the database cannot be reached: ${(error as Error).message}`, { cause: error });
  }
  return {
    read,
    transaction: <Result>(
      work: (transaction: Kysely<unknown>) => Promise<Result>,
      isolation: 'serializable' | 'snapshot',
    ) => {
      const level = isolation === 'snapshot' ? 'repeatable read' : 'serializable';
      return withConflictRetries(() => write.transaction().setIsolationLevel(level).execute(work));
    },
    notices,
    close,
  };
}

function createPool(url: string, log: Log, max: number): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'slipway',
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS_MAX,
    // Serializable transactions conflict on what they looked at; a sequential scan looks at the whole table.
    options: '-c enable_seqscan=off -c jit=off',
    types: {
      getTypeParser: (type: number, format?: 'text' | 'binary') =>
        type === TYPE_INT8 || type === TYPE_NUMERIC
          ? parseInteger
          : pg.types.getTypeParser(type, format as 'text'),
    },
  });
  pool.on('error', (error) => log.warn('an idle database connection failed', { error }));
  // A connection in use tells its failure to the query that uses it; without a listener it would end the process.
  pool.on('connect', (client) => client.on('error', (error) => log.debug('a connection failed', { error })));
  return pool;
}

function createKysely(pool: pg.Pool, wrap: (client: PoolClient) => PostgresPoolClient): Kysely<unknown> {
  const dialect = new PostgresDialect({
    pool: { connect: async () => wrap(await pool.connect()), end: async () => {} },
  });
  return new Kysely<unknown>({
    dialect: {
      createDriver: () => dialect.createDriver(),
      createQueryCompiler: () => new SharedSqlCompiler(),
      createAdapter: () => new PostgresAdapter(),
      createIntrospector: (database) => dialect.createIntrospector(database),
    },
  });
}

async function withConflictRetries<Result>(run: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await run();
    } catch (error) {
      if (!(isConflict(error) || error instanceof ConnectionLost) || tries >= TRANSACTION_TRIES_MAX)
        throw error;
      const pause = Math.random() * Math.min(2 ** tries, CONFLICT_PAUSE_MS_MAX);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

function isConflict(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === SERIALIZATION_FAILURE || code === DEADLOCK_DETECTED;
}

function parseInteger(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new Bug(`the database holds an integer beyond 2^53: ${text}`);
  }
  return value;
}

/** The connection failed before the commit was asked for, so that nothing happened and the work can run again. */
class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/** The connection failed while committing. Whoever asked must ask again, and find out what is. */
class CommitInDoubt extends Error {
  override readonly name = 'CommitInDoubt';
}

/** Connection exceptions (class 08), sessions ended by the server, and errors of the socket. */
function isConnectionFailure(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  if (code !== undefined) return /^(?:08...|57P0[123]|25P03|ECONNRESET|EPIPE)$/.test(code);
  return /^(?:Connection terminated|Client has encountered a connection error)/.test(message ?? '');
}

/** Counts writes, converts values, and lets the server keep the plan of every query that it sees again. */
function wrapClient(
  client: PoolClient,
  names: Map<string, string>,
  countWrite: () => void,
): PostgresPoolClient {
  let isCommitAsked = false;
  const query = async (sql: string, values: readonly unknown[]) => {
    if (sql === 'commit' || isWrite(sql)) countWrite();
    isCommitAsked ||= sql === 'commit';
    try {
      return await client.query({ name: nameOf(sql, names), text: sql, values: values.map(toSqlParameter) });
    } catch (error) {
      if (!isConnectionFailure(error)) throw error;
      throw isCommitAsked
        ? new CommitInDoubt('the connection was lost during a commit, which may have happened or not', {
            cause: error,
          })
        : new ConnectionLost('the connection to the database was lost', { cause: error });
    }
  };
  return {
    query: query as unknown as PostgresPoolClient['query'],
    release: (destroy) => client.release(destroy),
  };
}

function nameOf(sql: string, names: Map<string, string>): string | undefined {
  const known = names.get(sql);
  if (known !== undefined) return known;
  if (names.size >= STATEMENTS_NAMED_MAX || !/^\s*(?:select|insert|update|delete)/i.test(sql))
    return undefined;
  const name = `s${names.size}`;
  names.set(sql, name);
  return name;
}

/** Gives the common SQL types their PostgreSQL names; texts sort by code points, as on SQLite. */
class SharedSqlCompiler extends PostgresQueryCompiler {
  protected override visitDataType(node: DataTypeNode): void {
    const inColumn = this.parentNode !== undefined && ColumnDefinitionNode.is(this.parentNode);
    if (node.dataType === 'integer') this.append('bigint');
    else if (node.dataType === 'blob') this.append('bytea');
    else if (node.dataType === 'text' && inColumn) this.append('text collate "C"');
    else super.visitDataType(node);
  }
}
