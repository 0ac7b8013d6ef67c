/**
 * The crash harness: takes a story (machines, a world on disk, how it begins, how it ends) and tells it again and again,
 * each time with one disturbance at another place. It counts places, it does not name them: the n-th write fails, the
 * process is killed or stopped at the n-th step, for n = 1, 2, 3 … until a telling was not disturbed at all. Each time
 * the story must end as the undisturbed one did.
 *
 * To put machines of your own through it: write a module that exports a `story`, as `toy-story.ts` does, and a test
 * that calls the four functions below, as `engine.test.ts` does. The world must live in the directory that `open`
 * receives, because several lives of the process, and several processes, act on it.
 *
 * Time in a telling is false and runs fast; waits of minutes are nothing.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createFakeClock } from '#base/clock.ts';
import type { Clock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { createEngine, engineMigrations } from '#engine/engine.ts';
import type { Engine, Migration, NamedMachine, Performance } from '#engine/machine.ts';
import { migrate, openDatabase } from '#store/database.ts';
import type { Database } from '#store/database.ts';
import type { Databases, Place } from '#test/support/databases.ts';

export interface Story {
  readonly migrations: readonly Migration[];
  /** Called once in each life of a process, when all tables are there and the engine is not started. */
  open(life: Life): Chapter | Promise<Chapter>;
}

/** What one life of a process works with; a room finds here what it takes from its house. */
export interface Life {
  /** The world's; the same for all lives of one telling. */
  readonly directory: string;
  readonly database: Database;
  readonly engine: Engine;
  readonly clock: Clock;
}

export interface Chapter {
  readonly machines: readonly NamedMachine[];
  /** Sets the story going. Called in each life, so it must be repeatable, as a client that got no answer repeats. */
  begin(): Promise<void>;
  /** Asked again and again; once true, and with all effects done, the story is over. */
  isOver(): Promise<boolean>;
  /** What must be the same after every telling: states without times and ids, and all that the world has seen. */
  end(): Promise<unknown>;
  close?(): Promise<void>;
}

/** Disturbances of one life. */
export interface Disturbance {
  /** Called before the n-th write of this life; what it throws, the write throws. */
  readonly beforeWrite?: (n: number) => void;
  /** Called at the n-th step of this life: before each write, and before and after each delivery of an effect. */
  readonly atStep?: (n: number) => void;
  /** How each delivery is disturbed: performed twice in a row, or performed and its result lost once. */
  readonly deliver?: 'twice' | 'lose first result';
}

/** Where orders for a place are performed, in every life. */
export const PLACE = 'here';
/** The exit code of a process that does not know whether its last commit happened. */
export const IN_DOUBT = 3;
const TURN_MS = 10;
const TURNS_MAX = 500_000;
const PLACES_MAX = 5_000;

/**
 * Fails the first, the second … write, each in a telling of its own. Returns how many writes there were. A long story
 * may look at every seventh place only; SLIPWAY_CRASH_EVERY=1 looks at all of them.
 */
export async function failEveryWrite(databases: Databases, story: Story, every = 1): Promise<number> {
  const expected = await tell(databases, story);
  for (let n = 1; n <= PLACES_MAX; n += strideOf(every)) {
    let failed = false;
    const beforeWrite = (write: number) => {
      if (failed || write !== n) return;
      failed = true;
      throw new Error(`write ${n} fails`);
    };
    const end = await tell(databases, story, { beforeWrite });
    assert.deepEqual(end, expected, `after write ${n} failed`);
    if (!failed) return n - 1;
  }
  throw new Error(`more than ${PLACES_MAX} writes`);
}

function strideOf(every: number): number {
  const wanted = Number(process.env['SLIPWAY_CRASH_EVERY'] ?? every);
  assert.ok(Number.isInteger(wanted) && wanted > 0, 'SLIPWAY_CRASH_EVERY is a number of places');
  return wanted;
}

/** Delivers every effect twice: once in a row, and once because the first result is lost. */
export async function deliverEveryEffectTwice(databases: Databases, story: Story): Promise<void> {
  const expected = await tell(databases, story);
  for (const deliver of ['twice', 'lose first result'] as const) {
    assert.deepEqual(await tell(databases, story, { deliver }), expected, deliver);
  }
}

/**
 * Kills a process of its own at the first, the second … step, and lets a second life end the story. `module` is the
 * URL of the module that exports the story. Returns how many steps there were.
 */
export async function killAtEveryStep(
  databases: Databases,
  story: Story,
  module: string,
  every = 1,
): Promise<number> {
  const expected = await tell(databases, story);
  for (let n = 1; n <= PLACES_MAX; n += strideOf(every)) {
    let killed = false;
    const end = await withDirectory(async (directory) => {
      const place = await databases.createPlace();
      const child = startChild({ module, place, directory, step: n, signal: 'SIGKILL' });
      const { code, signal } = await ended(child);
      killed = signal === 'SIGKILL';
      assert.ok(killed || code === 0, `the process ended with ${code ?? signal}`);
      return await live(place, directory, story);
    });
    assert.deepEqual(end, expected, `after a kill at step ${n}`);
    if (!killed) return n - 1;
  }
  throw new Error(`more than ${PLACES_MAX} steps`);
}

