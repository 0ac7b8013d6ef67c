/**
 * The rows of the room. Management events are the history, found by several attributes; data events are kept only until
 * every trail that selects them has delivered them.
 */

import type { Kysely } from 'kysely';
import type { Migration } from '#engine/machine.ts';
import type { Database } from '#store/database.ts';

export type Tables = {
  cloudtrail_event: EventRow;
  cloudtrail_resource: ResourceRow;
  cloudtrail_data_event: DataEventRow;
  cloudtrail_trail: TrailRow;
  cloudtrail_key: KeyRow;
};

export type EventRow = {
  id: string;
  /** When the call was accepted; by it the history is ordered. */
  at: number;
  /** When the record was written; by it trails deliver, since no record comes later than it. */
  stored_at: number;
  source: string;
  name: string;
  read_only: number;
  user_name: string | null;
  access_key_id: string | null;
  /** Characters of the record. */
  size: number;
  /** JSON. */
  record: string;
};

export type ResourceRow = { event_id: string; at: number; type: string; name: string };

export type DataEventRow = Pick<EventRow, 'id' | 'stored_at' | 'size' | 'record'>;

/** Beside the machine of a trail, for lists and for what all trails want together. */
export type TrailRow = {
  name: string;
  is_logging: number;
  /** JSON of `Selectors`. */
  selectors: string;
};

export type KeyRow = {
  /** MD5 of the public key, hexadecimal. */
  fingerprint: string;
  /** PKCS#1 DER, base64. */
  public_key: string;
  /** Sealed PEM. */
  private_key: string;
  from_at: number;
  until_at: number;
};

/** Attributes by which an event is found, each with an index that holds the order as well. */
const FOUND_BY = ['source', 'name', 'read_only', 'user_name', 'access_key_id'] as const;

export const migrations: readonly Migration[] = [
  {
    name: 'cloudtrail/001-events',
    async up(database) {
      await database.schema
        .createTable('cloudtrail_event')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('at', 'integer', (column) => column.notNull())
        .addColumn('stored_at', 'integer', (column) => column.notNull())
        .addColumn('source', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('read_only', 'integer', (column) => column.notNull())
        .addColumn('user_name', 'text')
        .addColumn('access_key_id', 'text')
        .addColumn('size', 'integer', (column) => column.notNull())
        .addColumn('record', 'text', (column) => column.notNull())
        .execute();
      // The last one also holds the sizes, so that their sum is read from it alone.
      const orders = [
        ['at', 'id'],
        ['stored_at', 'id', 'size'],
      ];
      for (const columns of [...orders, ...FOUND_BY.map((each) => [each, 'at', 'id'])]) {
        await database.schema
          .createIndex(`cloudtrail_event_${columns[0]}`)
          .on('cloudtrail_event')
          .columns(columns)
          .execute();
      }
      await database.schema
        .createTable('cloudtrail_resource')
        .addColumn('event_id', 'text', (column) => column.notNull())
        .addColumn('at', 'integer', (column) => column.notNull())
        .addColumn('type', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .execute();
      for (const columns of [['name', 'at', 'event_id'], ['type', 'at', 'event_id'], ['at']]) {
        await database.schema
          .createIndex(`cloudtrail_resource_${columns[0]}`)
          .on('cloudtrail_resource')
          .columns(columns)
          .execute();
      }
      await database.schema
        .createTable('cloudtrail_data_event')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('stored_at', 'integer', (column) => column.notNull())
        .addColumn('size', 'integer', (column) => column.notNull())
        .addColumn('record', 'text', (column) => column.notNull())
        .execute();
      await database.schema
        .createIndex('cloudtrail_data_event_stored_at')
        .on('cloudtrail_data_event')
        .columns(['stored_at', 'id', 'size'])
        .execute();
    },
  },
  {
    name: 'cloudtrail/002-trails',
    async up(database) {
      await database.schema
        .createTable('cloudtrail_trail')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('is_logging', 'integer', (column) => column.notNull())
        .addColumn('selectors', 'text', (column) => column.notNull())
        .execute();
      await database.schema
        .createTable('cloudtrail_key')
        .addColumn('fingerprint', 'text', (column) => column.primaryKey())
        .addColumn('public_key', 'text', (column) => column.notNull())
        .addColumn('private_key', 'text', (column) => column.notNull())
        .addColumn('from_at', 'integer', (column) => column.notNull())
        .addColumn('until_at', 'integer', (column) => column.notNull())
        .execute();
    },
  },
];

/** Committed rows. */
export function readRows(database: Database): Kysely<Tables> {
  return database.read.withTables<Tables>();
}

export function withTables(transaction: Kysely<unknown>): Kysely<Tables> {
  return transaction.withTables<Tables>();
}
