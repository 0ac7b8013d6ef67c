/**
 * A private PostgreSQL cluster in a temporary directory, for tests and benchmarks: its own superuser without password,
 * on the loopback address and a free port, gone at the end. Where PostgreSQL is not installed there is none, and the
 * tests that need it say so (`skip`). Debian package: postgresql.
 */

import { execFile, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);
const START_MS_MAX = 30_000;

export interface Cluster {
  /** A fresh, empty database; returns its URL. */
  createDatabase(): Promise<string>;
  stop(): Promise<void>;
}

/** Why tests on PostgreSQL are skipped here, or `false` when they are not; for the `skip` option of a test. */
export const postgresSkip: string | false = findPrograms()
  ? false
  : 'PostgreSQL is not installed (Debian package: postgresql)';

export interface ClusterOptions {
  /** Flush to disk as in production; tests need it only to measure. */
  readonly durable?: boolean;
}

export async function startPostgres(options: ClusterOptions = {}): Promise<Cluster> {
  const programs = findPrograms();
  if (!programs) throw new Error(String(postgresSkip));
  const directory = mkdtempSync(join(tmpdir(), 'slipway-postgres-'));
  const user = findUser();
  if (user) chownSync(directory, user.uid, user.gid);
  const data = join(directory, 'data');
  const locale = ['--locale=C', '--encoding=UTF8', '--auth=trust', '--username=slipway', '--no-sync'];
  await run(join(programs, 'initdb'), ['-D', data, ...locale], { ...user, cwd: directory });

  const port = await findFreePort();
  const settings = [
    `listen_addresses=127.0.0.1`,
    `unix_socket_directories=${directory}`,
    `fsync=${options.durable ? 'on' : 'off'}`,
    'max_connections=100',
  ];
  const server = spawn(
    join(programs, 'postgres'),
    ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
    { ...user, cwd: directory, stdio: 'ignore' },
  );
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const kill = () => void server.kill('SIGQUIT');
  process.once('exit', kill);
  const urlOf = (name: string) => `postgres://slipway@127.0.0.1:${port}/${name}`;
  await waitUntilReady(urlOf('postgres'), () => server.exitCode !== null);
  let databases = 0;
  return {
    async createDatabase() {
      databases++;
      await query(urlOf('postgres'), `create database test${databases}`);
      return urlOf(`test${databases}`);
    },
    async stop() {
      process.removeListener('exit', kill);
      server.kill('SIGQUIT');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function findPrograms(): string | undefined {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(root, version, 'bin')), '/usr/local/bin', '/usr/bin'];
  return folders.find((folder) => ['initdb', 'postgres'].every((name) => existsSync(join(folder, name))));
}

/** PostgreSQL refuses to run as root; then it runs as `postgres`, or as `nobody`. */
function findUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string) => Number(execFileSync('id', [flag, name], { stdio: 'pipe' }).toString());
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // No such user here; the next name is tried.
    }
  }
  throw new Error('PostgreSQL cannot run as root, and there is no user postgres or nobody');
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function waitUntilReady(url: string, hasEnded: () => boolean): Promise<void> {
  const until = Date.now() + START_MS_MAX;
  for (;;) {
    try {
      return await query(url, 'select 1');
    } catch (error) {
      if (hasEnded() || Date.now() > until) throw new Error('PostgreSQL did not start', { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

async function query(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    await client.query(text);
  } finally {
    await client.end();
  }
}
