/**
 * Reports that nobody declared: after POST_BUILD the source folder is searched for result files of any format, for five
 * seconds at most. Whatever goes wrong is told in the log and fails nothing. Installed packages and git's own files are
 * not searched: results in them are not of this build.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/report-auto-discover.html
 */

import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { isFault } from '#base/fault.ts';
import type { ReportFormat } from '#core/report/report.ts';
import type { Bench } from './bench.ts';
import type { CollectedFile } from './collect.ts';
import { makeReport, textOf } from './making-reports.ts';
import { FILE_BYTES_MAX, readReportFiles } from './report-reader.ts';

const BUDGET_MS = 5000;
const CANDIDATES_MAX = 200;
const NOT_SEARCHED = ['.git', 'node_modules'];
const CANDIDATE = /\.(xml|trx)$|^\.resultset\.json$|cucumber[^/]*\.json$/i;

/** `known` are files that a declared report already has. */
export async function discoverReports(
  bench: Bench,
  root: string,
  known: ReadonlySet<string>,
  say: (text: string) => void,
): Promise<readonly string[]> {
  const started = performance.now();
  say('Set report auto-discover timeout to 5 seconds');
  say('Expanding base directory path:  .');
  say('Expanding file paths for base directory .');
  const found = (await search(root, started + BUDGET_MS)).filter((file) => !known.has(file.path));
  const byFormat = new Map<ReportFormat, CollectedFile[]>();
  const left = BUDGET_MS - (performance.now() - started);
  const answers = found.length > 0 ? await readReportFiles({ files: found }, Math.max(left, 1)) : [];
  answers.forEach((answer, i) => {
    const file = found[i];
    if (!file || !('format' in answer)) return;
    byFormat.set(answer.format, [...(byFormat.get(answer.format) ?? []), file]);
  });
  const count = [...byFormat.values()].reduce((sum, files) => sum + files.length, 0);
  say(count === 0 ? 'No matching auto-discover report paths found' : `Found ${count} file(s)`);
  say(
    `Report auto-discover file discovery took ${((performance.now() - started) / 1000).toFixed(6)} seconds`,
  );
  const arns: string[] = [];
  for (const [format, files] of byFormat) {
    try {
      arns.push(
        await makeReport(bench, `${bench.plan.projectName}-${format}-AutoDiscovered`, format, files, say),
      );
    } catch (error) {
      if (!isFault(error) && (error as Error).name !== 'ReportProblem') throw error;
      say(`Report auto-discovery failed: ${textOf(error)}`);
    }
  }
  return arns;
}

/** Plain files only; links are not followed. */
async function search(root: string, until: number): Promise<CollectedFile[]> {
  const found: CollectedFile[] = [];
  const open = [''];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    for await (const entry of await opendir(join(root, folder))) {
      if (performance.now() > until || found.length >= CANDIDATES_MAX) return found;
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && !NOT_SEARCHED.includes(entry.name)) open.push(name);
      if (!entry.isFile() || !CANDIDATE.test(entry.name)) continue;
      const path = join(root, name);
      const { size, mode, mtime } = await lstat(path);
      if (size <= FILE_BYTES_MAX) found.push({ name, path, mode, modifiedAt: mtime });
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}
