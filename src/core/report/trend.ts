/** How the reports of a group developed: one number of each, and their average, greatest and least. */

import { percentage, type Covered, type ReportType, type TestSummary } from './report.ts';

const TEST_FIELDS: Readonly<Record<string, (summary: TestSummary) => number>> = {
  PASS_RATE: ({ total, counts }) => percentage(counts.SUCCEEDED, total - counts.SUCCEEDED),
  DURATION: ({ nanoseconds }) => nanoseconds,
  TOTAL: ({ total }) => total,
};
const COVERAGE_FIELDS: Readonly<Record<string, (covered: Covered) => number>> = {
  LINE_COVERAGE: ({ linesCovered, linesMissed }) => percentage(linesCovered, linesMissed),
  LINES_COVERED: ({ linesCovered }) => linesCovered,
  LINES_MISSED: ({ linesMissed }) => linesMissed,
  BRANCH_COVERAGE: ({ branchesCovered, branchesMissed }) => percentage(branchesCovered, branchesMissed),
  BRANCHES_COVERED: ({ branchesCovered }) => branchesCovered,
  BRANCHES_MISSED: ({ branchesMissed }) => branchesMissed,
};

/** `undefined` when reports of this type have no such field. */
export function trendValue(
  type: ReportType,
  field: string,
  summary: TestSummary | Covered,
): number | undefined {
  return type === 'TEST'
    ? TEST_FIELDS[field]?.(summary as TestSummary)
    : COVERAGE_FIELDS[field]?.(summary as Covered);
}

export function isTrendField(type: ReportType, field: string): boolean {
  return Object.hasOwn(type === 'TEST' ? TEST_FIELDS : COVERAGE_FIELDS, field);
}

export interface TrendStats {
  readonly average: string;
  readonly max: string;
  readonly min: string;
}

export function trendStats(values: readonly number[]): TrendStats | undefined {
  if (values.length === 0) return undefined;
  const average = values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    average: String(average),
    max: String(values.reduce((a, b) => Math.max(a, b))),
    min: String(values.reduce((a, b) => Math.min(a, b))),
  };
}
