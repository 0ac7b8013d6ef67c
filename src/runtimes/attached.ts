/**
 * The server's end of a running sandbox: orders go into a FIFO, ends come out of a file that only grows, and the
 * folder remembers both. Whoever attaches later reads the same file from its start, so nothing is run twice.
 */

import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
} from 'node:fs';
import { rmSync, watch, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '#base/assert.ts';
import { isAlive, parseProcessName } from './processes.ts';
import type { ProcessName } from './processes.ts';
import { STEPS_MAX } from './runtime.ts';
import type { Step, StepEnd } from './runtime.ts';

/** A look at the file when the kernel's notice got lost, and at whether the sandbox lives. */
const LOOK_MS = 250;
/** One for all sandboxes: a read is done before the next begins, and a fresh one each time keeps the collector busy. */
const piece = Buffer.allocUnsafe(64 * 1024);
/** What one step and what all steps may answer; a sandbox that says more is given up. */
const END_LENGTH_MAX = 8 * 1024 * 1024;
const ENDS_BYTES_MAX = 64 * 1024 * 1024;

export interface Attachment {
  perform(step: Step, signal: AbortSignal): Promise<StepEnd>;
  release(): void;
}

export interface AttachmentPlan {
  readonly directory: string;
  /** Where the commands find the folder `readonly`. */
  readonly isAlive: () => boolean;
  /** How many processes the kernel has killed for want of memory. */
  readonly outOfMemoryKills: () => number;
  /** Why the sandbox is no more, when the runtime knows. */
  readonly reasonOfDeath: () => string;
  readonly shells: Readonly<Record<'sh' | 'bash', string>>;
}

interface End {
  readonly status: number;
  readonly answer: string;
}

/** Opens the folder of a sandbox that has been started; resolves once its supervisor takes orders. */
export async function attach(plan: AttachmentPlan): Promise<Attachment> {
  const ends = followEnds(join(plan.directory, 'ends'), plan.isAlive);
  const control = join(plan.directory, 'control');
  let kills = plan.outOfMemoryKills();

  const ready = await ends.of(0, new AbortController().signal);
  if (!ready) {
    ends.close();
    throw new Error(`the sandbox ended before its first command: ${plan.reasonOfDeath()}`);
  }
  return {
    async perform(step, signal) {
      assert(step.number > 0 && step.number < STEPS_MAX, `step ${step.number} is out of range`);
      signal.throwIfAborted();
      writeStep(plan.directory, step);
      const verb = step.script === undefined ? 'say' : step.asks ? 'ask' : 'run';
      const known = ends.known(step.number);
      if (!known) order(control, `${verb} ${step.number} ${plan.shells[step.shell ?? 'sh']}\n`);
      const end = known ?? (await ends.of(step.number, signal));
      if (!end && ends.isFlooded()) return { type: 'died', reason: 'it answered more than a step may' };
      if (!end) return { type: 'died', reason: plan.reasonOfDeath() };
      const before = kills;
      kills = plan.outOfMemoryKills();
      return { type: 'exited', ...end, outOfMemory: end.status !== 0 && kills > before };
    },
    release: () => ends.close(),
  };
}

/** The name of the first process, once `start.sh` has written it. */
export function startedProcess(directory: string): ProcessName | undefined {
  return processNamed(join(directory, 'process'));
}

/** True while the log may still grow by what the commands said last. */
export function isCollecting(directory: string): boolean {
  const name = processNamed(join(directory, 'collector'));
  return name !== undefined && isAlive(name);
}

function processNamed(path: string): ProcessName | undefined {
  return existsSync(path) ? parseProcessName(readFileSync(path, 'utf8')) : undefined;
}

export function isStartedAndAlive(directory: string): boolean {
  const name = startedProcess(directory);
  return name !== undefined && isAlive(name);
}

/** The step's folder appears whole, so that what a crash left is never half a script. */
function writeStep(directory: string, step: Step): void {
  const folder = join(directory, 'readonly', 'steps', String(step.number));
  if (existsSync(folder)) return;
  const fresh = `${folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true, mode: 0o755 });
  writeFileSync(join(fresh, 'heading'), step.heading, { mode: 0o644 });
  if (step.script !== undefined) writeFileSync(join(fresh, 'script.sh'), step.script, { mode: 0o644 });
  renameSync(fresh, folder);
}

/** Without a reader there is no sandbox any more, which the wait for the end finds out. */
function order(control: string, line: string): void {
  let file: number;
  try {
    file = openSync(control, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENXIO' || code === 'ENOENT') return;
    throw error;
  }
  try {
    writeSync(file, line);
  } finally {
    closeSync(file);
  }
}

interface Ends {
  /** True once more came than steps may answer; from then on nothing is read. */
  isFlooded(): boolean;
  known(number: number): End | undefined;
  /** `undefined` when the sandbox died first. */
  of(number: number, signal: AbortSignal): Promise<End | undefined>;
  close(): void;
}

function followEnds(path: string, isAliveNow: () => boolean): Ends {
  const ends = new Map<number, End>();
  const waiters = new Set<() => void>();
  let offset = 0;
  let rest = '';
  let isFlooded = false;
  // Commands may reach the file, so nothing about it is certain, and nothing that it holds may cost us much.
  const read = () => {
    for (let text = 'more'; text !== '' && !isFlooded;) {
      text = readFrom(path, offset);
      offset += Buffer.byteLength(text, 'latin1');
      take(text);
    }
  };
  const take = (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    isFlooded = rest.length > END_LENGTH_MAX || offset > ENDS_BYTES_MAX;
    for (const line of lines) {
      const match = /^(\d{1,5}) (\d{1,3})(?: (.*))?$/.exec(line);
      // The first word about a step is the one that the supervisor wrote when it ended.
      if (match && !ends.has(Number(match[1]))) {
        ends.set(Number(match[1]), { status: Number(match[2]), answer: match[3] ?? '' });
      }
    }
  };
  const look = () => {
    read();
    for (const waiter of waiters) waiter();
  };
  if (!existsSync(path)) writeFileSync(path, '');
  const watcher = watch(path, { persistent: false }, look);
  return {
    isFlooded: () => isFlooded,
    known(number) {
      read();
      return ends.get(number);
    },
    async of(number, signal) {
      signal.throwIfAborted();
      return new Promise<End | undefined>((resolve, reject) => {
        const finish = (settle: () => void) => {
          waiters.delete(check);
          clearInterval(timer);
          signal.removeEventListener('abort', check);
          settle();
        };
        const check = () => {
          const end = ends.get(number);
          if (end) finish(() => resolve(end));
          else if (signal.aborted) finish(() => reject(signal.reason as Error));
          else if (isFlooded) finish(() => resolve(undefined));
        };
        const timer = setInterval(() => {
          const alive = isAliveNow();
          look();
          if (!alive && !ends.has(number)) finish(() => resolve(undefined));
        }, LOOK_MS);
        waiters.add(check);
        signal.addEventListener('abort', check);
        look();
      });
    },
    close: () => watcher.close(),
  };
}

/** The next piece of the file. Nothing, too, when the folder has gone; that the sandbox is no more then shows in its process. */
function readFrom(path: string, offset: number): string {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
  try {
    return piece.toString('latin1', 0, readSync(file, piece, 0, piece.length, offset));
  } finally {
    closeSync(file);
  }
}
