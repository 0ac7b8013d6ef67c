/** Coverage as `node --test` writes it becomes a result set of SimpleCov, which CodeBuild reads. */
import { readFileSync, writeFileSync } from 'node:fs';

const [from, to] = process.argv.slice(2);
const coverage = {};
for (const record of readFileSync(from, 'utf8').split('end_of_record')) {
  const file = /^SF:(.+)$/m.exec(record)?.[1];
  if (file === undefined || file.includes('test/')) continue;
  const lines = [];
  for (const [, line, count] of record.matchAll(/^DA:(\d+),(\d+)$/gm)) lines[line - 1] = Number(count);
  coverage[file] = { lines: Array.from(lines, (count) => count ?? null) };
}
writeFileSync(to, JSON.stringify({ node: { coverage, timestamp: 0 } }));
