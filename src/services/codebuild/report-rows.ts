/** What a build writes of a report: that it begins, and how it ended, with everything that stands in it. */

import type { Covered, FileCoverage, TestCase, TestSummary } from '#core/report/report.ts';
import type { House } from '#services/service.ts';
import { reportTables, type ReportGroupRow } from './report-tables.ts';
import { REPORT_LIFE_MS } from './report-views.ts';

/** Parameters of a statement are bounded in both databases. */
const ROWS_PER_INSERT = 100;
/** What is older than a report may be is removed a little at a time. */
const REMOVED_AT_ONCE_MAX = 50;

export interface Finished {
  readonly status: 'SUCCEEDED' | 'FAILED' | 'INCOMPLETE';
  readonly isTruncated: boolean;
  readonly summary?: TestSummary | Covered;
  readonly cases: readonly (TestCase & { readonly rawPath: string })[];
  readonly files: readonly (FileCoverage & { readonly percentage: number })[];
}

/** Beginning again after a crash begins from nothing. */
export async function beginReport(
  house: House,
  id: string,
  group: ReportGroupRow,
  executionId: string,
): Promise<void> {
  const at = house.clock.now();
  await house.database.transaction(async (transaction) => {
    const rows = reportTables(transaction);
    const expired = await rows
      .selectFrom('codebuild_report')
      .select('report_id')
      .where('created_at', '<=', at - REPORT_LIFE_MS)
      .limit(REMOVED_AT_ONCE_MAX)
      .execute();
    for (const report_id of [id, ...expired.map((row) => row.report_id)]) {
      await rows.deleteFrom('codebuild_test_case').where('report_id', '=', report_id).execute();
      await rows.deleteFrom('codebuild_coverage').where('report_id', '=', report_id).execute();
      await rows.deleteFrom('codebuild_report').where('report_id', '=', report_id).execute();
    }
    await rows
      .insertInto('codebuild_report')
      .values({
        report_id: id,
        group_name: group.name,
        type: group.type,
        status: 'GENERATING',
        created_at: at,
        execution_id: executionId,
        export_config: group.export_config,
        is_truncated: 0,
        summary: null,
      })
      .execute();
  });
}

export async function finishReport(house: House, id: string, finished: Finished): Promise<void> {
  await house.database.transaction(async (transaction) => {
    const rows = reportTables(transaction);
    const cases = finished.cases.map((each, position) => ({
      report_id: id,
      position,
      name: clean(each.name),
      prefix: clean(each.prefix),
      suite: clean(each.suite),
      status: each.status,
      nanoseconds: each.nanoseconds,
      message: clean(each.message),
      raw_path: clean(each.rawPath),
    }));
    for (let i = 0; i < cases.length; i += ROWS_PER_INSERT) {
      await rows
        .insertInto('codebuild_test_case')
        .values(cases.slice(i, i + ROWS_PER_INSERT))
        .execute();
    }
    const files = finished.files.map((file, position) => ({
      report_id: id,
      position,
      path: clean(file.path),
      line_percentage: file.percentage,
      lines_covered: file.linesCovered,
      lines_missed: file.linesMissed,
      branches_covered: file.branchesCovered,
      branches_missed: file.branchesMissed,
    }));
    for (let i = 0; i < files.length; i += ROWS_PER_INSERT) {
      await rows
        .insertInto('codebuild_coverage')
        .values(files.slice(i, i + ROWS_PER_INSERT))
        .execute();
    }
    await rows
      .updateTable('codebuild_report')
      .set({
        status: finished.status,
        is_truncated: finished.isTruncated ? 1 : 0,
        summary: finished.summary ? JSON.stringify(finished.summary) : null,
      })
      .where('report_id', '=', id)
      .execute();
  });
}

/** PostgreSQL keeps no NUL characters and no halves of characters. */
function clean(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed();
}
