/** The rows beside the machines of sandboxes: an index of them, and their commands with what they answered. */

import type { Kysely } from 'kysely';
import type { Migration } from '#engine/machine.ts';
import type { Database } from '#store/database.ts';

export type SandboxTables = {
  codebuild_sandbox: SandboxRow;
  codebuild_command: CommandRow;
};

export type SandboxRow = {
  /** `<project>:<uuid>`, also the id of its machine. */
  sandbox_id: string;
  project_name: string;
  requested_at: number;
  is_complete: number;
  /** Who has it. */
  worker_id: string | null;
};

export type CommandRow = {
  command_id: string;
  sandbox_id: string;
  number: number;
  command: string;
  submitted_at: number;
  started_at: number | null;
  ended_at: number | null;
  status: string;
  exit_code: number | null;
  standard_output: string | null;
  standard_error: string | null;
};

export function sandboxTables(database: Database | Kysely<unknown>): Kysely<SandboxTables> {
  return ('read' in database ? database.read : database).withTables<SandboxTables>();
}

export const sandboxMigrations: readonly Migration[] = [
  {
    name: 'codebuild/007-sandboxes',
    async up(database) {
      await database.schema
        .createTable('codebuild_sandbox')
        .addColumn('sandbox_id', 'text', (column) => column.primaryKey())
        .addColumn('project_name', 'text', (column) => column.notNull())
        .addColumn('requested_at', 'bigint', (column) => column.notNull())
        .addColumn('is_complete', 'bigint', (column) => column.notNull())
        .execute();
      await database.schema
        .createIndex('codebuild_sandbox_requested')
        .on('codebuild_sandbox')
        .columns(['requested_at', 'sandbox_id'])
        .execute();
      await database.schema
        .createTable('codebuild_command')
        .addColumn('command_id', 'text', (column) => column.primaryKey())
        .addColumn('sandbox_id', 'text', (column) => column.notNull())
        .addColumn('number', 'bigint', (column) => column.notNull())
        .addColumn('command', 'text', (column) => column.notNull())
        .addColumn('submitted_at', 'bigint', (column) => column.notNull())
        .addColumn('started_at', 'bigint')
        .addColumn('ended_at', 'bigint')
        .addColumn('status', 'text', (column) => column.notNull())
        .addColumn('exit_code', 'bigint')
        .addColumn('standard_output', 'text')
        .addColumn('standard_error', 'text')
        .execute();
      await database.schema
        .createIndex('codebuild_command_sandbox')
        .on('codebuild_command')
        .columns(['sandbox_id', 'number'])
        .execute();
    },
  },
  {
    name: 'codebuild/011-sandboxes-of-workers',
    async up(database) {
      await database.schema.alterTable('codebuild_sandbox').addColumn('worker_id', 'text').execute();
    },
  },
];
