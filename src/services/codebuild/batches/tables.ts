/** The rows beside the machines of batches: an index of them with all that they were asked for, and their count. */

import type { Kysely } from 'kysely';
import type { Migration } from '#engine/machine.ts';
import type { Database } from '#store/database.ts';

export type BatchTables = {
  codebuild_batch: BatchRow;
  codebuild_batch_count: BatchCountRow;
};

export type BatchRow = {
  /** `<project>:<uuid>`, also the id of its machine. */
  batch_id: string;
  project_name: string;
  number: number;
  started_at: number;
  status: string;
  is_complete: number;
  /** JSON of `BatchRequest`. */
  request: string;
};

export type BatchCountRow = {
  project_name: string;
  /** The number of its last batch. */
  count: number;
};

export function batchTables(database: Database | Kysely<unknown>): Kysely<BatchTables> {
  return ('read' in database ? database.read : database).withTables<BatchTables>();
}

export const batchMigration: Migration = {
  name: 'codebuild/009-batches',
  async up({ schema }) {
    await schema
      .createTable('codebuild_batch')
      .addColumn('batch_id', 'text', (column) => column.primaryKey())
      .addColumn('project_name', 'text', (column) => column.notNull())
      .addColumn('number', 'bigint', (column) => column.notNull())
      .addColumn('started_at', 'bigint', (column) => column.notNull())
      .addColumn('status', 'text', (column) => column.notNull())
      .addColumn('is_complete', 'bigint', (column) => column.notNull())
      .addColumn('request', 'text', (column) => column.notNull())
      .execute();
    await schema
      .createIndex('codebuild_batch_project')
      .on('codebuild_batch')
      .columns(['project_name', 'number'])
      .execute();
    await schema
      .createIndex('codebuild_batch_started')
      .on('codebuild_batch')
      .columns(['started_at', 'batch_id'])
      .execute();
    await schema
      .createTable('codebuild_batch_count')
      .addColumn('project_name', 'text', (column) => column.primaryKey())
      .addColumn('count', 'bigint', (column) => column.notNull())
      .execute();
  },
};
