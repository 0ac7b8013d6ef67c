/** The rows of the room: projects, an index of builds beside their machines, and the tokens of repeated requests. */

import type { Kysely } from 'kysely';
import type { Migration } from '#engine/machine.ts';
import type { Database } from '#store/database.ts';

export type Tables = {
  codebuild_project: ProjectRow;
  codebuild_build: BuildRow;
  codebuild_token: TokenRow;
  codebuild_cache: CacheRow;
  codebuild_source_credential: SourceCredentialRow;
  codebuild_webhook: WebhookRow;
  codebuild_worker: WorkerRow;
};

export type ProjectRow = {
  name: string;
  created_at: number;
  modified_at: number;
  /** The number of its last build. */
  build_count: number;
  /** JSON of `ProjectSettings`. */
  settings: string;
};

export type BuildRow = {
  /** `<project>:<uuid>`, also the id of its machine. */
  build_id: string;
  project_name: string;
  number: number;
  started_at: number;
  /** 1 once it is complete. */
  is_complete: number;
  /** The part of its id by which its credentials are asked for. */
  uuid: string | null;
  /** What it asks for. */
  cpus: number | null;
  memory_bytes: number | null;
  /** The fleet whose limit counts for it; '' for none. */
  pool: string | null;
  /** Who has it; nothing while it waits. */
  worker_id: string | null;
};

/** A node that runs builds. */
export type WorkerRow = {
  worker_id: string;
  /** Of its machine. */
  name: string;
  started_at: number;
  /** Its last sign of life. */
  beat_at: number;
  cpus: number;
  memory_bytes: number;
  /** The operator's own number; nothing for as many as fit. */
  builds_max: number | null;
};

export type TokenRow = {
  /** `<operation>/<token>` */
  token: string;
  build_id: string;
  /** Hash of the request. */
  request: string;
  created_at: number;
};

export type CacheRow = {
  project_name: string;
  /** What was saved before counts for nothing. */
  invalidated_at: number;
};

export type SourceCredentialRow = {
  arn: string;
  server_type: string;
  auth_type: string;
  username: string | null;
  /** ARN of a secret or a connection; then there is no token. */
  resource: string | null;
  /** Sealed. */
  token: string | null;
};

export type WebhookRow = {
  project_name: string;
  webhook_id: string;
  /** Of the secret part of its URL. */
  token_hash: string;
  /** Sealed; nothing where the URL alone is the secret. */
  secret: string | null;
  secret_modified_at: number;
  /** JSON of `WebhookSettings`. */
  settings: string;
  status: string;
  status_message: string | null;
};

export function tables(database: Database | Kysely<unknown>): Kysely<Tables> {
  return ('read' in database ? database.read : database).withTables<Tables>();
}

export const migrations: readonly Migration[] = [
  {
    name: 'codebuild/001-projects-builds',
    async up(database) {
      await database.schema
        .createTable('codebuild_project')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('modified_at', 'bigint', (column) => column.notNull())
        .addColumn('build_count', 'bigint', (column) => column.notNull())
        .addColumn('settings', 'text', (column) => column.notNull())
        .execute();
      await database.schema
        .createTable('codebuild_build')
        .addColumn('build_id', 'text', (column) => column.primaryKey())
        .addColumn('project_name', 'text', (column) => column.notNull())
        .addColumn('number', 'bigint', (column) => column.notNull())
        .addColumn('started_at', 'bigint', (column) => column.notNull())
        .addColumn('is_complete', 'bigint', (column) => column.notNull())
        .execute();
      await database.schema
        .createIndex('codebuild_build_project')
        .on('codebuild_build')
        .columns(['project_name', 'number'])
        .execute();
      await database.schema
        .createIndex('codebuild_build_started')
        .on('codebuild_build')
        .columns(['started_at', 'build_id'])
        .execute();
      await database.schema
        .createTable('codebuild_token')
        .addColumn('token', 'text', (column) => column.primaryKey())
        .addColumn('build_id', 'text', (column) => column.notNull())
        .addColumn('request', 'text', (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .execute();
    },
  },
  {
    name: 'codebuild/002-caches',
    async up(database) {
      await database.schema
        .createTable('codebuild_cache')
        .addColumn('project_name', 'text', (column) => column.primaryKey())
        .addColumn('invalidated_at', 'bigint', (column) => column.notNull())
        .execute();
    },
  },
  {
    name: 'codebuild/004-source-credentials',
    async up(database) {
      await database.schema
        .createTable('codebuild_source_credential')
        .addColumn('arn', 'text', (column) => column.primaryKey())
        .addColumn('server_type', 'text', (column) => column.notNull())
        .addColumn('auth_type', 'text', (column) => column.notNull())
        .addColumn('username', 'text')
        .addColumn('resource', 'text')
        .addColumn('token', 'text')
        .execute();
    },
  },
  {
    name: 'codebuild/005-webhooks',
    async up(database) {
      await database.schema
        .createTable('codebuild_webhook')
        .addColumn('project_name', 'text', (column) => column.primaryKey())
        .addColumn('webhook_id', 'text', (column) => column.notNull())
        .addColumn('token_hash', 'text', (column) => column.notNull().unique())
        .addColumn('secret', 'text')
        .addColumn('secret_modified_at', 'bigint', (column) => column.notNull())
        .addColumn('settings', 'text', (column) => column.notNull())
        .addColumn('status', 'text', (column) => column.notNull())
        .addColumn('status_message', 'text')
        .execute();
    },
  },
  {
    name: 'codebuild/008-workers',
    async up(database) {
      await database.schema
        .createTable('codebuild_worker')
        .addColumn('worker_id', 'text', (column) => column.primaryKey())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('started_at', 'bigint', (column) => column.notNull())
        .addColumn('beat_at', 'bigint', (column) => column.notNull())
        .addColumn('cpus', 'bigint', (column) => column.notNull())
        .addColumn('memory_bytes', 'bigint', (column) => column.notNull())
        .addColumn('builds_max', 'bigint')
        .execute();
      for (const column of ['uuid', 'pool', 'worker_id'])
        await database.schema.alterTable('codebuild_build').addColumn(column, 'text').execute();
      for (const column of ['cpus', 'memory_bytes'])
        await database.schema.alterTable('codebuild_build').addColumn(column, 'bigint').execute();
      await database.schema
        .createIndex('codebuild_build_open')
        .on('codebuild_build')
        .columns(['is_complete', 'started_at'])
        .execute();
      await database.schema
        .createIndex('codebuild_build_uuid')
        .on('codebuild_build')
        .column('uuid')
        .execute();
    },
  },
];
