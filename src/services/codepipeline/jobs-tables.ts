/**
 * The rows of jobs and of the action types whose work is done by workers. What a job is lives in its machine; its row
 * tells which machine that is, and stands in the queue from which polls are answered.
 */

import type { Kysely } from 'kysely';
import type { Migration } from '#engine/machine.ts';
import type { Database } from '#store/database.ts';

export type JobTables = {
  codepipeline_jobs: JobRow;
  codepipeline_custom_types: CustomTypeRow;
  codepipeline_registered_types: RegisteredTypeRow;
};

export interface JobRow {
  job_id: string;
  /** Of the machine: the action execution. */
  work_id: string;
  /** `Owner/Category/Provider/Version` */
  action_type: string;
  status: string;
  /** Of the last dispatch. */
  nonce: string | null;
  /** While the job is queued: the value by which polls choose, empty where they do not. */
  waiting: string | null;
  /** When it got its status. */
  since: number;
}

export interface CustomTypeRow {
  /** `Custom/Category/Provider/Version` */
  action_type: string;
  /** JSON of `ActionType`. */
  definition: string;
  /** JSON: a map. */
  tags: string;
  /** A deleted type keeps its row, as its name can never mean another definition. */
  deleted_at: number | null;
}

export interface RegisteredTypeRow {
  /** `ThirdParty/Category/Provider/Version` */
  action_type: string;
  /** JSON of AWS's `ActionTypeDeclaration`. */
  declaration: string;
  client_id: string;
  /** What the partner proves itself with, sealed. */
  client_token: string;
  /** Tells whether the operator's file says something new. */
  fingerprint: string;
}

export function jobRows(database: Database): Kysely<JobTables> {
  return database.read.withTables<JobTables>();
}

export function withinJobs(transaction: Kysely<unknown>): Kysely<JobTables> {
  return transaction.withTables<JobTables>();
}

export const jobMigrations: readonly Migration[] = [{ name: 'codepipeline/010-jobs', up: createJobs }];

async function createJobs({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('codepipeline_jobs')
    .addColumn('job_id', 'text', (column) => column.primaryKey())
    .addColumn('work_id', 'text', (column) => column.notNull())
    .addColumn('action_type', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('nonce', 'text')
    .addColumn('waiting', 'text')
    .addColumn('since', 'integer', (column) => column.notNull())
    .execute();
  await schema
    .createIndex('codepipeline_jobs_queue')
    .on('codepipeline_jobs')
    .columns(['action_type', 'waiting', 'since'])
    .execute();
  await schema.createIndex('codepipeline_jobs_age').on('codepipeline_jobs').column('since').execute();
  await schema.createIndex('codepipeline_jobs_work').on('codepipeline_jobs').column('work_id').execute();
  await schema
    .createTable('codepipeline_custom_types')
    .addColumn('action_type', 'text', (column) => column.primaryKey())
    .addColumn('definition', 'text', (column) => column.notNull())
    .addColumn('tags', 'text', (column) => column.notNull())
    .addColumn('deleted_at', 'integer')
    .execute();
  await schema
    .createTable('codepipeline_registered_types')
    .addColumn('action_type', 'text', (column) => column.primaryKey())
    .addColumn('declaration', 'text', (column) => column.notNull())
    .addColumn('client_id', 'text', (column) => column.notNull())
    .addColumn('client_token', 'text', (column) => column.notNull())
    .addColumn('fingerprint', 'text', (column) => column.notNull())
    .execute();
}
