/**
 * Prints `docs/coverage.md` from the rooms' operation maps: what each service answers, and why it does not answer the
 * rest. `--check` compares with the file and fails when it is out of date.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { silentLog } from '#base/log.ts';
import type { AnyService } from '#gateway/rooms.ts';
import { createSlipway } from '#slipway';

const FILE = resolve(import.meta.dirname, '../docs/coverage.md');

export async function coverage(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-coverage-'));
  const slipway = await createSlipway({
    directory,
    host: '127.0.0.1',
    port: 0,
    account: '123456789012',
    region: 'us-east-1',
    runtime: 'sandbox',
    environment: {},
    log: silentLog,
  });
  try {
    const rooms = [...slipway.rooms].sort((a, b) => (a.name < b.name ? -1 : 1));
    return [
      '# What each service answers',
      '',
      'Printed by `node scripts/coverage.ts` from the rooms themselves; do not edit. An operation that is not answered',
      'says so on the wire, and here why.',
      '',
      '| Service | Answered | Of |',
      '|---|---|---|',
      ...rooms.map(
        (room) =>
          `| [${room.name}](#${room.name}) | ${answered(room).length} | ${operationsOf(room).length} |`,
      ),
      ...rooms.flatMap(section),
      '',
    ].join('\n');
  } finally {
    await slipway.close(1000);
    rmSync(directory, { recursive: true, force: true });
  }
}

type Entry = readonly [string, ((...parameters: never[]) => unknown) | { readonly gap: string }];

function operationsOf(room: AnyService): readonly Entry[] {
  return (Object.entries(room.operations) as unknown as Entry[]).sort(([a], [b]) => (a < b ? -1 : 1));
}

function answered(room: AnyService): readonly Entry[] {
  return operationsOf(room).filter(([, operation]) => typeof operation === 'function');
}

function section(room: AnyService): readonly string[] {
  const byReason = new Map<string, string[]>();
  for (const [name, operation] of operationsOf(room)) {
    if (typeof operation === 'function') continue;
    byReason.set(operation.gap, [...(byReason.get(operation.gap) ?? []), name]);
  }
  return [
    '',
    `## ${room.name}`,
    '',
    `Answers ${answered(room)
      .map(([name]) => name)
      .join(', ')}.`,
    ...(byReason.size > 0 ? ['', '| Not answered | Why |', '|---|---|'] : []),
    ...[...byReason].map(([reason, names]) => `| ${names.join(', ')} | ${reason} |`),
  ];
}

if (process.argv[1] === import.meta.filename) {
  const text = await coverage();
  if (process.argv.includes('--check')) {
    if (readFileSync(FILE, 'utf8') !== text) {
      console.error('docs/coverage.md is out of date; run: node scripts/coverage.ts');
      process.exitCode = 1;
    }
  } else writeFileSync(FILE, text);
}
