/**
 * The UPLOAD_ARTIFACTS phase. First the shell is asked what only it knows; then the sandbox is ended, so that nothing
 * moves while files are collected; then come artifacts, reports and the cache, in the order of CodeBuild. Reports are
 * made also when there are no artifacts: a failed build is when they are wanted most.
 */

import { isFault } from '#base/fault.ts';
import { join } from 'node:path';
import type { ArtifactFacts, BuildFacts } from '#core/build/state.ts';
import type { Buildspec, ReportSpec } from '#core/buildspec/buildspec.ts';
import { collectBlock, putArtifacts } from './artifacts.ts';
import { keep, PhaseFailure, recall, type Bench } from './bench.ts';
import { saveCache } from './caches.ts';
import type { CollectedFile } from './collect.ts';
import { askLastQuestions, type Answers } from './last-questions.ts';
import { makeReports } from './making-reports.ts';
import { beneath, hostPlace, sourcePlaces } from './places.ts';
import { discoverReports } from './report-discovery.ts';

/** `end` ends the sandbox; `say` adds lines to the log after that. */
export async function uploadAll(
  bench: Bench,
  spec: Buildspec,
  isSucceeding: boolean,
  end: () => Promise<void>,
  say: (text: string) => void,
): Promise<BuildFacts> {
  const answers =
    recall<Answers>(bench.directory, 'answers') ?? (await askLastQuestions(bench, spec, isSucceeding));
  keep(bench.directory, 'answers', answers);
  await end();
  const artifacts: ArtifactFacts[] = [];
  let failure: string | undefined;
  try {
    await putArtifacts(bench, spec, answers, artifacts, say);
  } catch (error) {
    if (error instanceof PhaseFailure) failure = error.context.message;
    else if (isFault(error)) failure = `Failed to upload artifacts: ${error.code}: ${error.message}`;
    else throw error;
  }
  const reports = await reportAll(bench, spec, answers, say);
  if (answers.cache) await saveCache(bench, answers.cache, say);
  failure ??= reports.problem;
  const facts: BuildFacts = {
    exportedVariables: answers.exportedVariables,
    artifacts,
    ...(reports.arns.length > 0 ? { reportArns: reports.arns } : {}),
  };
  if (failure !== undefined) throw new PhaseFailure('CLIENT_ERROR', failure, { facts });
  return facts;
}

async function reportAll(
  bench: Bench,
  spec: Buildspec,
  answers: Answers,
  say: (text: string) => void,
): Promise<{ readonly arns: readonly string[]; readonly problem?: string }> {
  const known = new Set<string>();
  const collect = (report: ReportSpec): readonly CollectedFile[] => {
    const { files, lines } = collectBlock(
      bench,
      { ...report, excludePaths: [], enableSymlinks: false },
      answers,
    );
    for (const line of lines) say(line);
    for (const file of files) known.add(file.path);
    return files;
  };
  const { arns, problems } = await makeReports(bench, spec.reports, collect, say);
  const root = discoveryRoot(bench, answers);
  const discovered = root === undefined ? [] : await discoverReports(bench, root, known, say);
  return {
    arns: [...arns, ...discovered],
    ...(problems.length > 0 ? { problem: `Error in UPLOAD_ARTIFACTS phase: [${problems.join(', ')}]` } : {}),
  };
}

function discoveryRoot(bench: Bench, { discovery }: Answers): string | undefined {
  if (discovery === undefined) return undefined;
  const { sandbox } = bench;
  const source = sourcePlaces(bench.plan, sandbox.workspace, bench.room.house.region)[0]?.path ?? '';
  const place = hostPlace(
    sandbox,
    bench.directory,
    discovery.startsWith('/') ? discovery : join(source, discovery),
  );
  return place && beneath(place.limit, place.path.slice(place.limit.length));
}
