/**
 * `npm run bench codebuild`: what builds can take. Lines from a command to GetLogEvents, twenty builds at once and the
 * API meanwhile, artifacts and caches from the workspace to S3 and back, a local run; beside what `cat`, `zip`, `tar`
 * and `cp` need for the same bytes in the same run. One part by name: `node bench/codebuild.ts log`.
 */

import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Build } from '@aws-sdk/client-codebuild';
import { readRootKey } from '#store/root-key.ts';
import { type BuildClients, connectBuilds, createBuildRole, spec } from '#test/support/builds.ts';
import type { TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';
import { type Figure, figure, report } from './report.ts';
import { startServer } from './server.ts';

const ROOT = resolve(import.meta.dirname, '..');
const REGION = 'us-east-1';
const BUCKET = 'bench';
const BUILD_MS_MAX = 180_000;
const RUNS = Number(process.env['BENCH_RUNS'] ?? 3);
const LINES = Number(process.env['BENCH_LINES'] ?? 1_000_000);
const BUILDS_AT_ONCE = 20;
const LOOK_MS = 50;
/** A tree as a build makes it: many small files, and some that do not compress. */
const TREE = `mkdir -p tree && cd tree
for i in $(seq 200); do seq $i 4000 > text-$i.txt; done
for i in $(seq 20); do head -c 2000000 /dev/urandom > random-$i.bin; done`;

let megabytes: number | undefined;
const directory = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
const figures: Figure[] = [];
const chosen = process.argv.slice(2);
const server = await startServer(join(directory, 'data'), '--builds', '20');
const clients = connectBuilds({
  endpoint: server.url,
  region: REGION,
  credentials: readRootKey(join(directory, 'data')),
} as TestHouse);
try {
  await createBuildRole(clients.iam, ['logs:*', 's3:*', 'codebuild:*']);
  await clients.s3.createBucket({ Bucket: BUCKET });
  const parts = {
    log: measureLog,
    many: measureMany,
    artifacts: measureArtifacts,
    cache: measureCache,
    run: measureRun,
  };
  for (const [name, measure] of Object.entries(parts)) {
    if (chosen.length === 0 || chosen.includes(name)) await measure(clients);
  }
} finally {
  clients.close();
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
}
if (chosen.length === 0) report('codebuild', figures);
else console.table(figures);

/** From the first line of a command to the last one that a reader has, and what the server's memory grew by. */
async function measureLog({ createProject, run, logs }: BuildClients): Promise<void> {
  const print = `seq -f '[INFO] %.0f compiling src/main/java/com/example/shop/Orders.java and what it needs' ${LINES}`;
  await createProject('log', spec(['date +%s%N', print, 'date +%s%N']));
  const through: number[] = [];
  const printed: number[] = [];
  const memory: number[] = [];
  for (let index = 0; index < RUNS; index++) {
    const before = rssMegabytes(server.pid);
    let peak = before;
    const watch = setInterval(() => (peak = Math.max(peak, rssMegabytes(server.pid))), LOOK_MS);
    const build = await waited(run, 'log');
    clearInterval(watch);
    const seen = await readWhole(logs, build);
    if (seen.lines !== LINES) throw new Error(`${LINES - seen.lines} lines were lost`);
    const [from = 0, to = 0] = seen.stamps;
    printed.push(LINES / ((to - from) / 1000));
    through.push(LINES / ((seen.lastAt - from) / 1000));
    memory.push(peak - before);
  }
  figures.push(figure(`log: ${LINES} lines, printed → in CloudWatch Logs`, 'lines/s', through, '≥ 100,000'));
  figures.push(figure('log: the command meanwhile', 'lines/s', printed));
  figures.push(figure('log: memory of the server grew by (RSS)', 'MB', memory));
  figures.push(figure('log:   floor: the same lines through cat into a file', 'lines/s', floorOfLog(print)));
}

function floorOfLog(print: string): number[] {
  return Array.from({ length: RUNS }, () => {
    const from = performance.now();
    execFileSync('/bin/sh', ['-c', `${print} | cat > "${join(directory, 'floor')}"`]);
    return LINES / ((performance.now() - from) / 1000);
  });
}

/** Counts the lines and checks their order; also the times that the build printed around them. */
async function readWhole(logs: BuildClients['logs'], build: Build) {
  let nextToken: string | undefined;
  let lines = 0;
  let lastAt = 0;
  const stamps: number[] = [];
  for (;;) {
    const page = await logs.getLogEvents({
      logGroupName: build.logs?.groupName,
      logStreamName: build.logs?.streamName,
      startFromHead: true,
      nextToken,
    });
    if (page.events?.length === 0) return { lines, lastAt, stamps };
    nextToken = page.nextForwardToken;
    for (const { message = '', ingestionTime = 0 } of page.events ?? []) {
      if (/^\d{19}\n$/.test(message)) stamps.push(Number(message.trim()) / 1e6);
      if (!message.startsWith(`[INFO] ${lines + 1} `)) continue;
      lines++;
      lastAt = ingestionTime;
    }
  }
}

async function waited(run: BuildClients['run'], name: string): Promise<Build> {
  const build = await run(name);
  if (build.buildStatus !== 'SUCCEEDED') throw new Error(`the build ${name} ended as ${build.buildStatus}`);
  return build;
}

/** Twenty builds at once, and what ListBuilds and BatchGetBuilds take while they run. */
async function measureMany({ codebuild, createProject }: BuildClients): Promise<void> {
  await createProject('many', spec(['echo done']));
  const whole: number[] = [];
  const calls: number[] = [];
  for (let index = 0; index < RUNS; index++) {
    const from = performance.now();
    const started = await Promise.all(
      Array.from({ length: BUILDS_AT_ONCE }, () => codebuild.startBuild({ projectName: 'many' })),
    );
    const ids = started.map(({ build }) => build?.id ?? '');
    await until('the builds', BUILD_MS_MAX, async () => {
      const asked = performance.now();
      const { builds = [] } = await codebuild.batchGetBuilds({ ids });
      calls.push(performance.now() - asked);
      const wrong = builds.find(
        ({ buildComplete, buildStatus }) => buildComplete && buildStatus !== 'SUCCEEDED',
      );
      if (wrong) throw new Error(`${wrong.id} ended as ${wrong.buildStatus}`);
      return builds.every(({ buildComplete }) => buildComplete) || undefined;
    });
    whole.push(performance.now() - from);
  }
  figures.push(figure(`${BUILDS_AT_ONCE} builds at once, all succeed`, 'ms', whole));
  figures.push(figure('  BatchGetBuilds of all meanwhile', 'ms', calls, 'p95 < 100'));
  figures.push(figure(`  floor: ${BUILDS_AT_ONCE} bare namespaces at once`, 'ms', await floorOfMany()));
}

async function floorOfMany(): Promise<number[]> {
  const samples: number[] = [];
  for (let index = 0; index < RUNS; index++) {
    const from = performance.now();
    const bare = [
      '--user',
      '--map-root-user',
      '--pid',
      '--mount',
      '--net',
      '--fork',
      'sh',
      '-c',
      'echo done',
    ];
    await Promise.all(Array.from({ length: BUILDS_AT_ONCE }, () => promisify(execFile)('unshare', bare)));
    samples.push(performance.now() - from);
  }
  return samples;
}

/** A tree of 220 files and 45 MB becomes a ZIP in S3. */
async function measureArtifacts({ createProject, run }: BuildClients): Promise<void> {
  const artifacts = {
    type: 'S3',
    location: BUCKET,
    packaging: 'ZIP',
    name: 'a.zip',
    encryptionDisabled: true,
  } as const;
  await createProject('artifacts', spec([TREE], 'artifacts:\n  files: ["tree/**/*"]\n'), { artifacts });
  const samples: number[] = [];
  for (let index = 0; index < RUNS; index++) {
    const build = await waited(run, 'artifacts');
    samples.push(treeMegabytes() / phaseSeconds(build, 'UPLOAD_ARTIFACTS'));
  }
  figures.push(figure('artifacts: a tree → its ZIP in S3', 'MB/s', samples));
  figures.push(
    figure('  floor: zip -r of the same tree', 'MB/s', floorOf('zip -qr floor.zip tree && rm floor.zip')),
  );
}

/** The same tree is saved to the cache in S3 and restored. */
async function measureCache({ createProject, run, log }: BuildClients): Promise<void> {
  await createProject('cache', spec([`test -d tree || { ${TREE}\n}`], 'cache:\n  paths: ["tree/**/*"]\n'), {
    cache: { type: 'S3', location: `${BUCKET}/cache` },
  });
  const saved: number[] = [];
  const restored: number[] = [];
  for (let index = 0; index < RUNS; index++) {
    const build = await waited(run, 'cache');
    saved.push(treeMegabytes() / phaseSeconds(build, 'UPLOAD_ARTIFACTS'));
    const next = await waited(run, 'cache');
    if (!(await log(next)).some((line) => line.includes('Restored cache')))
      throw new Error('no cache was found');
    restored.push(treeMegabytes() / phaseSeconds(next, 'DOWNLOAD_SOURCE'));
  }
  figures.push(figure('cache: a tree saved to S3', 'MB/s', saved));
  figures.push(figure('cache: restored from S3', 'MB/s', restored));
  figures.push(
    figure('  floor: tar -cz of the same tree', 'MB/s', floorOf('tar -cz tree | cat >floor && rm floor')),
  );
  figures.push(figure('  floor: cp -a of the same tree', 'MB/s', floorOf('cp -a tree floor && rm -r floor')));
}

/** `slipway run` of one command, from typing it; a whole Slipway opens and closes in that time. */
async function measureRun(): Promise<void> {
  const folder = join(directory, 'local');
  mkdirSync(folder);
  writeFileSync(join(folder, 'buildspec.yml'), spec(['date +%s%N']));
  const begun: number[] = [];
  const whole: number[] = [];
  for (let index = 0; index < RUNS; index++) {
    const from = Date.now();
    const { stdout } = await promisify(execFile)(join(ROOT, 'bin/slipway'), ['run'], { cwd: folder });
    whole.push(Date.now() - from);
    begun.push(Number(/^\d{19}$/m.exec(stdout)?.[0]) / 1e6 - from);
  }
  figures.push(figure('slipway run → its first command', 'ms', begun));
  figures.push(figure('slipway run of one command, whole', 'ms', whole));
}

function phaseSeconds({ phases = [] }: Build, type: string): number {
  const phase = phases.find(({ phaseType }) => phaseType === type);
  return ((phase?.endTime?.getTime() ?? 0) - (phase?.startTime?.getTime() ?? 0)) / 1000;
}

function treeMegabytes(): number {
  if (megabytes !== undefined) return megabytes;
  execFileSync('/bin/sh', ['-c', TREE], { cwd: directory });
  const bytes = execFileSync('du', ['-sb', '--apparent-size', join(directory, 'tree')], { encoding: 'utf8' });
  megabytes = Number(bytes.split('\t')[0]) / 1e6;
  return megabytes;
}

function floorOf(command: string): number[] {
  treeMegabytes();
  return Array.from({ length: RUNS }, () => {
    const from = performance.now();
    execFileSync('/bin/sh', ['-c', command], { cwd: directory });
    return treeMegabytes() / ((performance.now() - from) / 1000);
  });
}

function rssMegabytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}
