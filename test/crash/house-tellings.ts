/**
 * Tells a story in a whole house again and again, with the real machines of its rooms: with the first, second, third …
 * write failing, and with the process killed before it. Each time the world must show the same in the end. What comes
 * before the story is prepared once and copied for each telling.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Slipway } from '#slipway';

/** A module of its own exports it as `story`, so that a process of its own can tell it. */
export interface HouseStory {
  open(directory: string, beforeWrite?: (n: number) => void): Promise<Slipway>;
  /** Makes everything that the story needs. */
  prepare(directory: string): Promise<void>;
  /** Called in each life, so it must be repeatable. Resolves at the end of the story to what the world shows. */
  live(slipway: Slipway): Promise<unknown>;
}

const TELLINGS_MAX = 1_000;
/** The exit code of a process in which a write failed. */
export const FAILED = 3;

/** Each telling takes a second or two, so only every so manieth write; SLIPWAY_CRASH_EVERY=1 looks at all. */
export function tellWithDisturbances(name: string, story: HouseStory, module: string, every: number): void {
  const stride = Number(process.env['SLIPWAY_CRASH_EVERY'] ?? every);
  let template: string;
  let expected: unknown;

  before(async () => {
    template = mkdtempSync(join(tmpdir(), 'slipway-crash-'));
    await story.prepare(join(template, 'data'));
    expected = await tell((directory) => live(directory));
  });
  after(() => rmSync(template, { recursive: true, force: true }));

  for (const disturbance of ['fail', 'kill'] as const) {
    const what =
      disturbance === 'fail'
        ? 'one write after another fails'
        : 'the process is killed before one write after another';
    test(`${what}, and ${name} as if nothing had happened`, async (context) => {
      for (let n = 1; ; n += stride) {
        assert.ok(n < TELLINGS_MAX);
        let isDisturbed = false;
        const end = await tell(async (directory) => {
          isDisturbed = await disturb(module, directory, n, disturbance);
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
    const slipway = await story.open(directory);
    try {
      return await story.live(slipway);
    } finally {
      await slipway.close(0);
    }
  }
}

/** Whether the process was disturbed, and not rather at its end before. */
function disturb(
  module: string,
  directory: string,
  write: number,
  disturbance: 'fail' | 'kill',
): Promise<boolean> {
  const program = join(import.meta.dirname, 'house-child.ts');
  const child = spawn(process.execPath, [program, module, directory, String(write), disturbance], {
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
