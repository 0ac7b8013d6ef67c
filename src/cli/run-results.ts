/** What a local build leaves: its artifacts and raw report files on the disk, and a summary for whoever ran it. */

import { createWriteStream, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { OutputOf } from '#services/clients.ts';
import { unzip } from '#services/codebuild/unzip.ts';
import type { Caller } from '#services/service.ts';
import type { RunPlan } from './run-options.ts';
import { BUCKETS } from './run-project.ts';

export type Build = NonNullable<OutputOf<'codebuild', 'BatchGetBuilds'>['builds']>[number];
type Report = NonNullable<OutputOf<'codebuild', 'BatchGetReports'>['reports']>[number];

export interface ReportSummary {
  readonly name: string;
  readonly status: string;
  readonly tests?: { readonly total: number; readonly passed: number; readonly failed: number };
  /** Names of tests that failed, the first few. */
  readonly failed?: readonly string[];
  readonly linesPercentage?: number;
  readonly branchesPercentage?: number;
}

export interface RunResults {
  readonly reports: readonly ReportSummary[];
  /** Paths of this machine; where nobody keeps them, their names. */
  readonly artifacts: readonly string[];
  readonly reportFiles: readonly string[];
}

const FAILED_SHOWN_MAX = 10;
const UNPACKED_BYTES_MAX = 10 * 1024 ** 3;

export async function fetchResults(root: Caller, plan: RunPlan, build: Build): Promise<RunResults> {
  const { artifacts, reports } = plan;
  return {
    reports: await summarizeReports(root, plan, build),
    artifacts:
      artifacts === undefined
        ? await keysOf(root, BUCKETS.artifacts)
        : await fetchArtifacts(root, plan, artifacts),
    reportFiles: reports === undefined ? [] : await fetchReportFiles(root, plan, reports),
  };
}

async function fetchArtifacts(root: Caller, { unpack }: RunPlan, folder: string): Promise<string[]> {
  const paths: string[] = [];
  for (const key of await keysOf(root, BUCKETS.artifacts)) {
    const path = beneath(folder, key);
    await fetchObject(root, BUCKETS.artifacts, key, path);
    if (!unpack) {
      paths.push(path);
      continue;
    }
    // The primary artifact fills the folder, each secondary one a folder of its name.
    const target = key.endsWith('artifacts.zip') ? folder : path.replace(/\.zip$/, '');
    mkdirSync(target, { recursive: true });
    await unzip(path, target, UNPACKED_BYTES_MAX, undefined);
    rmSync(path);
    paths.push(target);
  }
  return paths;
}

/** `<group>/<id of the report>/<file>` becomes `<name>/<file>`. */
async function fetchReportFiles(root: Caller, plan: RunPlan, folder: string): Promise<string[]> {
  const paths: string[] = [];
  for (const key of await keysOf(root, BUCKETS.reports)) {
    const [group = '', , ...file] = key.split('/');
    const path = beneath(folder, [reportName(plan, group), ...file].join('/'));
    await fetchObject(root, BUCKETS.reports, key, path);
    paths.push(path);
  }
  return paths;
}

function reportName({ projectName }: RunPlan, group: string): string {
  return group.startsWith(`${projectName}-`) ? group.slice(projectName.length + 1) : group;
}

async function keysOf(root: Caller, Bucket: string): Promise<string[]> {
  const keys: string[] = [];
  let token: string | undefined;
  do {
    const page = await root.send('s3:ListObjectsV2', {
      Bucket,
      ...(token === undefined ? {} : { ContinuationToken: token }),
    });
    for (const { Key } of page.Contents ?? []) if (Key !== undefined) keys.push(Key);
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return keys;
}

/** A buildspec names these; none of them may lead elsewhere. */
function beneath(folder: string, key: string): string {
  const path = resolve(folder, key);
  const way = relative(folder, path);
  if (way !== '' && way !== '..' && !way.startsWith(`..${sep}`)) return path;
  throw new Error(`${key} would lie outside of ${folder}, so it was not written.`);
}

async function fetchObject(root: Caller, Bucket: string, Key: string, path: string): Promise<void> {
  const { Body } = await root.send('s3:GetObject', { Bucket, Key });
  mkdirSync(dirname(path), { recursive: true });
  const file = createWriteStream(path);
  await pipeline(Body instanceof Uint8Array ? [Body] : (Body as Readable), file);
}

async function summarizeReports(root: Caller, plan: RunPlan, build: Build): Promise<ReportSummary[]> {
  if (!build.reportArns?.length) return [];
  const { reports = [] } = await root.send('codebuild:BatchGetReports', { reportArns: build.reportArns });
  return Promise.all(reports.map((report) => summarizeReport(root, plan, report)));
}

async function summarizeReport(root: Caller, plan: RunPlan, report: Report): Promise<ReportSummary> {
  const { testSummary, codeCoverageSummary: coverage, status = '', reportGroupArn = '' } = report;
  const name = reportName(plan, reportGroupArn.slice(reportGroupArn.lastIndexOf('/') + 1));
  if (testSummary) {
    const counts = testSummary.statusCounts ?? {};
    const failed = (counts['FAILED'] ?? 0) + (counts['ERROR'] ?? 0);
    const tests = { total: testSummary.total ?? 0, passed: counts['SUCCEEDED'] ?? 0, failed };
    return {
      name,
      status,
      tests,
      ...(failed === 0 ? {} : { failed: await failedTests(root, report.arn) }),
    };
  }
  return {
    name,
    status,
    ...(coverage?.lineCoveragePercentage === undefined
      ? {}
      : { linesPercentage: coverage.lineCoveragePercentage }),
    ...(coverage?.branchCoveragePercentage === undefined
      ? {}
      : { branchesPercentage: coverage.branchCoveragePercentage }),
  };
}

async function failedTests(root: Caller, reportArn: string | undefined): Promise<string[]> {
  const names: string[] = [];
  for (const status of ['FAILED', 'ERROR']) {
    const { testCases = [] } = await root.send('codebuild:DescribeTestCases', {
      reportArn,
      filter: { status },
      maxResults: FAILED_SHOWN_MAX,
    });
    for (const { prefix, name = '' } of testCases) names.push(prefix ? `${prefix} ${name}` : name);
  }
  return names.slice(0, FAILED_SHOWN_MAX);
}

/** For a person, in a few lines. */
export function sizeOf(path: string): string {
  const { size } = statSync(path);
  if (size < 1000) return `${size} bytes`;
  const units = ['kB', 'MB', 'GB'];
  const power = Math.min(Math.floor(Math.log10(size) / 3), units.length);
  return `${(size / 1000 ** power).toFixed(1)} ${units[power - 1]}`;
}
