/**
 * `npm test`: types, the walls of the house, every unit, and one story end to end; about a minute.
 * `npm run test:all`: everything; `--slow` only what `npm test` leaves out. Suites that need something the machine lacks
 * say so and are skipped. Further arguments are files or patterns: `npm test -- 'src/core/*.test.ts'`.
 *
 * With SLIPWAY_TEST_NO_SKIP set, a skipped test fails the run, unless its reason says that it `wants` something that
 * cannot be installed from Debian.
 */

import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const FAST = ['src/**/*.test.ts', 'test/house.test.ts', 'test/scenarios/commit-to-deploy.test.ts'];
/** A file that hangs is named and ends the run, instead of being waited for. */
const FILE_MS_MAX = 20 * 60_000;
const ALL = ['src/**/*.test.ts', 'test/**/*.test.ts'];

const root = resolve(import.meta.dirname, '..');
const parameters = process.argv.slice(2);
const isSlow = parameters.includes('--slow');
const isAll = parameters.includes('--all');
const chosen = parameters.filter((parameter) => !parameter.startsWith('--'));
const noSkip = Boolean(process.env['SLIPWAY_TEST_NO_SKIP']);

if (chosen.length === 0 && !isSlow) {
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', root]);
}
const files = chooseFiles();
if (files.length === 0) {
  console.error(`No test file matches ${chosen.join(' ')}.`);
  process.exit(1);
}
const scratch = mkdtempSync(join(tmpdir(), 'slipway-tests-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
const record = join(scratch, 'record.tap');
run(process.execPath, [
  '--test',
  `--test-timeout=${FILE_MS_MAX}`,
  '--test-reporter=spec',
  '--test-reporter-destination=stdout',
  ...(noSkip ? ['--test-reporter=tap', `--test-reporter-destination=${record}`] : []),
  '--test-concurrency=2',
  ...files,
]);
if (noSkip) refuseSkips(readFileSync(record, 'utf8'));

function chooseFiles(): readonly string[] {
  const matching = (patterns: readonly string[]) =>
    [...new Set(globSync([...patterns], { cwd: root }))].sort();
  if (chosen.length > 0) return matching(chosen);
  if (isAll) return matching(ALL);
  const fast = matching(FAST);
  return isSlow ? matching(ALL).filter((file) => !fast.includes(file)) : fast;
}

function refuseSkips(tap: string): void {
  const skipped = [...tap.matchAll(/^\s*ok \d+ - (.*?) # SKIP ?(.*)$/gm)]
    .map(([, name = '', reason = '']) => ({ name, reason }))
    .filter(({ reason }) => !reason.startsWith('wants '));
  if (skipped.length === 0) return;
  console.error('These were skipped, though this machine could run them:');
  for (const { name, reason } of skipped) console.error(`  ${name}: ${reason || 'no reason given'}`);
  process.exit(1);
}

function run(command: string, parametersOfCommand: readonly string[]): void {
  const result = spawnSync(command, parametersOfCommand, { cwd: root, stdio: 'inherit' });
  if (result.error) throw result.error;
  if (result.status !== 0) process.exit(result.status ?? 1);
}
