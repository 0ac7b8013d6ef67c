/**
 * The reports of a build, made at its end and under its role: files are collected as artifacts are, read in a thread,
 * and kept. Tests that failed fail no build; a report that cannot be made does, unless nobody asked for it.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/test-reporting.html
 */

import { isFault } from '#base/fault.ts';
import { deriveUuid } from '#base/ids.ts';
import {
  mergeFiles,
  percentage,
  reportTypeOf,
  sumCovered,
  worstFirst,
  type FileCoverage,
  type ReportFormat,
  type TestCase,
  type TestStatus,
  type TestSummary,
} from '#core/report/report.ts';
import type { ReportSpec } from '#core/buildspec/buildspec.ts';
import { PhaseFailure, type Bench } from './bench.ts';
import type { CollectedFile } from './collect.ts';
import { exportFiles } from './report-export.ts';
import { findGroup } from './report-groups.ts';
import { CASES_MAX, COVERED_FILES_MAX, readReportFiles, type ReadFile } from './report-reader.ts';
import { beginReport, finishReport, type Finished } from './report-rows.ts';
import type { ReportGroupRow } from './report-tables.ts';
import { reportArn, reportGroupArn } from './report-views.ts';

const READING_MS_MAX = 60_000;

/** Why a report is not complete, as the end of a sentence. */
class ReportProblem extends Error {
  override readonly name = 'ReportProblem';
}

export interface MadeReports {
  readonly arns: readonly string[];
  /** `<name>: [<why>]` */
  readonly problems: readonly string[];
}

/** `collect` throws a `PhaseFailure` when nothing matches. */
export async function makeReports(
  bench: Bench,
  specs: readonly ReportSpec[],
  collect: (spec: ReportSpec) => readonly CollectedFile[],
  say: (text: string) => void,
): Promise<MadeReports> {
  const arns: string[] = [];
  const problems: string[] = [];
  for (const spec of specs) {
    const name = spec.name.startsWith('arn:')
      ? spec.name.slice(spec.name.lastIndexOf('/') + 1)
      : `${bench.plan.projectName}-${spec.name}`;
    try {
      say(`Preparing report ${spec.name} of format ${spec.format}`);
      const files = filesOf(spec, collect);
      arns.push(await makeReport(bench, name, spec.format, files, say));
    } catch (error) {
      if (error instanceof Unfinished) arns.push(error.arn);
      problems.push(`${spec.name}: [${textOf(error)}]`);
    }
  }
  return { arns, problems };
}

function filesOf(spec: ReportSpec, collect: (spec: ReportSpec) => readonly CollectedFile[]) {
  try {
    return collect(spec);
  } catch (error) {
    if (!(error instanceof PhaseFailure)) throw error;
    const isNone = error.message === 'no matching artifact paths found';
    throw new ReportProblem(isNone ? 'report files not found in build' : error.message);
  }
}

/** It was begun, and is INCOMPLETE now. */
class Unfinished extends ReportProblem {
  readonly arn: string;
  constructor(arn: string, message: string) {
    super(message);
    this.arn = arn;
  }
}

/** Resolves to the report's ARN. Faults of the role come as they are. */
export async function makeReport(
  bench: Bench,
  groupName: string,
  format: ReportFormat,
  files: readonly CollectedFile[],
  say: (text: string) => void,
): Promise<string> {
  const { house } = bench.room;
  const type = reportTypeOf(format);
  const group = await ensureGroup(bench, groupName, type);
  const puts = type === 'TEST' ? 'BatchPutTestCases' : 'BatchPutCodeCoverages';
  const { principal } = await bench.role();
  const resource = reportGroupArn(house, groupName);
  await house.trust.authorize(
    principal,
    ['CreateReport', 'UpdateReport', puts].map((action) => ({ action: `codebuild:${action}`, resource })),
  );
  const id = `${groupName}:${deriveUuid(`${bench.plan.arn}/report/${groupName}`, 0)}`;
  const arn = reportArn(house, id);
  await beginReport(house, id, group, bench.plan.arn);
  try {
    if (group.type !== type) {
      throw new ReportProblem(
        `the report group is of type ${group.type}, and ${format} makes reports of type ${type}`,
      );
    }
    const answers = await readReportFiles({ files, format }, READING_MS_MAX);
    const finished = type === 'TEST' ? testsOf(answers) : coverageOf(answers);
    await exportFiles(bench, group, id, files);
    await finishReport(house, id, finished);
    say(`Report ${arn} ${finished.status}`);
    return arn;
  } catch (error) {
    if (!(error instanceof ReportProblem) && !isFault(error)) throw error;
    await finishReport(house, id, { status: 'INCOMPLETE', isTruncated: false, cases: [], files: [] });
    throw new Unfinished(arn, `error processing report: [${textOf(error)}]`);
  }
}

async function ensureGroup(
  bench: Bench,
  name: string,
  type: 'TEST' | 'CODE_COVERAGE',
): Promise<ReportGroupRow> {
  const { house } = bench.room;
  const there = await findGroup(house, name);
  if (there) return there;
  const role = await bench.role();
  try {
    await role.send('codebuild:CreateReportGroup', {
      name,
      type,
      exportConfig: { exportConfigType: 'NO_EXPORT' },
    });
  } catch (error) {
    if (!isFault(error, 'ResourceAlreadyExistsException')) throw error;
  }
  const made = await findGroup(house, name);
  if (!made) throw new ReportProblem(`the report group ${name} was deleted`);
  return made;
}

type Readable = Extract<ReadFile, { format: ReportFormat }>;

function readable(answers: readonly ReadFile[]): readonly Readable[] {
  return answers.map((answer) => {
    if ('problem' in answer) throw new ReportProblem(`${answer.name}: ${answer.problem}`);
    return answer;
  });
}

function testsOf(answers: readonly ReadFile[]): Finished {
  const read = readable(answers);
  const summary = read.map((file) => file.summary).reduce(addSummaries);
  const rawPaths = new Map<TestCase, string>();
  for (const { name, cases } of read) for (const each of cases) rawPaths.set(each, name);
  const kept = worstFirst(
    read.flatMap(({ cases }) => cases),
    CASES_MAX,
  );
  return {
    status: summary.counts.FAILED + summary.counts.ERROR > 0 ? 'FAILED' : 'SUCCEEDED',
    isTruncated: kept.length < summary.total,
    summary,
    cases: kept.map((each) => ({ ...each, rawPath: rawPaths.get(each) ?? '' })),
    files: [],
  };
}

function addSummaries(a: TestSummary, b: TestSummary): TestSummary {
  const counts = { ...a.counts };
  for (const [status, count] of Object.entries(b.counts)) counts[status as TestStatus] += count;
  return { total: a.total + b.total, counts, nanoseconds: a.nanoseconds + b.nanoseconds };
}

function coverageOf(answers: readonly ReadFile[]): Finished {
  const files = mergeFiles(readable(answers).flatMap((answer) => answer.files));
  const kept = files.slice(0, COVERED_FILES_MAX);
  return {
    status: 'SUCCEEDED',
    isTruncated: kept.length < files.length,
    summary: sumCovered(files),
    cases: [],
    files: kept.map((file: FileCoverage) => ({
      ...file,
      percentage: percentage(file.linesCovered, file.linesMissed),
    })),
  };
}

export function textOf(error: unknown): string {
  if (isFault(error)) return `${error.code}: ${error.message}`;
  if (error instanceof ReportProblem) return error.message;
  throw error;
}
