/** Shared by the benchmarks: medians and spread, the machine's facts, and the JSON file that keeps the figures. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join, resolve } from 'node:path';

export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly p95: number;
  readonly count: number;
  /** What the issue asks for, in the same unit. */
  readonly aim?: string;
}

export function figure(name: string, unit: string, samples: readonly number[], aim?: string): Figure {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  const round = (value: number) => Number(value.toPrecision(4));
  return {
    name,
    unit,
    median: round(at(0.5)),
    min: round(at(0)),
    max: round(at(1)),
    p95: round(at(0.95)),
    count: sorted.length,
    ...(aim === undefined ? {} : { aim }),
  };
}

/** Prints the table and writes `bench/results/<name>.json`. */
export function report(name: string, figures: readonly Figure[], notes: readonly string[] = []): void {
  console.log(`\n${name}`);
  console.table(
    Object.fromEntries(
      figures.map(({ name: what, unit, median, min, max, p95, count, aim }) => [
        what,
        { median, min, max, p95, unit, count, aim: aim ?? '' },
      ]),
    ),
  );
  for (const note of notes) console.log(`  ${note}`);
  const folder = resolve(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    node: process.version,
    kernel: kernel(),
  };
  writeFileSync(
    join(folder, `${name}.json`),
    `${JSON.stringify({ name, date: new Date().toISOString(), machine, figures, notes }, null, 2)}\n`,
  );
}

function kernel(): string {
  return readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
}