/**
 * Stops a node at the first, the second … step, lets another node end the story, and then lets the first one go on:
 * it must find that its leases are lost. For databases that nodes can share.
 */
export async function stopAtEveryStep(databases: Databases, story: Story, module: string): Promise<number> {
  const expected = await tell(databases, story);
  for (let n = 1; n <= PLACES_MAX; n++) {
    let stopped = false;
    const end = await withDirectory(async (directory) => {
      const place = await databases.createPlace();
      // The server ends the session of a node that stops inside a transaction; here it need not wait so long.
      const impatient = { ...place, url: `${place.url}?idle_in_transaction_session_timeout=100` };
      const child = startChild({ module, place: impatient, directory, step: n, signal: 'SIGSTOP' });
      const end = ended(child);
      try {
        stopped = await Promise.race([said(child, 'stopping'), end.then(() => false)]);
        if (stopped) await live(place, directory, story);
      } catch (error) {
        child.kill('SIGKILL');
        throw error;
      }
      child.kill('SIGCONT');
      const { code } = await end;
      assert.ok(code === 0 || (stopped && code === IN_DOUBT), `the stopped node, at step ${n}: ${code}`);
      return await live(place, directory, story);
    });
    assert.deepEqual(end, expected, `after a stop at step ${n}`);
    if (!stopped) return n - 1;
  }
  throw new Error(`more than ${PLACES_MAX} steps`);
}

/** One telling in this process: as many lives as it takes. */
async function tell(databases: Databases, story: Story, disturbance: Disturbance = {}): Promise<unknown> {
  return await withDirectory(async (directory) => {
    const place = await databases.createPlace();
    try {
      return await live(place, directory, story, disturbance);
    } catch (error) {
      if (!disturbance.beforeWrite) throw error;
      // The failure reached whoever opened or began the story; the next life begins it again.
      return await live(place, directory, story);
    }
  });
}

/** One life: opens everything, begins, waits for the end, closes everything. */
export async function live(
  place: Place,
  directory: string,
  story: Story,
  disturbance: Disturbance = {},
): Promise<unknown> {
  let steps = 0;
  const step = () => disturbance.atStep?.(++steps);
  const beforeWrite = (n: number) => {
    step();
    disturbance.beforeWrite?.(n);
  };
  const database = await openDatabase({ ...place, log: silentLog, beforeWrite });
  const clock = createFakeClock();
  const engine = createEngine({ database, clock, log: silentLog, place: PLACE });
  let chapter: Chapter | undefined;
  try {
    await migrate(database, [...engineMigrations, ...story.migrations]);
    chapter = await story.open({ directory, database, engine, clock });
    for (const machine of chapter.machines) engine.register(disturb(machine, disturbance, step));
    await engine.start();
    await chapter.begin();
    let isQuiet = false;
    void engine.idle().then(() => (isQuiet = true));
    for (let turn = 0; !isQuiet || !(await chapter.isOver()); turn++) {
      assert.ok(turn < TURNS_MAX, 'the story does not end');
      if (isQuiet) {
        isQuiet = false;
        void engine.idle().then(() => (isQuiet = true));
      }
      clock.advance(TURN_MS);
      await nextTurn();
    }
    return await chapter.end();
  } finally {
    await engine.stop(0);
    await chapter?.close?.();
    await database.close();
  }
}

type Handler = (effect: unknown, performance: Performance) => Promise<unknown>;

/** Changes how the effects of a machine are delivered, in place, so that it stays the object its story sends to. */
function disturb(machine: NamedMachine, disturbance: Disturbance, step: () => void): NamedMachine {
  const effects = (machine as unknown as { effects: Record<string, Handler> }).effects;
  for (const [type, perform] of Object.entries(effects)) {
    effects[type] = async (effect, performance) => {
      step();
      let event = await perform(effect, performance);
      if (disturbance.deliver === 'twice') event = await perform(effect, performance);
      if (disturbance.deliver === 'lose first result' && performance.attempt === 1) throw new Error('lost');
      step();
      return event;
    };
  }
  return machine;
}

async function withDirectory<Result>(work: (directory: string) => Promise<Result>): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-crash-'));
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What `child.ts` needs to know. */
export interface ChildOrder {
  readonly module: string;
  readonly place: Place;
  readonly directory: string;
  readonly step: number;
  readonly signal: 'SIGKILL' | 'SIGSTOP';
}

function startChild(order: ChildOrder): ChildProcess {
  const program = join(import.meta.dirname, 'child.ts');
  return spawn(process.execPath, [program, JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'inherit'] });
}

function ended(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
}

function said(child: ChildProcess, word: string): Promise<true> {
  return new Promise((resolve) => {
    child.stdout?.on('data', (data: Buffer) => {
      if (data.toString().includes(word)) resolve(true);
    });
  });
}
