/** Reads result files in a thread of their own, within bounds of time, memory and size. */

import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { FileCoverage, ReportFormat, TestCase, TestSummary } from '#core/report/report.ts';

export const FILE_BYTES_MAX = 32 * 1024 * 1024;
/** AWS: "Quotas for AWS CodeBuild": the test cases of a report. */
export const CASES_MAX = 500;
export const COVERED_FILES_MAX = 20_000;
const HEAP_MB_MAX = 512;

export interface ReadRequest {
  readonly files: readonly ReportFile[];
  /** Absent when each file shall show its own. */
  readonly format?: ReportFormat;
}

export interface ReportFile {
  /** Where the server finds it. */
  readonly path: string;
  /** As the report calls it. */
  readonly name: string;
}

export type ReadFile =
  | {
      readonly name: string;
      readonly format: ReportFormat;
      /** Of all cases; those that follow are at most `CASES_MAX`, failed ones first. */
      readonly summary: TestSummary;
      readonly cases: readonly TestCase[];
      readonly files: readonly FileCoverage[];
    }
  | { readonly name: string; readonly problem: string };

/** One answer for each file, in their order; what was not read in time says so. */
export async function readReportFiles(request: ReadRequest, budgetMs: number): Promise<readonly ReadFile[]> {
  const answers: ReadFile[] = [];
  let problem = 'it was not read in time';
  const worker = new Worker(new URL('./report-worker.ts', import.meta.url), {
    workerData: request,
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX },
  });
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  worker.on('message', (answer: ReadFile) => answers.push(answer));
  worker.on('error', (error: Error & { code?: string }) => {
    problem =
      error.code === 'ERR_WORKER_OUT_OF_MEMORY'
        ? 'it takes too much memory to read'
        : `it cannot be read: ${error.message}`;
  });
  worker.on('exit', () => end());
  const timer = new AbortController();
  await Promise.race([ended, pause(budgetMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
  timer.abort();
  await worker.terminate();
  return request.files.map(({ name }, i) => answers[i] ?? { name, problem });
}
