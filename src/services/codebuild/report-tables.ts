/** The rows of reports: their groups, themselves, what stands in them, and the policies of what is shared. */

import type { Kysely } from 'kysely';
import type { Migration } from '#engine/machine.ts';
import type { Database } from '#store/database.ts';

export type ReportTables = {
  codebuild_report_group: ReportGroupRow;
  codebuild_report: ReportRow;
  codebuild_test_case: TestCaseRow;
  codebuild_coverage: CoverageRow;
  codebuild_policy: PolicyRow;
};

export type ReportGroupRow = {
  name: string;
  /** TEST or CODE_COVERAGE */
  type: string;
  created_at: number;
  modified_at: number;
  /** JSON of `ReportExportConfig`. */
  export_config: string;
  /** JSON of `Tag[]`. */
  tags: string;
};

export type ReportRow = {
  /** `<group>:<uuid>` */
  report_id: string;
  group_name: string;
  type: string;
  /** GENERATING, SUCCEEDED, FAILED or INCOMPLETE */
  status: string;
  created_at: number;
  /** ARN of the build. */
  execution_id: string;
  export_config: string;
  /** 1 when not everything is kept. */
  is_truncated: number;
  /** JSON of `TestSummary` or `Covered`; nothing before the files are read. */
  summary: string | null;
};

export type TestCaseRow = {
  report_id: string;
  position: number;
  name: string;
  prefix: string;
  suite: string;
  status: string;
  nanoseconds: number;
  message: string;
  raw_path: string;
};

export type CoverageRow = {
  report_id: string;
  position: number;
  path: string;
  line_percentage: number;
  lines_covered: number;
  lines_missed: number;
  branches_covered: number;
  branches_missed: number;
};

export type PolicyRow = {
  resource_arn: string;
  policy: string;
};

export function reportTables(database: Database | Kysely<unknown>): Kysely<ReportTables> {
  return ('read' in database ? database.read : database).withTables<ReportTables>();
}

export const reportMigration: Migration = {
  name: 'codebuild/003-reports',
  async up(database) {
    const { schema } = database;
    await schema
      .createTable('codebuild_report_group')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('type', 'text', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('modified_at', 'bigint', (column) => column.notNull())
      .addColumn('export_config', 'text', (column) => column.notNull())
      .addColumn('tags', 'text', (column) => column.notNull())
      .execute();
    await schema
      .createTable('codebuild_report')
      .addColumn('report_id', 'text', (column) => column.primaryKey())
      .addColumn('group_name', 'text', (column) => column.notNull())
      .addColumn('type', 'text', (column) => column.notNull())
      .addColumn('status', 'text', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('execution_id', 'text', (column) => column.notNull())
      .addColumn('export_config', 'text', (column) => column.notNull())
      .addColumn('is_truncated', 'bigint', (column) => column.notNull())
      .addColumn('summary', 'text')
      .execute();
    await schema
      .createIndex('codebuild_report_created')
      .on('codebuild_report')
      .columns(['created_at', 'report_id'])
      .execute();
    await schema
      .createIndex('codebuild_report_of_group')
      .on('codebuild_report')
      .columns(['group_name', 'created_at'])
      .execute();
    await schema
      .createTable('codebuild_test_case')
      .addColumn('report_id', 'text', (column) => column.notNull())
      .addColumn('position', 'bigint', (column) => column.notNull())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('prefix', 'text', (column) => column.notNull())
      .addColumn('suite', 'text', (column) => column.notNull())
      .addColumn('status', 'text', (column) => column.notNull())
      .addColumn('nanoseconds', 'bigint', (column) => column.notNull())
      .addColumn('message', 'text', (column) => column.notNull())
      .addColumn('raw_path', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('codebuild_test_case_key', ['report_id', 'position'])
      .execute();
    await schema
      .createTable('codebuild_coverage')
      .addColumn('report_id', 'text', (column) => column.notNull())
      .addColumn('position', 'bigint', (column) => column.notNull())
      .addColumn('path', 'text', (column) => column.notNull())
      .addColumn('line_percentage', 'double precision', (column) => column.notNull())
      .addColumn('lines_covered', 'bigint', (column) => column.notNull())
      .addColumn('lines_missed', 'bigint', (column) => column.notNull())
      .addColumn('branches_covered', 'bigint', (column) => column.notNull())
      .addColumn('branches_missed', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('codebuild_coverage_key', ['report_id', 'position'])
      .execute();
    await schema
      .createTable('codebuild_policy')
      .addColumn('resource_arn', 'text', (column) => column.primaryKey())
      .addColumn('policy', 'text', (column) => column.notNull())
      .execute();
  },
};
