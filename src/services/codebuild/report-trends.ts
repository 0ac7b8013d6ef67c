/** GetReportGroupTrend: a number of each of the newest reports of a group. */

import type { Covered, ReportType, TestSummary } from '#core/report/report.ts';
import { isTrendField, trendStats, trendValue } from '#core/report/trend.ts';
import type { Handler } from '#services/service.ts';
import { requireGroup } from './report-groups.ts';
import { reportTables } from './report-tables.ts';
import { REPORT_LIFE_MS, reportArn } from './report-views.ts';
import type { Room } from './room.ts';
import { invalid } from './settings.ts';

const REPORTS_MAX = 100;

export function trendOperations({ house }: Room) {
  const GetReportGroupTrend: Handler<'codebuild', 'GetReportGroupTrend'> = async (call, input) => {
    const group = await requireGroup(house, input.reportGroupArn);
    const type = group.type as ReportType;
    const field = input.trendField ?? '';
    if (!isTrendField(type, field))
      throw invalid(`Trend field ${field} is not of report groups of type ${type}`);
    const rows = await reportTables(house.database)
      .selectFrom('codebuild_report')
      .select(['report_id', 'summary'])
      .where('group_name', '=', group.name)
      .where('created_at', '>', house.clock.now() - REPORT_LIFE_MS)
      .where('status', 'in', ['SUCCEEDED', 'FAILED'])
      .orderBy('created_at', 'desc')
      .orderBy('report_id', 'desc')
      .limit(Math.min(input.numOfReports ?? REPORTS_MAX, REPORTS_MAX))
      .execute();
    const points = rows.flatMap(({ report_id, summary }) => {
      if (summary === null) return [];
      const value = trendValue(type, field, JSON.parse(summary) as TestSummary | Covered);
      return value === undefined ? [] : [{ report_id, value }];
    });
    const stats = trendStats(points.map(({ value }) => value));
    return {
      ...(stats && { stats: { ...stats } }),
      rawData: points.map(({ report_id, value }) => ({
        reportArn: reportArn(call, report_id),
        data: String(value),
      })),
    };
  };
  return { GetReportGroupTrend };
}
