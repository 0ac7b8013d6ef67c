/** The last lines of a local run: how it ended, in which phase and why, its tests, and where its results are. */

import { statSync } from 'node:fs';
import { onTerminal } from './run-log.ts';
import type { RunPlan } from './run-options.ts';
import { sizeOf, type Build, type ReportSummary, type RunResults } from './run-results.ts';
import { paint } from './paint.ts';

export function summaryText(plan: RunPlan, build: Build, results: RunResults): string {
  const { buildStatus: status = '' } = build;
  const head = `Build ${status} in ${seconds(build.startTime, build.endTime)} s`;
  const lines = [
    '',
    status === 'SUCCEEDED' ? paint.green(head) : paint.red(head),
    ...failureLines(build),
    ...results.reports.flatMap(reportLines),
    ...artifactLines(plan, results),
  ];
  return lines.map((line) => (process.stdout.isTTY ? onTerminal(line).trimEnd() : line)).join('\n') + '\n';
}

/** One object, for programs. */
export function summaryJson(build: Build, results: RunResults): string {
  const { buildStatus: status, phases = [] } = build;
  const summary = {
    status,
    phases: phases.map(({ phaseType, phaseStatus, startTime, endTime, contexts }) => ({
      phase: phaseType,
      ...(phaseStatus === undefined ? {} : { status: phaseStatus }),
      ...(endTime && startTime ? { milliseconds: endTime.getTime() - startTime.getTime() } : {}),
      ...(contexts?.[0]?.statusCode
        ? { code: contexts[0].statusCode, message: contexts[0].message ?? '' }
        : {}),
    })),
    exportedVariables: build.exportedEnvironmentVariables ?? [],
    ...results,
  };
  return `${JSON.stringify({ at: Date.now(), build: summary })}\n`;
}

function failureLines({ phases = [] }: Build): string[] {
  return phases.flatMap(({ phaseType, phaseStatus, contexts }) => {
    if (phaseStatus === undefined || phaseStatus === 'SUCCEEDED') return [];
    const { statusCode = '', message = '' } = contexts?.[0] ?? {};
    const why = statusCode === '' ? '' : `: ${statusCode}: ${message.trim()}`;
    return [paint.red(`  ${phaseType} ${phaseStatus}${why}`)];
  });
}

function reportLines(report: ReportSummary): string[] {
  const { name, status, tests, failed = [], linesPercentage, branchesPercentage } = report;
  const facts = [
    ...(tests ? [`${tests.total} tests, ${tests.passed} passed, ${tests.failed} failed`] : []),
    ...(linesPercentage === undefined ? [] : [`${round(linesPercentage)} % of lines`]),
    ...(branchesPercentage === undefined ? [] : [`${round(branchesPercentage)} % of branches`]),
  ];
  const line = `  report ${name}: ${facts.join(', ') || status}`;
  return [
    tests && tests.failed > 0 ? paint.red(line) : line,
    ...failed.map((test) => paint.red(`    failed: ${test}`)),
    ...(tests && tests.failed > failed.length ? [`    and ${tests.failed - failed.length} more`] : []),
  ];
}

function artifactLines({ artifacts, spec }: RunPlan, results: RunResults): string[] {
  if (results.artifacts.length === 0) return spec?.artifacts ? ['  artifacts: none were made'] : [];
  if (artifacts === undefined) {
    const names = results.artifacts.join(', ');
    return [paint.dim(`  artifacts: ${names} made and not kept; --artifacts DIR keeps them`)];
  }
  return results.artifacts.map((path) =>
    statSync(path).isDirectory() ? `  artifacts in ${path}` : `  artifact ${path} (${sizeOf(path)})`,
  );
}

function round(percentage: number): string {
  return String(Math.round(percentage * 10) / 10);
}

function seconds(from: Date | undefined, to: Date | undefined): string {
  return (((to?.getTime() ?? 0) - (from?.getTime() ?? 0)) / 1000).toFixed(1);
}
