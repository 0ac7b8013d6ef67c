/** Rows of reports as CodeBuild's API shows them; pure. */

import type { CodeCoverage, Report, ReportGroup, TestCase } from '@aws-sdk/client-codebuild';
import { arnOf } from '#base/arn.ts';
import { percentage, type Covered, type TestSummary } from '#core/report/report.ts';
import type { Scope } from '#services/service.ts';
import type { CoverageRow, ReportGroupRow, ReportRow, TestCaseRow } from './report-tables.ts';

/** AWS: "Reports expire 30 days after they are created". */
export const REPORT_LIFE_MS = 30 * 24 * 3_600_000;

export function reportGroupArn(scope: Scope, name: string): string {
  return arnOf('codebuild', scope.region, scope.account, `report-group/${name}`);
}

export function reportArn(scope: Scope, id: string): string {
  return arnOf('codebuild', scope.region, scope.account, `report/${id}`);
}

export function viewGroup(scope: Scope, row: ReportGroupRow): ReportGroup {
  return {
    arn: reportGroupArn(scope, row.name),
    name: row.name,
    type: row.type as 'TEST',
    exportConfig: JSON.parse(row.export_config) as ReportGroup['exportConfig'],
    created: new Date(row.created_at),
    lastModified: new Date(row.modified_at),
    tags: JSON.parse(row.tags) as ReportGroup['tags'],
    status: 'ACTIVE',
  };
}

export function viewReport(scope: Scope, row: ReportRow): Report {
  return {
    arn: reportArn(scope, row.report_id),
    type: row.type as 'TEST',
    name: row.report_id,
    reportGroupArn: reportGroupArn(scope, row.group_name),
    executionId: row.execution_id,
    status: row.status as 'SUCCEEDED',
    created: new Date(row.created_at),
    expired: new Date(row.created_at + REPORT_LIFE_MS),
    exportConfig: JSON.parse(row.export_config) as Report['exportConfig'],
    truncated: row.is_truncated === 1,
    ...(row.summary === null ? {} : viewSummary(row.type, row.summary)),
  };
}

function viewSummary(type: string, json: string): Pick<Report, 'testSummary' | 'codeCoverageSummary'> {
  if (type === 'TEST') {
    const { total, counts, nanoseconds } = JSON.parse(json) as TestSummary;
    return { testSummary: { total, statusCounts: { ...counts }, durationInNanoSeconds: nanoseconds } };
  }
  return { codeCoverageSummary: viewCovered(JSON.parse(json) as Covered) };
}

function viewCovered(covered: Covered) {
  const { linesCovered, linesMissed, branchesCovered, branchesMissed } = covered;
  return {
    lineCoveragePercentage: percentage(linesCovered, linesMissed),
    linesCovered,
    linesMissed,
    branchCoveragePercentage: percentage(branchesCovered, branchesMissed),
    branchesCovered,
    branchesMissed,
  };
}

export function viewCase(scope: Scope, report: ReportRow, row: TestCaseRow): TestCase {
  return {
    reportArn: reportArn(scope, row.report_id),
    testRawDataPath: row.raw_path,
    prefix: row.prefix,
    name: row.name,
    status: row.status,
    durationInNanoSeconds: row.nanoseconds,
    message: row.message,
    testSuiteName: row.suite,
    expired: new Date(report.created_at + REPORT_LIFE_MS),
  };
}

export function viewCoverage(scope: Scope, report: ReportRow, row: CoverageRow): CodeCoverage {
  return {
    id: `${row.report_id}/${row.position}`,
    reportARN: reportArn(scope, row.report_id),
    filePath: row.path,
    ...viewCovered({
      linesCovered: row.lines_covered,
      linesMissed: row.lines_missed,
      branchesCovered: row.branches_covered,
      branchesMissed: row.branches_missed,
    }),
    expired: new Date(report.created_at + REPORT_LIFE_MS),
  };
}
