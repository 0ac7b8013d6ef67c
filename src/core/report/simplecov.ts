/** SimpleCov's `.resultset.json`: by runner and file, how often each line ran; newer versions add branches. */

import { isRecord, listOf } from './json.ts';
import { ReportUnreadable, type FileCoverage } from './report.ts';
import { cutName } from './tree.ts';

export function readSimplecov(json: unknown): FileCoverage[] {
  if (!isRecord(json)) throw new ReportUnreadable('it is not an object of runners');
  const runners = Object.values(json).filter(isRecord);
  if (!runners.some((runner) => isRecord(runner['coverage']))) {
    throw new ReportUnreadable('no runner in it has coverage');
  }
  const files = new Map<string, { lines: (number | null)[]; branches: Map<string, number> }>();
  for (const runner of runners) {
    const coverage = isRecord(runner['coverage']) ? runner['coverage'] : {};
    for (const [path, told] of Object.entries(coverage)) {
      const file = files.get(path) ?? { lines: [], branches: new Map<string, number>() };
      files.set(path, file);
      addLines(file.lines, isRecord(told) ? listOf(told['lines']) : listOf(told));
      if (isRecord(told)) addBranches(file.branches, told['branches']);
    }
  }
  return [...files].map(([path, { lines, branches }]) => {
    const counted = lines.filter((count) => count !== null);
    const linesCovered = counted.filter((count) => count > 0).length;
    const branchesCovered = [...branches.values()].filter((count) => count > 0).length;
    return {
      path: cutName(path),
      linesCovered,
      linesMissed: counted.length - linesCovered,
      branchesCovered,
      branchesMissed: branches.size - branchesCovered,
    };
  });
}

/** Several runners may have run the same file; `null` is a line that cannot run. */
function addLines(sum: (number | null)[], lines: readonly unknown[]): void {
  lines.forEach((count, i) => {
    const before = sum[i] ?? null;
    sum[i] = typeof count === 'number' ? (before ?? 0) + count : before;
  });
}

/** `{condition: {branch: count}}` */
function addBranches(sum: Map<string, number>, conditions: unknown): void {
  if (!isRecord(conditions)) return;
  for (const [condition, branches] of Object.entries(conditions)) {
    if (!isRecord(branches)) continue;
    for (const [branch, count] of Object.entries(branches)) {
      const name = `${condition}\n${branch}`;
      sum.set(name, (sum.get(name) ?? 0) + (typeof count === 'number' ? count : 0));
    }
  }
}
