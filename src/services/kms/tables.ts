/** The rows of the room beside its machines: an index of keys, their wrapped material, aliases and grants. */

import type { Kysely } from 'kysely';
import type { Migration } from '#store/database.ts';

export type Tables = {
  kms_key: KeyRow;
  kms_material: MaterialRow;
  kms_alias: AliasRow;
  kms_grant: GrantRow;
};

export type KeyRow = {
  key_id: string;
  created_at: number;
};

/** Goes with its key, and with it everything that the key ever encrypted. */
export type MaterialRow = {
  key_id: string;
  number: number;
  material_id: string;
  /** Sealed by the keyring for this key and number. */
  wrapped: string;
};

export type AliasRow = {
  /** `alias/name` */
  name: string;
  key_id: string;
  created_at: number;
  updated_at: number;
};

export type GrantRow = {
  grant_id: string;
  key_id: string;
  /** SHA-256 of the grant token. */
  token_hash: string;
  name: string | null;
  retiring_principal: string | null;
  created_at: number;
  /** JSON of `GrantBody`. */
  body: string;
};

export function withTables(database: Kysely<unknown>): Kysely<Tables> {
  return database.withTables<Tables>();
}

export const migrations: readonly Migration[] = [
  {
    name: 'kms/001-keys',
    async up({ schema }) {
      await schema
        .createTable('kms_key')
        .addColumn('key_id', 'text', (column) => column.primaryKey())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .execute();
      await schema
        .createTable('kms_material')
        .addColumn('key_id', 'text', (column) => column.notNull())
        .addColumn('number', 'bigint', (column) => column.notNull())
        .addColumn('material_id', 'text', (column) => column.notNull())
        .addColumn('wrapped', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('kms_material_key', ['key_id', 'number'])
        .execute();
      await schema
        .createTable('kms_alias')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('key_id', 'text', (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('updated_at', 'bigint', (column) => column.notNull())
        .execute();
      await schema.createIndex('kms_alias_target').on('kms_alias').column('key_id').execute();
      await schema
        .createTable('kms_grant')
        .addColumn('grant_id', 'text', (column) => column.primaryKey())
        .addColumn('key_id', 'text', (column) => column.notNull())
        .addColumn('token_hash', 'text', (column) => column.notNull())
        .addColumn('name', 'text')
        .addColumn('retiring_principal', 'text')
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('body', 'text', (column) => column.notNull())
        .execute();
      await schema.createIndex('kms_grant_target').on('kms_grant').column('key_id').execute();
    },
  },
];
