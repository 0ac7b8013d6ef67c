/**
 * What a container and the server share beside the workspace: the supervisor's orders, its ends, and what the commands
 * print. These are files of the build's folder that the container sees one by one, so nothing in it can remove or
 * replace them. A collector outside, which outlives the server, writes the log; it ends when the last writer inside is
 * gone.
 *
 *   server ──▶ control (FIFO) ──▶ supervisor          commands ──▶ output (FIFO) ──▶ collector ──▶ log
 *   server ◀── ends (grows)   ◀── supervisor
 */

import { execFile, spawn } from 'node:child_process';
import { chownSync, closeSync, constants, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isCollecting } from '#runtimes/attached.ts';
import { LOG_BYTES_MAX, quote, SEARCH_PATH } from '#runtimes/launch.ts';
import { isAlive, parseProcessName, signalProcess, waitUntil } from '#runtimes/processes.ts';
import type { Owner } from '#runtimes/runtime.ts';

const START_MS_MAX = 10_000;
const DRAIN_MS_MAX = 5000;
/** Names of the build's folder that the container sees. */
export const CHANNEL = ['control', 'output', 'ends'] as const;

/** Makes the folders and files of a container, and starts its collector; harmless when they are there. */
export async function prepareChannel(directory: string, owner: Owner | undefined): Promise<void> {
  for (const name of ['workspace', 'home', 'docker']) makeOwned(join(directory, name), owner);
  mkdirSync(join(directory, 'readonly', 'steps'), { recursive: true, mode: 0o755 });
  for (const name of ['log', 'ends']) {
    if (!existsSync(join(directory, name))) writeFileSync(join(directory, name), '', { mode: 0o600 });
  }
  for (const name of ['control', 'output']) {
    if (existsSync(join(directory, name))) continue;
    await promisify(execFile)('mkfifo', ['-m', '600', join(directory, name)], { env: { PATH: SEARCH_PATH } });
  }
  if (owner) for (const name of CHANNEL) chownSync(join(directory, name), owner.uid, owner.gid);
  if (!isCollecting(directory)) await startCollector(directory);
}

/** Waits until the log holds all that was said; nobody inside is left to say more. */
export async function drainChannel(directory: string): Promise<void> {
  releaseCollector(join(directory, 'output'));
  if (await waitUntil(() => !isCollecting(directory), DRAIN_MS_MAX)) return;
  const collector = parseProcessName(readFileSync(join(directory, 'collector'), 'utf8'));
  if (collector && isAlive(collector)) signalProcess(collector.id, 'SIGKILL');
}

/** One that nobody ever wrote to still waits for the first. */
function releaseCollector(output: string): void {
  if (!existsSync(output)) return;
  try {
    closeSync(openSync(output, constants.O_WRONLY | constants.O_NONBLOCK));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
  }
}

async function startCollector(directory: string): Promise<void> {
  const script = join(directory, 'collect.sh');
  writeFileSync(script, collectorScript(directory), { mode: 0o600 });
  const child = spawn('/bin/sh', [script], {
    cwd: '/',
    env: { PATH: SEARCH_PATH },
    stdio: 'ignore',
    detached: true,
  });
  let failed: Error | undefined;
  child.once('error', (error) => (failed = error));
  child.unref();
  await waitUntil(() => failed !== undefined || isCollecting(directory), START_MS_MAX);
  if (failed) throw failed;
  if (!isCollecting(directory)) throw new Error('the collector of a container’s log could not be started');
}

/** Beyond the limit it reads on, and forgets. */
function collectorScript(directory: string): string {
  return `umask 077
cd ${quote(directory)} || exit 1
read -r boot </proc/sys/kernel/random/boot_id
read -r line </proc/$$/stat
set -- $line
shift 21
trap '' HUP INT TERM XFSZ
echo "$$ $1 $boot" >collector
exec <output || exit 1
(ulimit -f ${LOG_BYTES_MAX / 512} && exec cat >>log 2>/dev/null)
exec cat >/dev/null
`;
}

function makeOwned(folder: string, owner: Owner | undefined): void {
  if (existsSync(folder)) return;
  mkdirSync(folder, { mode: 0o755 });
  if (owner) chownSync(folder, owner.uid, owner.gid);
}
