/**
 * The reports of a batch: for each report group one report that sums up those of the builds. It holds what the builds'
 * reports hold, within the bounds of one report; files are exported by the builds, not again by the batch.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/batch-build.html
 */

import { deriveUuid } from '#base/ids.ts';
import type { BatchState } from '#core/batch/state.ts';
import {
  mergeFiles,
  percentage,
  sumCovered,
  TEST_STATUSES,
  type Covered,
  type TestStatus,
  type TestSummary,
} from '#core/report/report.ts';
import { findGroup } from '#services/codebuild/report-groups.ts';
import { CASES_MAX, COVERED_FILES_MAX } from '#services/codebuild/report-reader.ts';
import { beginReport, finishReport, type Finished } from '#services/codebuild/report-rows.ts';
import { reportTables, type ReportRow } from '#services/codebuild/report-tables.ts';
import { reportArn } from '#services/codebuild/report-views.ts';
import type { House } from '#services/service.ts';

const NO_EXPORT = JSON.stringify({ exportConfigType: 'NO_EXPORT' });
/** Reports that one batch can make: of hundreds of builds, a few each. */
const REPORTS_MAX = 5_000;
const IDS_PER_QUERY = 500;

/** Resolves to the ARNs of the merged reports, in the order of their groups. Repeating it makes the same ones. */
export async function mergeReports(house: House, { plan, groups, round }: BatchState): Promise<string[]> {
  const ids = groups
    .flatMap(({ current }) => current?.reportArns ?? [])
    .map((arn) => arn.slice(arn.indexOf(':report/') + ':report/'.length))
    .slice(0, REPORTS_MAX);
  const byGroup = new Map<string, ReportRow[]>();
  for (const row of await readReports(house, ids)) {
    byGroup.set(row.group_name, [...(byGroup.get(row.group_name) ?? []), row]);
  }
  const arns: string[] = [];
  for (const [name, reports] of [...byGroup].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const group = await findGroup(house, name);
    if (!group) continue;
    const id = `${name}:${deriveUuid(`${plan.arn}/report/${name}`, round)}`;
    await beginReport(house, id, { ...group, export_config: NO_EXPORT }, plan.arn);
    await finishReport(house, id, await merge(house, group.type, reports));
    arns.push(reportArn(house, id));
  }
  return arns;
}

async function readReports(house: House, ids: readonly string[]): Promise<ReportRow[]> {
  const found: ReportRow[] = [];
  for (let i = 0; i < ids.length; i += IDS_PER_QUERY) {
    found.push(
      ...(await reportTables(house.database)
        .selectFrom('codebuild_report')
        .selectAll()
        .where('report_id', 'in', ids.slice(i, i + IDS_PER_QUERY))
        .orderBy('report_id')
        .execute()),
    );
  }
  return found;
}

async function merge(house: House, type: string, reports: readonly ReportRow[]): Promise<Finished> {
  const of = (status: string) => reports.some((report) => report.status === status);
  const isWhole = reports.every(({ summary }) => summary !== null) && !of('INCOMPLETE') && !of('GENERATING');
  const status = isWhole ? (of('FAILED') ? 'FAILED' : 'SUCCEEDED') : 'INCOMPLETE';
  const wasTruncated = reports.some((report) => report.is_truncated === 1);
  return type === 'TEST'
    ? { status, ...(await mergeTests(house, reports, wasTruncated)) }
    : { status, ...(await mergeCoverage(house, reports, wasTruncated)) };
}

type Merged = Omit<Finished, 'status'>;

async function mergeTests(
  house: House,
  reports: readonly ReportRow[],
  wasTruncated: boolean,
): Promise<Merged> {
  const summary = reports
    .flatMap((report) => (report.summary === null ? [] : [JSON.parse(report.summary) as TestSummary]))
    .reduce(addTests, NO_TESTS);
  const bad: readonly TestStatus[] = ['FAILED', 'ERROR'];
  const others = TEST_STATUSES.filter((status) => !bad.includes(status));
  const cases: Finished['cases'][number][] = [];
  for (const statuses of [bad, others]) {
    for (let i = 0; i < reports.length && cases.length < CASES_MAX; i += IDS_PER_QUERY) {
      const rows = await reportTables(house.database)
        .selectFrom('codebuild_test_case')
        .selectAll()
        .where(
          'report_id',
          'in',
          reports.slice(i, i + IDS_PER_QUERY).map((report) => report.report_id),
        )
        .where('status', 'in', [...statuses])
        .orderBy('report_id')
        .orderBy('position')
        .limit(CASES_MAX - cases.length)
        .execute();
      cases.push(...rows.map((row) => ({ ...row, rawPath: row.raw_path, status: row.status as TestStatus })));
    }
  }
  return { summary, cases, files: [], isTruncated: wasTruncated || summary.total > cases.length };
}

const NO_TESTS: TestSummary = {
  total: 0,
  counts: { SUCCEEDED: 0, FAILED: 0, ERROR: 0, SKIPPED: 0, UNKNOWN: 0 },
  nanoseconds: 0,
};

function addTests(a: TestSummary, b: TestSummary): TestSummary {
  const counts = { ...a.counts };
  for (const status of TEST_STATUSES) counts[status] += b.counts[status];
  return { total: a.total + b.total, counts, nanoseconds: a.nanoseconds + b.nanoseconds };
}

async function mergeCoverage(
  house: House,
  reports: readonly ReportRow[],
  wasTruncated: boolean,
): Promise<Merged> {
  const summary = sumCovered(
    reports.flatMap((report) => (report.summary === null ? [] : [JSON.parse(report.summary) as Covered])),
  );
  const files = [];
  let isTruncated = wasTruncated;
  for (const { report_id } of reports) {
    const rows = await reportTables(house.database)
      .selectFrom('codebuild_coverage')
      .selectAll()
      .where('report_id', '=', report_id)
      .orderBy('position')
      .limit(COVERED_FILES_MAX - files.length + 1)
      .execute();
    for (const row of rows) {
      files.push({
        path: row.path,
        linesCovered: row.lines_covered,
        linesMissed: row.lines_missed,
        branchesCovered: row.branches_covered,
        branchesMissed: row.branches_missed,
      });
    }
    if (files.length <= COVERED_FILES_MAX) continue;
    files.length = COVERED_FILES_MAX;
    isTruncated = true;
    break;
  }
  const merged = mergeFiles(files).map((file) => ({
    ...file,
    percentage: percentage(file.linesCovered, file.linesMissed),
  }));
  return { summary, cases: [], files: merged, isTruncated };
}
