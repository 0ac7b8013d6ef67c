/**
 * The rows of this room: pipelines by name with every version of their declarations, what their sources watch, and
 * the history of executions and actions. Whatever is in flight lives in the machine; rows are written with it.
 */

import type { Kysely } from 'kysely';
import type { Migration } from '#engine/machine.ts';
import type { Database } from '#store/database.ts';

export type Tables = {
  codepipeline_pipelines: PipelineRow;
  codepipeline_versions: VersionRow;
  codepipeline_sources: SourceRow;
  codepipeline_executions: ExecutionRow;
  codepipeline_actions: ActionRow;
  codepipeline_rules: RuleRow;
  codepipeline_successes: SuccessRow;
  codepipeline_tokens: TokenRow;
};

export interface PipelineRow {
  /** Of the machine. A new pipeline with a deleted one's name has a new id, and so no history. */
  pipeline_id: string;
  name: string;
  version: number;
  created_at: number;
  updated_at: number;
  /** JSON: a map. */
  tags: string;
}

export interface VersionRow {
  pipeline_id: string;
  version: number;
  /** JSON of `Declaration`. */
  declaration: string;
}

/** Where pushes and new objects find the pipelines they start. */
export interface SourceRow {
  pipeline_id: string;
  action: string;
  /** `CodeCommit` or `S3` */
  provider: string;
  /** Repository or bucket. */
  place: string;
  /** Branch or object key. */
  entry: string;
}

export interface ExecutionRow {
  execution_id: string;
  pipeline_id: string;
  /** Rises with every execution of the pipeline. */
  number: number;
  status: string;
  started_at: number;
  changed_at: number;
  /** JSON of `ExecutionFacts`. */
  facts: string;
}

export interface ActionRow {
  action_execution_id: string;
  pipeline_id: string;
  execution_id: string;
  version: number;
  stage: string;
  action: string;
  status: string;
  started_at: number;
  changed_at: number;
  external_id: string | null;
  /** Of an approval that a person answered; it tells a second answer that it comes too late. */
  answered_token: string | null;
  /** JSON of `ActionInput`, written once. */
  input: string;
  /** JSON of `ActionOutput`. */
  output: string;
}

/** One evaluation of one rule of a condition. */
export interface RuleRow {
  rule_execution_id: string;
  pipeline_id: string;
  execution_id: string;
  version: number;
  stage: string;
  rule: string;
  /** `beforeEntry`, `onSuccess` or `onFailure` */
  condition: string;
  status: string;
  started_at: number;
  changed_at: number;
  external_id: string | null;
  /** JSON of `RuleInput`, written once. */
  input: string;
  /** JSON of `RuleOutput`. */
  output: string;
}

/** A stage in which an execution succeeded. */
export interface SuccessRow {
  pipeline_id: string;
  stage: string;
  execution_id: string;
  version: number;
}

/** The token of a start, by which a repeated start is known for a day. */
export interface TokenRow {
  pipeline_id: string;
  token: string;
  fingerprint: string;
  execution_id: string;
  started_at: number;
}

export function rows(database: Database): Kysely<Tables> {
  return database.read.withTables<Tables>();
}

export function within(transaction: Kysely<unknown>): Kysely<Tables> {
  return transaction.withTables<Tables>();
}

export const migrations: readonly Migration[] = [
  { name: 'codepipeline/001-pipelines', up: createPipelines },
  { name: 'codepipeline/002-history', up: createHistory },
  { name: 'codepipeline/003-rules', up: createRules },
  { name: 'codepipeline/008-tokens', up: createTokens },
  { name: 'codepipeline/009-rules-of-execution', up: indexRules },
];

