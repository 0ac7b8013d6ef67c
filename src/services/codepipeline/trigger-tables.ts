/** The rows of what starts pipelines from outside: webhooks, and revisions that PutActionRevision has told of. */

import type { Kysely } from 'kysely';
import type { Migration } from '#engine/machine.ts';
import type { Database } from '#store/database.ts';

export type TriggerTables = {
  codepipeline_webhooks: WebhookRow;
  codepipeline_revisions: RevisionRow;
};

export interface WebhookRow {
  name: string;
  /** The secret part of its URL is derived from it; a webhook that is made again has another one. */
  webhook_id: string;
  /** Of that secret part, by which deliveries find their webhook. */
  token_hash: string;
  pipeline: string;
  action: string;
  authentication: string;
  /** JSON of `WebhookFilterRule[]`. */
  filters: string;
  allowed_range: string | null;
  /** Sealed. */
  secret: string | null;
  /** JSON: a map. */
  tags: string;
  triggered_at: number | null;
  error_code: string | null;
  error_message: string | null;
}

/** A change of a source action that has started an execution. */
export interface RevisionRow {
  pipeline_id: string;
  action: string;
  change_id: string;
  execution_id: string;
  seen_at: number;
}

export function triggerRows(database: Database): Kysely<TriggerTables> {
  return database.read.withTables<TriggerTables>();
}

export function withinTriggers(transaction: Kysely<unknown>): Kysely<TriggerTables> {
  return transaction.withTables<TriggerTables>();
}

export const triggerMigrations: readonly Migration[] = [
  { name: 'codepipeline/020-triggers', up: createTriggers },
];

async function createTriggers({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('codepipeline_webhooks')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('webhook_id', 'text', (column) => column.notNull())
    .addColumn('token_hash', 'text', (column) => column.notNull().unique())
    .addColumn('pipeline', 'text', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('authentication', 'text', (column) => column.notNull())
    .addColumn('filters', 'text', (column) => column.notNull())
    .addColumn('allowed_range', 'text')
    .addColumn('secret', 'text')
    .addColumn('tags', 'text', (column) => column.notNull())
    .addColumn('triggered_at', 'integer')
    .addColumn('error_code', 'text')
    .addColumn('error_message', 'text')
    .execute();
  await schema
    .createTable('codepipeline_revisions')
    .addColumn('pipeline_id', 'text', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('change_id', 'text', (column) => column.notNull())
    .addColumn('execution_id', 'text', (column) => column.notNull())
    .addColumn('seen_at', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('codepipeline_revisions_key', ['pipeline_id', 'action', 'change_id'])
    .execute();
}
