/** The rows of Secrets Manager: secrets, the versions of their values, and which label is on which version. */

import type { Kysely } from 'kysely';
import type { Migration } from '#engine/machine.ts';

export type Tables = {
  secretsmanager_secret: SecretRow;
  secretsmanager_version: VersionRow;
  secretsmanager_stage: StageRow;
};

export type SecretRow = {
  arn: string;
  name: string;
  description: string;
  /** As the request named it; `null` for the account's default key. */
  kms_key_id: string | null;
  /** JSON: a map. */
  tags: string;
  policy: string | null;
  created_at: number;
  changed_at: number;
  /** The day of the last reading, as its beginning; 0 for never. */
  accessed_at: number;
  /** When it will be gone for ever; only of a secret that is marked as deleted. */
  delete_at: number | null;
};

export type VersionRow = {
  arn: string;
  version_id: string;
  created_at: number;
  accessed_at: number;
  kms_key_id: string;
  /** Base64: the key of the value, as KMS encrypted it. */
  data_key: string;
  /** The value, sealed with that key. */
  sealed: string;
  /** Keyed digest of the value: whether a repeated request brings the same. */
  digest: string;
};

export type StageRow = {
  arn: string;
  stage: string;
  version_id: string;
};

export function withTables(database: Kysely<unknown>): Kysely<Tables> {
  return database.withTables<Tables>();
}

export const migrations: readonly Migration[] = [
  {
    name: 'secretsmanager/001-secrets',
    async up({ schema }) {
      await schema
        .createTable('secretsmanager_secret')
        .addColumn('arn', 'text', (column) => column.primaryKey())
        .addColumn('name', 'text', (column) => column.notNull().unique())
        .addColumn('description', 'text', (column) => column.notNull())
        .addColumn('kms_key_id', 'text')
        .addColumn('tags', 'text', (column) => column.notNull())
        .addColumn('policy', 'text')
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('changed_at', 'bigint', (column) => column.notNull())
        .addColumn('accessed_at', 'bigint', (column) => column.notNull())
        .addColumn('delete_at', 'bigint')
        .execute();
      for (const column of ['created_at', 'changed_at', 'accessed_at', 'delete_at']) {
        await schema
          .createIndex(`secretsmanager_secret_${column}`)
          .on('secretsmanager_secret')
          .columns([column, 'name'])
          .execute();
      }
      await schema
        .createTable('secretsmanager_version')
        .addColumn('arn', 'text', (column) => column.notNull())
        .addColumn('version_id', 'text', (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('accessed_at', 'bigint', (column) => column.notNull())
        .addColumn('kms_key_id', 'text', (column) => column.notNull())
        .addColumn('data_key', 'text', (column) => column.notNull())
        .addColumn('sealed', 'text', (column) => column.notNull())
        .addColumn('digest', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('secretsmanager_version_key', ['arn', 'version_id'])
        .execute();
      await schema
        .createTable('secretsmanager_stage')
        .addColumn('arn', 'text', (column) => column.notNull())
        .addColumn('stage', 'text', (column) => column.notNull())
        .addColumn('version_id', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('secretsmanager_stage_key', ['arn', 'stage'])
        .execute();
    },
  },
];