async function createPipelines({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('codepipeline_pipelines')
    .addColumn('pipeline_id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .addColumn('updated_at', 'integer', (column) => column.notNull())
    .addColumn('tags', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createTable('codepipeline_versions')
    .addColumn('pipeline_id', 'text', (column) => column.notNull())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('declaration', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('codepipeline_versions_key', ['pipeline_id', 'version'])
    .execute();
  await schema
    .createTable('codepipeline_sources')
    .addColumn('pipeline_id', 'text', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('provider', 'text', (column) => column.notNull())
    .addColumn('place', 'text', (column) => column.notNull())
    .addColumn('entry', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('codepipeline_sources_key', ['pipeline_id', 'action'])
    .execute();
  await schema
    .createIndex('codepipeline_sources_watched')
    .on('codepipeline_sources')
    .columns(['provider', 'place', 'entry'])
    .execute();
}

async function createHistory({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('codepipeline_executions')
    .addColumn('execution_id', 'text', (column) => column.primaryKey())
    .addColumn('pipeline_id', 'text', (column) => column.notNull())
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('started_at', 'integer', (column) => column.notNull())
    .addColumn('changed_at', 'integer', (column) => column.notNull())
    .addColumn('facts', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createIndex('codepipeline_executions_newest')
    .on('codepipeline_executions')
    .columns(['pipeline_id', 'number'])
    .execute();
  await schema
    .createTable('codepipeline_actions')
    .addColumn('action_execution_id', 'text', (column) => column.primaryKey())
    .addColumn('pipeline_id', 'text', (column) => column.notNull())
    .addColumn('execution_id', 'text', (column) => column.notNull())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('stage', 'text', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('started_at', 'integer', (column) => column.notNull())
    .addColumn('changed_at', 'integer', (column) => column.notNull())
    .addColumn('external_id', 'text')
    .addColumn('answered_token', 'text')
    .addColumn('input', 'text', (column) => column.notNull())
    .addColumn('output', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createIndex('codepipeline_actions_newest')
    .on('codepipeline_actions')
    .columns(['pipeline_id', 'started_at', 'action_execution_id'])
    .execute();
  await schema
    .createIndex('codepipeline_actions_execution')
    .on('codepipeline_actions')
    .column('execution_id')
    .execute();
  await schema
    .createIndex('codepipeline_actions_external')
    .on('codepipeline_actions')
    .column('external_id')
    .execute();
  await schema
    .createTable('codepipeline_successes')
    .addColumn('pipeline_id', 'text', (column) => column.notNull())
    .addColumn('stage', 'text', (column) => column.notNull())
    .addColumn('execution_id', 'text', (column) => column.notNull())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('codepipeline_successes_key', ['pipeline_id', 'stage', 'execution_id'])
    .execute();
}

async function createRules({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('codepipeline_rules')
    .addColumn('rule_execution_id', 'text', (column) => column.primaryKey())
    .addColumn('pipeline_id', 'text', (column) => column.notNull())
    .addColumn('execution_id', 'text', (column) => column.notNull())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('stage', 'text', (column) => column.notNull())
    .addColumn('rule', 'text', (column) => column.notNull())
    .addColumn('condition', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('started_at', 'integer', (column) => column.notNull())
    .addColumn('changed_at', 'integer', (column) => column.notNull())
    .addColumn('external_id', 'text')
    .addColumn('input', 'text', (column) => column.notNull())
    .addColumn('output', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createIndex('codepipeline_rules_newest')
    .on('codepipeline_rules')
    .columns(['pipeline_id', 'started_at'])
    .execute();
  await schema
    .createIndex('codepipeline_rules_external')
    .on('codepipeline_rules')
    .columns(['external_id'])
    .execute();
}

async function createTokens({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('codepipeline_tokens')
    .addColumn('pipeline_id', 'text', (column) => column.notNull())
    .addColumn('token', 'text', (column) => column.notNull())
    .addColumn('fingerprint', 'text', (column) => column.notNull())
    .addColumn('execution_id', 'text', (column) => column.notNull())
    .addColumn('started_at', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('codepipeline_tokens_key', ['pipeline_id', 'token'])
    .execute();
  await schema
    .createIndex('codepipeline_tokens_oldest')
    .on('codepipeline_tokens')
    .columns(['pipeline_id', 'started_at'])
    .execute();
}

async function indexRules({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createIndex('codepipeline_rules_execution')
    .on('codepipeline_rules')
    .column('execution_id')
    .execute();
}
