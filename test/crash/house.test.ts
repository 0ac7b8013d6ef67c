/**
 * The real machines under every disturbance of the database: a release in a whole house, with the first, second,
 * third … write failing, and with the process killed before it. Each time the world must show the same in the end.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openHouse, prepare, release } from './house-story.ts';

const TELLINGS_MAX = 1_000;
/** Each telling takes a second; SLIPWAY_CRASH_EVERY=1 looks at every write. */
const EVERY = Number(process.env['SLIPWAY_CRASH_EVERY'] ?? 4);
/** The exit code of a process in which a write failed. */
const FAILED = 3;

let template: string;
let expected: unknown;

before(async () => {
  template = mkdtempSync(join(tmpdir(), 'slipway-crash-'));
  await prepare(join(template, 'data'));
  expected = await tell((directory) => live(directory));
});
after(() => rmSync(template, { recursive: true, force: true }));

for (const disturbance of ['fail', 'kill'] as const) {
  const what =
    disturbance === 'fail'
      ? 'one write after another fails'
      : 'the process is killed before one write after another';
  test(`${what}, and the release arrives as if nothing had happened`, async (context) => {
    for (let n = 1; ; n += EVERY) {
      assert.ok(n < TELLINGS_MAX);
      let isDisturbed = false;
      const end = await tell(async (directory) => {
        isDisturbed = await disturb(directory, n, disturbance);
        return await live(directory);
      });
      assert.deepEqual(end, expected, `at write ${n}`);
      if (!isDisturbed) return context.diagnostic(`less than ${n} writes`);
    }
  });
}

async function tell<Result>(lives: (directory: string) => Promise<Result>): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-crash-'));
  try {
    cpSync(join(template, 'data'), join(directory, 'data'), { recursive: true });
    return await lives(join(directory, 'data'));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function live(directory: string): Promise<unknown> {
  const slipway = await openHouse(directory);
  try {
    return await release(slipway);
  } finally {
    await slipway.close(0);
  }
}

/** Whether the process was disturbed, and not rather at its end before. */
function disturb(directory: string, write: number, disturbance: 'fail' | 'kill'): Promise<boolean> {
  const program = join(import.meta.dirname, 'house-child.ts');
  const child = spawn(process.execPath, [program, directory, String(write), disturbance], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return new Promise((resolve, reject) =>
    child.once('exit', (code, signal) => {
      if (code === 0) resolve(false);
      else if (code === FAILED || signal === 'SIGKILL') resolve(true);
      else reject(new Error(`the house ended with ${code ?? signal}`));
    }),
  );
}
