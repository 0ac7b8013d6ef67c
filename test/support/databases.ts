/**
 * One test, every database: `onEveryDatabase(open => { test(…) })` runs a suite on SQLite and on PostgreSQL, each test
 * with a fresh database. Where PostgreSQL is not installed its suite is skipped and says why.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { silentLog } from '#base/log.ts';
import { openDatabase } from '#store/database.ts';
import type { Database, DatabaseOptions } from '#store/database.ts';
import { postgresSkip, startPostgres } from './postgres.ts';
import type { Cluster } from './postgres.ts';

/** Where a fresh database is; several nodes open the same place. */
export type Place = Pick<DatabaseOptions, 'url' | 'path'>;

export interface Databases {
  readonly dialect: Database['dialect'];
  /** A fresh, empty database that nobody has open. */
  createPlace(): Promise<Place>;
  /** Opens a place, or a fresh one; closed at the end of the suite if the test did not. */
  open(place?: Place, options?: Pick<DatabaseOptions, 'beforeWrite'>): Promise<Database>;
}

export function onEveryDatabase(suite: (databases: Databases) => void): void {
  describe('on SQLite', () => {
    const directories: string[] = [];
    const closing = createClosing();
    after(async () => {
      await closing.close();
      for (const directory of directories) rmSync(directory, { recursive: true, force: true });
    });
    suite(
      createDatabases('sqlite', closing, async () => {
        const directory = mkdtempSync(join(tmpdir(), 'slipway-test-'));
        directories.push(directory);
        return { path: join(directory, 'slipway.db') };
      }),
    );
  });
  describe('on PostgreSQL', { skip: postgresSkip }, () => {
    let cluster: Cluster | undefined;
    const closing = createClosing();
    before(async () => void (cluster = await startPostgres()));
    after(async () => {
      await closing.close();
      await cluster?.stop();
    });
    suite(
      createDatabases('postgres', closing, async () => {
        if (!cluster) throw new Error('the cluster is not running');
        return { url: await cluster.createDatabase() };
      }),
    );
  });
}

type Closing = ReturnType<typeof createClosing>;

function createClosing() {
  const databases = new Set<Database>();
  return {
    add: (database: Database) => void databases.add(database),
    delete: (database: Database) => void databases.delete(database),
    close: () => Promise.all([...databases].map((database) => database.close())),
  };
}

function createDatabases(
  dialect: Database['dialect'],
  closing: Closing,
  createPlace: () => Promise<Place>,
): Databases {
  return {
    dialect,
    createPlace,
    async open(place, options = {}) {
      const opened = await openDatabase({ ...(place ?? (await createPlace())), ...options, log: silentLog });
      const database: Database = {
        ...opened,
        async close() {
          closing.delete(database);
          await opened.close();
        },
      };
      closing.add(database);
      return database;
    },
  };
}
