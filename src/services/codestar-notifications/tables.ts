/** The rows of the room: rules with their targets, and the notices whose machines are to be forgotten when they end. */

import type { Kysely } from 'kysely';
import type { Migration } from '#engine/machine.ts';
import type { Database } from '#store/database.ts';

export type Tables = {
  notifications_rule: RuleRow;
  notifications_target: TargetRow;
  notifications_notice: NoticeRow;
};

export type RuleRow = {
  rule_id: string;
  name: string;
  /** ARN of what it is about. */
  resource: string;
  /** JSON list, sorted. */
  event_types: string;
  is_full: number;
  is_enabled: number;
  created_by: string;
  created_at: number;
  changed_at: number;
  /** JSON map. */
  tags: string;
  /** Of the request that made it. */
  client_token: string | null;
};

export type TargetRow = {
  rule_id: string;
  address: string;
  type: string;
  status: string;
};

export type NoticeRow = { notice_id: string; ended_at: number };

export function tables(database: Database | Kysely<unknown>): Kysely<Tables> {
  return ('read' in database ? database.read : database).withTables<Tables>();
}

export const migrations: readonly Migration[] = [
  {
    name: 'codestar-notifications/001-rules-targets-notices',
    async up(database) {
      const { schema } = database;
      await schema
        .createTable('notifications_rule')
        .addColumn('rule_id', 'text', (column) => column.primaryKey())
        .addColumn('name', 'text', (column) => column.notNull().unique())
        .addColumn('resource', 'text', (column) => column.notNull())
        .addColumn('event_types', 'text', (column) => column.notNull())
        .addColumn('is_full', 'bigint', (column) => column.notNull())
        .addColumn('is_enabled', 'bigint', (column) => column.notNull())
        .addColumn('created_by', 'text', (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('changed_at', 'bigint', (column) => column.notNull())
        .addColumn('tags', 'text', (column) => column.notNull())
        .addColumn('client_token', 'text', (column) => column.unique())
        .execute();
      await schema
        .createIndex('notifications_rule_resource')
        .on('notifications_rule')
        .column('resource')
        .execute();
      await schema
        .createTable('notifications_target')
        .addColumn('rule_id', 'text', (column) => column.notNull())
        .addColumn('address', 'text', (column) => column.notNull())
        .addColumn('type', 'text', (column) => column.notNull())
        .addColumn('status', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('notifications_target_key', ['rule_id', 'address'])
        .execute();
      await schema
        .createTable('notifications_notice')
        .addColumn('notice_id', 'text', (column) => column.primaryKey())
        .addColumn('ended_at', 'bigint', (column) => column.notNull())
        .execute();
      await schema
        .createIndex('notifications_notice_ended')
        .on('notifications_notice')
        .column('ended_at')
        .execute();
    },
  },
];
