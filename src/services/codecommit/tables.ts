/** The rows of the room. References are not among them: those live in git only. */

import type { Kysely } from 'kysely';
import type { Migration } from '#store/database.ts';

// Type aliases, because Kysely wants rows with an index signature, which interfaces do not have.
export type Tables = {
  codecommit_repository: RepositoryRow;
  codecommit_open_change: OpenChangeRow;
};

export type RepositoryRow = {
  id: string;
  name: string;
  description: string | null;
  /** Short name; null while the repository has no branch. */
  default_branch: string | null;
  created_at: number;
  modified_at: number;
  /** JSON map. */
  tags: string;
};

/** Written with the intention of a change, removed with its record: what recovery has to look at. */
export type OpenChangeRow = {
  repository_id: string;
  change_id: string;
};

export function withTables(database: Kysely<unknown>): Kysely<Tables> {
  return database.withTables<Tables>();
}

export const migrations: readonly Migration[] = [
  {
    name: 'codecommit/001-repositories',
    async up(database) {
      const { schema } = database;
      await schema
        .createTable('codecommit_repository')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('name', 'text', (column) => column.notNull().unique())
        .addColumn('description', 'text')
        .addColumn('default_branch', 'text')
        .addColumn('created_at', 'integer', (column) => column.notNull())
        .addColumn('modified_at', 'integer', (column) => column.notNull())
        .addColumn('tags', 'text', (column) => column.notNull())
        .execute();
      await schema
        .createTable('codecommit_open_change')
        .addColumn('repository_id', 'text', (column) => column.primaryKey())
        .addColumn('change_id', 'text', (column) => column.notNull())
        .execute();
    },
  },
];
