/**
 * The words of reports: what a result file says of test cases or of covered code, whichever of the ten formats it is
 * written in, and how results are summed up.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/test-reporting.html
 */

export const TEST_FORMATS = [
  'CUCUMBERJSON',
  'JUNITXML',
  'NUNITXML',
  'NUNIT3XML',
  'TESTNGXML',
  'VISUALSTUDIOTRX',
] as const;
export const COVERAGE_FORMATS = ['CLOVERXML', 'COBERTURAXML', 'JACOCOXML', 'SIMPLECOV'] as const;
export const REPORT_FORMATS = [...TEST_FORMATS, ...COVERAGE_FORMATS] as const;

export type TestFormat = (typeof TEST_FORMATS)[number];
export type CoverageFormat = (typeof COVERAGE_FORMATS)[number];
export type ReportFormat = TestFormat | CoverageFormat;
export type ReportType = 'TEST' | 'CODE_COVERAGE';

export const TEST_STATUSES = ['SUCCEEDED', 'FAILED', 'ERROR', 'SKIPPED', 'UNKNOWN'] as const;
export type TestStatus = (typeof TEST_STATUSES)[number];

/** A case as a file tells it; texts are no longer than the limits. */
export interface TestCase {
  readonly name: string;
  readonly prefix: string;
  readonly suite: string;
  readonly status: TestStatus;
  readonly nanoseconds: number;
  readonly message: string;
}

export interface Covered {
  readonly linesCovered: number;
  readonly linesMissed: number;
  readonly branchesCovered: number;
  readonly branchesMissed: number;
}

/** What is known of one source file. */
export interface FileCoverage extends Covered {
  readonly path: string;
}

export interface TestSummary {
  readonly total: number;
  readonly counts: Readonly<Record<TestStatus, number>>;
  readonly nanoseconds: number;
}

/** The file is not what its format asks for; the message is the end of a sentence. */
export class ReportUnreadable extends Error {
  override readonly name = 'ReportUnreadable';
}

export const NAME_LENGTH_MAX = 1000;
export const MESSAGE_LENGTH_MAX = 5000;

export function reportFormatOf(text: string): ReportFormat | undefined {
  return REPORT_FORMATS.find((format) => format === text.toUpperCase());
}

export function reportTypeOf(format: ReportFormat): ReportType {
  return TEST_FORMATS.some((test) => test === format) ? 'TEST' : 'CODE_COVERAGE';
}

export function summarizeTests(cases: readonly TestCase[]): TestSummary {
  const counts: Record<TestStatus, number> = { SUCCEEDED: 0, FAILED: 0, ERROR: 0, SKIPPED: 0, UNKNOWN: 0 };
  let nanoseconds = 0;
  for (const each of cases) {
    counts[each.status]++;
    nanoseconds += each.nanoseconds;
  }
  return { total: cases.length, counts, nanoseconds };
}

/** Those that failed first, so that no failure is dropped for a success. */
export function worstFirst(cases: readonly TestCase[], max: number): readonly TestCase[] {
  if (cases.length <= max) return cases;
  const isBad = ({ status }: TestCase) => status === 'FAILED' || status === 'ERROR';
  return [...cases.filter(isBad), ...cases.filter((each) => !isBad(each))].slice(0, max);
}

/** One entry for each path: parts of a file that stand in several places are one file. */
export function mergeFiles(files: readonly FileCoverage[]): FileCoverage[] {
  const merged = new Map<string, FileCoverage>();
  for (const file of files) {
    const known = merged.get(file.path);
    merged.set(file.path, known ? { path: file.path, ...addCovered(known, file) } : file);
  }
  return [...merged.values()];
}

export function sumCovered(files: readonly Covered[]): Covered {
  return files.reduce(addCovered, { linesCovered: 0, linesMissed: 0, branchesCovered: 0, branchesMissed: 0 });
}

function addCovered(a: Covered, b: Covered): Covered {
  return {
    linesCovered: a.linesCovered + b.linesCovered,
    linesMissed: a.linesMissed + b.linesMissed,
    branchesCovered: a.branchesCovered + b.branchesCovered,
    branchesMissed: a.branchesMissed + b.branchesMissed,
  };
}

/** From 0 to 100; where there is nothing to cover, all of it is. */
export function percentage(covered: number, missed: number): number {
  return covered + missed === 0 ? 100 : (covered / (covered + missed)) * 100;
}
