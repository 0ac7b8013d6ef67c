/**
 * A Docker Engine of the test's own, below a temporary directory, and images made of this machine's programs: nothing
 * is pulled, no network is needed, and no other engine is touched. It wants root and `dockerd`.
 */

import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { readdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { until } from './until.ts';

export interface TestEngine {
  readonly socketPath: string;
  /** Makes an image of programs of this machine, with the libraries that they load; returns its name. */
  makeImage(
    name: string,
    programs: readonly string[],
    changes?: readonly string[],
    files?: Readonly<Record<string, string>>,
  ): Promise<string>;
  /** Ids of the containers. */
  containers(which?: 'all' | 'running'): Promise<readonly string[]>;
  removeContainer(name: string): Promise<void>;
  /** Gives an image another name and sends it to the registry of that name; then only the registry has it. */
  moveToRegistry(name: string, target: string, login: { username: string; password: string }): Promise<void>;
  volumes(): Promise<readonly string[]>;
  /** The engine dies without warning; its containers go on. */
  crash(): Promise<void>;
  close(): Promise<void>;
}

/** What shell scripts of tests call. */
export const SHELL_PROGRAMS =
  `sh bash cat ls sleep env head tail grep sed tr wc sort cut ps find id hostname mount umount unshare chroot mknod touch
  kill setsid nohup yes timeout mkdir rmdir rm mv ln cp chmod chown perl nsenter ip su setcap readlink tar gzip date base64
  sha256sum curl true false seq dirname basename uname test expr tee stat renice du df setpriv git`.split(
    /\s+/,
  );

/** An engine inside a container. */
export const ENGINE_PROGRAMS =
  'dockerd docker containerd containerd-shim-runc-v2 runc docker-init docker-proxy'.split(' ');

/** Why this machine cannot run an engine; `undefined` when it can. */
export function dockerProblem(): string | undefined {
  if (process.getuid?.() !== 0) return 'wants root, for an engine of its own';
  return spawnSync('dockerd', ['--version']).status === 0
    ? undefined
    : 'wants docker (apt-get install docker.io)';
}

export async function startEngine(parameters: readonly string[] = []): Promise<TestEngine> {
  for (const driver of ['overlay2', 'vfs']) {
    const engine = await tryEngine(['--storage-driver', driver, ...parameters]);
    if (engine) return engine;
  }
  throw new Error('dockerd does not start here, neither with overlay2 nor with vfs');
}

async function tryEngine(parameters: readonly string[]): Promise<TestEngine | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-docker-'));
  // An engine that maps its users must get through with any of them.
  chmodSync(directory, 0o711);
  const socketPath = join(directory, 'docker.sock');
  writeFileSync(join(directory, 'daemon.json'), '{}');
  const log = openSync(join(directory, 'log'), 'a');
  const own = {
    host: `unix://${socketPath}`,
    'data-root': join(directory, 'data'),
    'exec-root': join(directory, 'exec'),
    pidfile: join(directory, 'pid'),
    'config-file': join(directory, 'daemon.json'),
    bridge: 'none',
    iptables: 'false',
  };
  const words = Object.entries(own).map(([name, value]) => `--${name}=${value}`);
  const child = spawn('dockerd', [...words, ...parameters], { stdio: ['ignore', log, log] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let isUp = true;
  void ended.then(() => (isUp = false));
  const isPinged = async () => (await ask(socketPath, 'GET', '/_ping').catch(() => '')) === 'OK';
  await until('the engine to answer', 30_000, async () => !isUp || (await isPinged()) || undefined);
  const close = async () => {
    child.kill('SIGTERM');
    await ended;
    endLeftContainers(directory);
    // It leaves a mount of its network namespaces behind.
    const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
    for (const path of mounts
      .map((line) => line.split(' ')[1] ?? '')
      .filter((each) => each.startsWith(directory)))
      spawnSync('umount', ['-l', path]);
    rmSync(directory, { recursive: true, force: true });
  };
  if (!isUp) {
    if (process.env['SLIPWAY_LOG']) console.error(readFileSync(join(directory, 'log'), 'utf8').slice(-2000));
    await close();
    return undefined;
  }
  return {
    socketPath,
    async makeImage(name, programs, changes = [], files = {}) {
      const root = join(directory, `root-${name.replaceAll(/\W/g, '-')}`);
      makeRoot(root, programs);
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(join(root, dirname(path)), { recursive: true });
        writeFileSync(join(root, path), text);
      }
      const [repo, tag = 'latest'] = name.split(':');
      const query = new URLSearchParams([
        ['fromSrc', '-'],
        ['repo', repo ?? ''],
        ['tag', tag],
      ]);
      for (const change of changes) query.append('changes', change);
      const tar = spawn('tar', ['-C', root, '-c', '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
      await ask(socketPath, 'POST', `/images/create?${query}`, tar.stdout);
      rmSync(root, { recursive: true, force: true });
      return name;
    },
    async containers(which = 'all') {
      const text = await ask(socketPath, 'GET', `/containers/json?all=${which === 'all' ? 1 : 0}`);
      return (JSON.parse(text) as { Id: string }[]).map(({ Id }) => Id);
    },
    async removeContainer(name) {
      await ask(socketPath, 'DELETE', `/containers/${name}?force=1`);
    },
    async moveToRegistry(name, target, login) {
      const [repo = '', tag = ''] = target.split(/:(?=[^:]*$)/);
      await ask(socketPath, 'POST', `/images/${name}/tag?${new URLSearchParams({ repo, tag })}`);
      const auth = { 'X-Registry-Auth': Buffer.from(JSON.stringify(login)).toString('base64url') };
      await ask(socketPath, 'POST', `/images/${repo}/push?tag=${tag}`, undefined, auth);
      await ask(socketPath, 'DELETE', `/images/${target}`);
    },
    volumes: async () =>
      (
        JSON.parse(await ask(socketPath, 'GET', '/volumes')) as { Volumes: { Name: string }[] | null }
      ).Volumes?.map(({ Name }) => Name) ?? [],
    async crash() {
      child.kill('SIGKILL');
      await ended;
    },
    close,
  };
}

/** What a crashed engine left: the keeper of each container, and the container's first process. */
function endLeftContainers(directory: string): void {
  for (const id of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${id}/cmdline`, 'utf8').includes(`${directory}/`)) continue;
      const children = readFileSync(`/proc/${id}/task/${id}/children`, 'utf8').split(' ').filter(Boolean);
      for (const each of [...children, id]) process.kill(Number(each), 'SIGKILL');
    } catch (error) {
      if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
}

/** A root folder of programs, their libraries, and the few files that programs expect. */
function makeRoot(root: string, programs: readonly string[]): void {
  for (const folder of [
    'usr/bin',
    'usr/lib',
    'usr/lib64',
    'etc',
    'tmp',
    'var/tmp',
    'root',
    'proc',
    'sys',
    'dev',
    'run',
  ])
    mkdirSync(join(root, folder), { recursive: true });
  for (const [name, target] of [
    ['bin', 'usr/bin'],
    ['sbin', 'usr/bin'],
    ['lib', 'usr/lib'],
    ['lib64', 'usr/lib64'],
  ])
    symlinkSync(target ?? '', join(root, name ?? ''));
  symlinkSync('bin', join(root, 'usr/sbin'));
  const libraries = new Set<string>();
  for (const program of programs) {
    const folders = `${process.env['PATH']}:/usr/sbin:/sbin`.split(':');
    const path = folders.map((folder) => join(folder, program)).find((each) => existsSync(each));
    // What is a word of the shell only, or not here, is nothing to copy.
    if (path === undefined) continue;
    cpSync(realpathSync(path), join(root, 'usr/bin', basename(path)), { dereference: true });
    for (const [, library] of spawnSync('ldd', [path], { encoding: 'utf8' }).stdout.matchAll(
      /(\/[^\s:]+) \(0x/g,
    ))
      libraries.add(library ?? '');
  }
  for (const library of libraries) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    cpSync(realpathSync(library), join(root, library), { dereference: true });
  }
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
  writeFileSync(join(root, 'root/of-the-image'), 'kept\n');
}

function ask(
  socketPath: string,
  method: string,
  path: string,
  body?: NodeJS.ReadableStream,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, headers }, (answer) => {
      let text = '';
      answer.on('data', (part: Buffer) => (text += part.toString()));
      answer.on('end', () =>
        (answer.statusCode ?? 500) < 300 && !text.includes('"errorDetail"')
          ? resolve(text)
          : reject(new Error(`${method} ${path}: ${text}`)),
      );
    });
    asked.on('error', reject);
    if (body) body.pipe(asked);
    else asked.end();
  });
}
