/**
 * Hosts for the demo: each is a process tree with mount, process, IPC and host name spaces of its own. Its /opt, /srv,
 * /tmp and home are folders that nobody else sees, so three hosts on one machine do not get in each other's way.
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { HostCredentials } from './world.ts';

export interface Host {
  readonly name: string;
  /** Where the host's /opt really lies. */
  readonly directory: string;
  readonly process: ChildProcess;
  /** Runs a command as on the host. */
  call(command: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

const ROOT = resolve(import.meta.dirname, '../..');
const OWN_FOLDERS = ['/opt', '/srv', '/tmp', '/root', '/home'];

/** What a host runs before its agent: own folders over the machine's, its name, its own /proc. */
const PRELUDE = `
set -eu
# Relative and uncanonicalised, because one of these mounts covers the path of this folder itself.
cd "$SLIPWAY_HOST"
for folder in ${OWN_FOLDERS.map((folder) => folder.slice(1)).join(' ')}; do
  [ -d "/$folder" ] || continue
  case "$SLIPWAY_CHECKOUT/" in "/$folder/"*) continue ;; esac
  mount --no-canonicalize --bind "$folder" "/$folder"
done
cd /
mount -t proc proc /proc
hostname "$SLIPWAY_HOST_NAME"
unset SLIPWAY_HOST SLIPWAY_HOST_NAME
exec "$@"
`;

export function startHost(
  credentials: HostCredentials,
  endpoint: string,
  region: string,
  directory: string,
): Host {
  for (const folder of [...OWN_FOLDERS, '/agent']) mkdirSync(join(directory, folder), { recursive: true });
  const log = createWriteStream(join(directory, 'agent.log'), { flags: 'a' });
  const child = spawn(
    'unshare',
    [
      '--user',
      '--map-root-user',
      '--mount',
      '--uts',
      '--pid',
      '--ipc',
      '--fork',
      '--kill-child',
      'sh',
      '-c',
      PRELUDE,
      'host',
    ]
      .concat(join(ROOT, 'bin/slipway'), 'agent', '--endpoint', endpoint, '--name', credentials.name)
      .concat('--root', '/srv/slipway-agent', '--region', region),
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: '/root',
        SLIPWAY_HOST: directory,
        SLIPWAY_HOST_NAME: credentials.name,
        SLIPWAY_CHECKOUT: ROOT,
        AWS_ACCESS_KEY_ID: credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
        ...(process.env['NODE_EXTRA_CA_CERTS'] && {
          NODE_EXTRA_CA_CERTS: process.env['NODE_EXTRA_CA_CERTS'],
        }),
      },
    },
  );
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  return {
    name: credentials.name,
    directory,
    process: child,
    async call(command) {
      const { stdout } = await promisify(execFile)('nsenter', [
        ...[
          '--target',
          String(firstInside(child)),
          '--user',
          '--mount',
          '--uts',
          '--preserve-credentials',
          '--',
        ],
        ...command,
      ]);
      return stdout.trim();
    },
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once('exit', () => resolve());
        child.kill('SIGKILL');
      }),
  };
}

/** The process that `unshare` forked into the new namespaces. */
function firstInside(child: ChildProcess): number {
  const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ');
  const first = Number(children[0]);
  if (!first) throw new Error('the host has ended; see its agent.log');
  return first;
}
