/**
 * The database of the house: SQLite in the data directory, or PostgreSQL shared by several nodes. Both through
 * Kysely, so that rooms write one query for both. SQL types that rooms may use: text, integer (64 bit), blob.
 */

import type { Kysely } from 'kysely';

export interface Database {
  readonly dialect: 'sqlite' | 'postgres';
  /** For reads outside a transaction; sees committed data only. `database.read.withTables<Tables>()`. */
  readonly read: Kysely<unknown>;
  /**
   * Runs `work` in one transaction and commits when it resolves. Durable when this resolves. On a serialization
   * conflict `work` runs again, so it must have no effect outside `transaction`.
   */
  transaction<Result>(work: (transaction: Kysely<unknown>) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}
