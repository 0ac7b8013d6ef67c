/** The rows of Parameter Store: parameters by name, and the versions and labels that are kept of each. */

import type { Kysely } from 'kysely';
import type { Migration } from '#engine/machine.ts';

export type Tables = {
  ssm_parameter: ParameterRow;
  ssm_version: VersionRow;
  ssm_label: LabelRow;
};

export type ParameterRow = {
  name: string;
  /** Of the machine; a parameter that is made again has another one. */
  parameter_id: string;
  /** Number of the newest version. */
  version: number;
  /** JSON: a map. */
  tags: string;
};

export type VersionRow = {
  parameter_id: string;
  version: number;
  type: string;
  /** Sealed for this row: the value, or for `SecureString` what KMS or its data key made of it. */
  value: string;
  /** As the request named it; only of `SecureString`. */
  key_id: string | null;
  description: string;
  allowed_pattern: string;
  tier: string;
  data_type: string;
  /** JSON: a list of `ParameterPolicy`. */
  policies: string;
  modified_at: number;
  modified_by: string;
};

export type LabelRow = {
  parameter_id: string;
  label: string;
  version: number;
};

export function withTables(database: Kysely<unknown>): Kysely<Tables> {
  return database.withTables<Tables>();
}

export const migrations: readonly Migration[] = [
  {
    name: 'ssm/001-parameters',
    async up({ schema }) {
      await schema
        .createTable('ssm_parameter')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('parameter_id', 'text', (column) => column.notNull().unique())
        .addColumn('version', 'bigint', (column) => column.notNull())
        .addColumn('tags', 'text', (column) => column.notNull())
        .execute();
      await schema
        .createTable('ssm_version')
        .addColumn('parameter_id', 'text', (column) => column.notNull())
        .addColumn('version', 'bigint', (column) => column.notNull())
        .addColumn('type', 'text', (column) => column.notNull())
        .addColumn('value', 'text', (column) => column.notNull())
        .addColumn('key_id', 'text')
        .addColumn('description', 'text', (column) => column.notNull())
        .addColumn('allowed_pattern', 'text', (column) => column.notNull())
        .addColumn('tier', 'text', (column) => column.notNull())
        .addColumn('data_type', 'text', (column) => column.notNull())
        .addColumn('policies', 'text', (column) => column.notNull())
        .addColumn('modified_at', 'bigint', (column) => column.notNull())
        .addColumn('modified_by', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('ssm_version_key', ['parameter_id', 'version'])
        .execute();
      await schema
        .createTable('ssm_label')
        .addColumn('parameter_id', 'text', (column) => column.notNull())
        .addColumn('label', 'text', (column) => column.notNull())
        .addColumn('version', 'bigint', (column) => column.notNull())
        .addPrimaryKeyConstraint('ssm_label_key', ['parameter_id', 'label'])
        .execute();
    },
  },
];
