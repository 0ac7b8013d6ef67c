/** Reports: described, listed, forgotten, with what stands in them and how they developed. */

import type { Report } from '@aws-sdk/client-codebuild';
import { fault } from '#base/fault.ts';
import type { Handler, House } from '#services/service.ts';
import { requireGroup } from './report-groups.ts';
import { reportTables, type ReportRow } from './report-tables.ts';
import { REPORT_LIFE_MS, reportArn, viewCase, viewCoverage, viewReport } from './report-views.ts';
import { pageOf, pageSize, pageStart, type Room } from './room.ts';
import { invalid } from './settings.ts';

export function reportOperations({ house }: Room) {
  const { database, clock } = house;
  const bornAfter = () => clock.now() - REPORT_LIFE_MS;

  const BatchGetReports: Handler<'codebuild', 'BatchGetReports'> = async (call, input) => {
    const reports: Report[] = [];
    const reportsNotFound: string[] = [];
    for (const arn of new Set(input.reportArns ?? [])) {
      const row = await findReport(house, arn);
      if (row) reports.push(viewReport(call, row));
      else reportsNotFound.push(arn);
    }
    return { reports, reportsNotFound };
  };

  interface Listing {
    readonly nextToken?: string | undefined;
    readonly maxResults?: number | undefined;
    readonly sortOrder?: string | undefined;
    readonly filter?: { readonly status?: string | undefined } | undefined;
  }

  async function list(input: Listing, group?: string) {
    const start = pageStart(input.nextToken);
    const size = pageSize(input.maxResults);
    const direction = input.sortOrder === 'ASCENDING' ? 'asc' : 'desc';
    let query = reportTables(database)
      .selectFrom('codebuild_report')
      .select('report_id')
      .where('created_at', '>', bornAfter());
    if (group !== undefined) query = query.where('group_name', '=', group);
    if (input.filter?.status !== undefined) query = query.where('status', '=', input.filter.status);
    const rows = await query
      .orderBy('created_at', direction)
      .orderBy('report_id', direction)
      .limit(size + 1)
      .offset(start)
      .execute();
    const page = pageOf(rows, start, size);
    return {
      reports: page.rows.map((row) => reportArn(house, row.report_id)),
      ...(page.nextToken && { nextToken: page.nextToken }),
    };
  }

  const ListReports: Handler<'codebuild', 'ListReports'> = async (_call, input) => list(input);

  const ListReportsForReportGroup: Handler<'codebuild', 'ListReportsForReportGroup'> = async (
    _call,
    input,
  ) => {
    const group = await requireGroup(house, input.reportGroupArn);
    return list(input, group.name);
  };

  const DeleteReport: Handler<'codebuild', 'DeleteReport'> = async (_call, input) => {
    const id = reportId(input.arn);
    await database.transaction(async (transaction) => {
      const rows = reportTables(transaction);
      await rows.deleteFrom('codebuild_test_case').where('report_id', '=', id).execute();
      await rows.deleteFrom('codebuild_coverage').where('report_id', '=', id).execute();
      await rows.deleteFrom('codebuild_report').where('report_id', '=', id).execute();
    });
    return {};
  };

  const DescribeTestCases: Handler<'codebuild', 'DescribeTestCases'> = async (call, input) => {
    const report = await requireReport(house, input.reportArn);
    const start = pageStart(input.nextToken);
    const size = pageSize(input.maxResults);
    const keyword = input.filter?.keyword?.toLowerCase();
    let query = reportTables(database)
      .selectFrom('codebuild_test_case')
      .selectAll()
      .where('report_id', '=', report.report_id);
    if (input.filter?.status) query = query.where('status', '=', input.filter.status);
    // A report has few cases, and a text of LIKE would have to be escaped for two databases.
    const all = (await query.orderBy('position').execute()).filter(
      (row) => keyword === undefined || `${row.prefix} ${row.name}`.toLowerCase().includes(keyword),
    );
    const page = pageOf(all.slice(start, start + size + 1), start, size);
    return {
      testCases: page.rows.map((row) => viewCase(call, report, row)),
      ...(page.nextToken && { nextToken: page.nextToken }),
    };
  };

  const DescribeCodeCoverages: Handler<'codebuild', 'DescribeCodeCoverages'> = async (call, input) => {
    const report = await findReport(house, input.reportArn ?? '');
    if (!report) throw invalid(`Report ${input.reportArn} does not exist`);
    const start = pageStart(input.nextToken);
    const size = pageSize(input.maxResults);
    const column = input.sortBy === 'LINE_COVERAGE_PERCENTAGE' ? 'line_percentage' : 'path';
    const rows = await reportTables(database)
      .selectFrom('codebuild_coverage')
      .selectAll()
      .where('report_id', '=', report.report_id)
      .where('line_percentage', '>=', input.minLineCoveragePercentage ?? 0)
      .where('line_percentage', '<=', input.maxLineCoveragePercentage ?? 100)
      .orderBy(column, input.sortOrder === 'DESCENDING' ? 'desc' : 'asc')
      .orderBy('position')
      .limit(size + 1)
      .offset(start)
      .execute();
    const page = pageOf(rows, start, size);
    return {
      codeCoverages: page.rows.map((row) => viewCoverage(call, report, row)),
      ...(page.nextToken && { nextToken: page.nextToken }),
    };
  };

  return {
    BatchGetReports,
    ListReports,
    ListReportsForReportGroup,
    DeleteReport,
    DescribeTestCases,
    DescribeCodeCoverages,
  };
}

export function reportId(arn: string | undefined): string {
  const id = /^arn:aws:codebuild:[^:]+:\d{12}:report\/(.+:.+)$/.exec(arn ?? '')?.[1];
  if (id === undefined) throw invalid(`Invalid report ARN: ${arn}`);
  return id;
}

/** A report that expired is no more. */
async function findReport({ database, clock }: House, arn: string): Promise<ReportRow | undefined> {
  return reportTables(database)
    .selectFrom('codebuild_report')
    .selectAll()
    .where('report_id', '=', reportId(arn))
    .where('created_at', '>', clock.now() - REPORT_LIFE_MS)
    .executeTakeFirst();
}

async function requireReport(house: House, arn: string | undefined): Promise<ReportRow> {
  const row = await findReport(house, arn ?? '');
  if (row) return row;
  throw fault('ResourceNotFoundException', `Report ${arn} does not exist`);
}
