/**
 * `npm run bench` runs every benchmark, `npm run bench engine` one. Each file in `bench/` measures one thing beside a
 * floor or a peer in the same run, prints a table, and writes its figures to `bench/results/` with the machine's facts.
 */

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

const folder = resolve(import.meta.dirname, '../bench');
const known = readdirSync(folder)
  .filter((name) => name.endsWith('.ts') && name !== 'report.ts')
  .map((name) => name.slice(0, -3))
  .sort();
const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`No benchmark is named ${unknown.join(', ')}. There are: ${known.join(', ')}.`);
  process.exit(1);
}
for (const name of chosen.length > 0 ? chosen : known) {
  const { status } = spawnSync(process.execPath, [join(folder, `${name}.ts`)], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
