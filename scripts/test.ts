/**
 * `npm test`: types, the walls of the house, every unit, and one story end to end; about a minute.
 * `npm run test:all`: everything; suites that need something the machine lacks say so and are skipped.
 * Further arguments are file patterns: `npm test -- 'src/core/**' `.
 */

import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const parameters = process.argv.slice(2);
const all = parameters.includes('--all');
const chosen = parameters.filter((parameter) => !parameter.startsWith('--'));

const FAST = ['src/**/*.test.ts', 'test/house.test.ts', 'test/scenarios/commit-to-deploy.test.ts'];
const SLOW = ['test/**/*.test.ts'];

if (chosen.length === 0) {
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', root]);
}
const patterns = chosen.length > 0 ? chosen : all ? [...FAST, ...SLOW] : FAST;
const files = [...new Set(globSync(patterns, { cwd: root }))].sort();
if (files.length === 0) {
  console.error(`No test file matches ${patterns.join(' ')}.`);
  process.exit(1);
}
run(process.execPath, ['--test', '--test-reporter=spec', `--test-concurrency=${all ? 1 : 2}`, ...files]);

function run(command: string, parametersOfCommand: readonly string[]): void {
  const result = spawnSync(command, parametersOfCommand, { cwd: root, stdio: 'inherit' });
  if (result.error) throw result.error;
  if (result.status !== 0) process.exit(result.status ?? 1);
}
