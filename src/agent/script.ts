/**
 * One script of a hook, run so that it outlives the agent: detached, with output, process id and exit status in files.
 * Whoever asks again after a restart finds the running script, or its end; it is never started twice.
 *
 *   claim/ (made by the first wrapper alone) ─▶ process (pid, start time, boot) ─▶ status (exit code)
 *
 * A script is over its time after `timeoutSeconds` from its start: its process group gets TERM, and KILL 5 s later.
 */

import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, isMissing, readIfThere } from './files.ts';
import { pause } from './pause.ts';
import { canSignal, isAlive, parseIdentity, type ProcessIdentity } from './process-identity.ts';

export interface ScriptOrder {
  /** A folder of its own, kept until the command is reported. */
  readonly directory: string;
  readonly command: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly timeoutSeconds: number;
  /** Between TERM and KILL. */
  readonly graceMs?: number;
}

export type ScriptEnd =
  | { readonly type: 'exited'; readonly code: number }
  | { readonly type: 'timedOut' }
  /** It ran once and is no more, and nobody saw its end. */
  | { readonly type: 'lost' };

const LOOK_MS_MIN = 5;
const LOOK_MS_MAX = 100;
const CLAIMED_MS_MAX = 10_000;
const GRACE_MS_DEFAULT = 5_000;
/** How long what was killed may take to be gone; a process that waits for a disk may take longer. */
const KILLED_MS_MAX = 2_000;

/** The wrapper outlives a TERM to its group, so that the script's end is still seen; the script gets TERM as usual. */
const WRAPPER = `
directory=$1; shift
trap : TERM
mkdir "$directory/claim" 2>/dev/null || exit 0
read -r facts < /proc/self/stat || facts="$$"
read -r boot < /proc/sys/kernel/random/boot_id || boot=
printf '%s\\n%s\\n' "$facts" "$boot" > "$directory/process.new"
mv "$directory/process.new" "$directory/process"
"$@"
printf '%s' "$?" > "$directory/status.new"
mv "$directory/status.new" "$directory/status"
`;

export function outputFiles(directory: string): { readonly stdout: string; readonly stderr: string } {
  return { stdout: join(directory, 'stdout'), stderr: join(directory, 'stderr') };
}

/** Starts the script, or finds it again; `look` is called now and then and once after the end, to take its output. */
export async function runScript(order: ScriptOrder, look: () => Promise<void>): Promise<ScriptEnd> {
  const { directory } = order;
  await mkdir(directory, { recursive: true });
  if (!(await isThere(join(directory, 'claim')))) start(order);
  const end = await waitForEnd(order, look);
  await look();
  return end;
}

function start({ directory, command, environment }: ScriptOrder): void {
  const files = outputFiles(directory);
  const stdout = openSync(files.stdout, 'a', 0o600);
  const stderr = openSync(files.stderr, 'a', 0o600);
  try {
    const child = spawn('/bin/sh', ['-c', WRAPPER, 'hook', directory, ...command], {
      detached: true,
      env: environment,
      stdio: ['ignore', stdout, stderr],
    });
    // Without a claim there is no process either, and the wait below ends as "lost".
    child.on('error', () => {});
    child.unref();
  } finally {
    closeSync(stdout);
    closeSync(stderr);
  }
}

async function waitForEnd(order: ScriptOrder, look: () => Promise<void>): Promise<ScriptEnd> {
  const { directory, timeoutSeconds, graceMs = GRACE_MS_DEFAULT } = order;
  const since = Date.now();
  for (let wait = LOOK_MS_MIN; ; wait = Math.min(wait * 1.5, LOOK_MS_MAX)) {
    const ended = await readEnd(directory, graceMs);
    if (ended) return ended;
    const process = await readProcess(directory);
    if (!process) {
      if (Date.now() - since > CLAIMED_MS_MAX) return { type: 'lost' };
    } else if (Date.now() > process.startedAt + timeoutSeconds * 1000) {
      return stop(directory, process, graceMs);
    } else if (!(await isAlive(process))) {
      // It may have ended between the two looks; its status is there before its end is.
      return (await readEnd(directory, graceMs)) ?? { type: 'lost' };
    }
    await look();
    await pause(wait);
  }
}

async function readEnd(directory: string, graceMs: number): Promise<ScriptEnd | undefined> {
  if (await isThere(join(directory, 'timed-out'))) {
    const process = await readProcess(directory);
    return process ? stop(directory, process, graceMs) : { type: 'timedOut' };
  }
  const status = await readIfThere(join(directory, 'status'));
  return status === undefined ? undefined : { type: 'exited', code: Number(status) };
}

interface ScriptProcess extends ProcessIdentity {
  readonly startedAt: number;
}

async function readProcess(directory: string): Promise<ScriptProcess | undefined> {
  const path = join(directory, 'process');
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  return { ...parseIdentity(text), startedAt: (await stat(path)).mtimeMs };
}

/** First it is written down that time is up, then the whole group is ended: a restart in between ends it again. */
async function stop(directory: string, process: ScriptProcess, graceMs: number): Promise<ScriptEnd> {
  await writeFile(join(directory, 'timed-out'), '');
  const isSame = await isAlive(process);
  if (isSame) {
    signalGroup(process.pid, 'SIGTERM');
    await waitForGroup(process.pid, graceMs);
    signalGroup(process.pid, 'SIGKILL');
    await waitForGroup(process.pid, KILLED_MS_MAX);
  }
  return { type: 'timedOut' };
}

async function waitForGroup(pid: number, milliseconds: number): Promise<void> {
  const until = Date.now() + milliseconds;
  while (Date.now() < until && canSignal(-pid)) await pause(LOOK_MS_MAX / 2);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
