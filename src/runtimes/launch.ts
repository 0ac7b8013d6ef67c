/**
 * Starts a supervisor, detached, by a small shell script in the sandbox's folder. The script first writes down which
 * process it is, without overwriting: of two starts (a crash may lie between them) one is the sandbox, and the other
 * ends at once. Nothing of the server's environment reaches it, and no secret is on a command line.
 */

import { spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startedProcess } from './attached.ts';
import { waitUntil } from './processes.ts';
import type { Limits, Owner } from './runtime.ts';

export const SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** A log does not grow beyond this. */
export const LOG_BYTES_MAX = 2 * 1024 ** 3;
const NICENESS = 10;
const START_TIMEOUT_MS = 10_000;

export interface Launch {
  readonly directory: string;
  readonly limits: Limits;
  /** Control groups to join. */
  readonly groups: readonly string[];
  /** Those limits that no control group holds are kept per process, as far as that goes. */
  readonly limitsPerProcess: readonly ('memory' | 'cpu')[];
  /** The command that becomes the sandbox; its words are quoted here. */
  readonly command: readonly string[];
  readonly owner: Owner | undefined;
}

/** Makes the folders of a sandbox; harmless when they are there. */
export function prepareFolders(directory: string, owner: Owner | undefined): void {
  for (const name of ['workspace', 'home', 'homes']) {
    const folder = join(directory, name);
    if (existsSync(folder)) continue;
    mkdirSync(folder, { mode: 0o755 });
    if (owner) chownSync(folder, owner.uid, owner.gid);
  }
  mkdirSync(join(directory, 'workspace', 'readonly'), { recursive: true, mode: 0o755 });
  mkdirSync(join(directory, 'readonly', 'steps'), { recursive: true, mode: 0o755 });
  mkdirSync(join(directory, 'root'), { recursive: true });
  for (const name of ['log', 'ends']) {
    if (!existsSync(join(directory, name))) writeFileSync(join(directory, name), '', { mode: 0o600 });
  }
}

/** Resolves once the script has said which process it is. */
export async function launch(plan: Launch): Promise<void> {
  const script = join(plan.directory, 'start.sh');
  writeFileSync(script, startScript(plan), { mode: 0o600 });
  const child = spawn(existsSync('/bin/bash') ? '/bin/bash' : '/bin/sh', [script], {
    cwd: '/',
    env: { PATH: SEARCH_PATH },
    stdio: 'ignore',
    detached: true,
  });
  let failed: Error | undefined;
  let ended = false;
  child.once('error', (error) => (failed = error));
  child.once('exit', () => (ended = true));
  child.unref();
  await waitUntil(
    () => failed !== undefined || ended || startedProcess(plan.directory) !== undefined,
    START_TIMEOUT_MS,
  );
  if (failed) throw failed;
  if (!startedProcess(plan.directory))
    throw new Error('the sandbox could not be started: its script did not run');
}

export function quote(word: string): string {
  return /^[A-Za-z0-9_/.,:=+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * Commands write into a FIFO, not into the log: they may open and truncate /dev/stdout as they like. The collector
 * outlives them by the moment that it takes to write what they said last; beyond the limit it reads on, and forgets.
 * Files that the server was started with, and does not know of, are closed first: only bash can name them all.
 */
function startScript(plan: Launch): string {
  const { limits } = plan;
  const perProcess = plan.limitsPerProcess.map((limit) => {
    switch (limit) {
      case 'memory':
        return `ulimit -d ${Math.floor(limits.memoryBytes / 1024)}`;
      case 'cpu':
        // No limit, but what else the machine does goes first.
        return `renice -n ${NICENESS} -p $$ >/dev/null 2>&1`;
    }
  });
  return `umask 022
[ -z "\${BASH_VERSION-}" ] || for file in /proc/$$/fd/*; do
  file=\${file##*/}
  case $file in 0 | 1 | 2 | 255 | '*') ;; *) eval "exec $file>&-" ;; esac
done
cd ${quote(plan.directory)} || exit 1
read -r boot </proc/sys/kernel/random/boot_id
read -r line </proc/$$/stat
set -- $line
shift 21
set -C
echo "$$ $1 $boot" 2>/dev/null >process || exit 0
set +C
mkfifo -m 600 control && mkfifo -m 622 output || exit 1
${plan.owner ? `chown ${plan.owner.uid}:${plan.owner.gid} output` : ''}
ulimit -c 0
# Both ends are open before the collector is there, so that no death of this script leaves it waiting.
exec 5<>output 3<output 6>output 5>&-
(
  (
    read -r line </proc/self/stat
    set -- $line
    collector=$1
    shift 21
    echo "$collector $1 $boot" >collector
    trap '' XFSZ
    (ulimit -f ${LOG_BYTES_MAX / 512} && exec cat <&3 >>log 2>/dev/null)
    exec cat <&3 >/dev/null
  ) 6>&- &
) &
exec 3<&-
${plan.groups.map((folder) => `echo $$ >${quote(`${folder}/cgroup.procs`)} || exit 1`).join('\n')}
ulimit -n ${limits.openFiles}
ulimit -f ${Math.floor(limits.diskBytes / 512)}
${perProcess.join('\n')}
exec 3<>control 4>>ends 1>&6 2>&1 6>&- </dev/null
cd /
exec ${plan.command.map(quote).join(' ')}
`;
}
