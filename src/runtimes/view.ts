/**
 * What a sandbox sees of the machine: a root folder made by us, its own copy of a few files of /etc, the machine's
 * programs read-only, memory for /tmp, and its own workspace and home. No data directory, no home folders, no sockets, no
 * devices but the harmless ones. One list of mounts, which bubblewrap takes as arguments and the shell as commands.
 */

import {
  cpSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Owner } from './runtime.ts';

export type Mount =
  | { readonly type: 'bind'; readonly from: string; readonly to: string; readonly writable: boolean }
  | { readonly type: 'device'; readonly from: string; readonly to: string }
  | { readonly type: 'memory'; readonly to: string; readonly sizeBytes: number }
  | { readonly type: 'proc'; readonly to: string };

export interface ViewPlan {
  /** Holds the root folder that all sandboxes share, read-only. */
  readonly skeleton: string;
  readonly directory: string;
  readonly workspace: string;
  /** Hidden even when it lies below a folder that is shown. */
  readonly hidden: readonly string[];
  readonly memoryBytes: number;
  /** Shown in place of the machine's own, which names its neighbours. */
  readonly hostsFile: string | undefined;
}

const PROGRAM_FOLDERS = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom'];
/** Copied: small, and the same for every sandbox. */
const ETC_FILES = [
  'ld.so.cache',
  'ld.so.conf',
  'nsswitch.conf',
  'services',
  'protocols',
  'mime.types',
  'localtime',
  'timezone',
  'debian_version',
  'os-release',
  'host.conf',
  'gai.conf',
  'ca-certificates.conf',
];
const ETC_SHOWN = ['ssl', 'alternatives', 'ld.so.conf.d', 'resolv.conf', 'hosts', 'pki', 'ca-certificates'];
/**
 * Debian keeps parts of some tools here, without which they do not start; of Maven's folder only what it starts with,
 * as its settings may hold passwords.
 */
const ETC_TOOLS = ['maven/m2.conf', 'maven/logging', 'perl', 'fonts'];
const ETC_JAVA = /^java(-\d+)?(-openjdk)?$/;
const ETC_MADE: Readonly<Record<string, string>> = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n',
  group: 'root:x:0:\nnogroup:x:65534:\n',
  hostname: 'build\n',
  // Users that are added get numbers that the sandbox has (`users.ts`), and groups of their own.
  'login.defs':
    'UID_MIN 1000\nUID_MAX 1019\nGID_MIN 1000\nGID_MAX 1019\nSYS_UID_MIN 990\nSYS_UID_MAX 999\n' +
    'SYS_GID_MIN 990\nSYS_GID_MAX 999\nUSERGROUPS_ENAB yes\nCREATE_HOME yes\nUMASK 022\n',
};
export const HOME = '/root';

/** Makes the shared root folder, or brings it up to date in place: running sandboxes keep looking at it. */
export function prepareSkeleton(skeleton: string, workspace: string): void {
  const folders = [
    'usr',
    'etc',
    'proc',
    'dev/shm',
    'tmp',
    'var/tmp',
    'run',
    'sys',
    'home',
    HOME.slice(1),
    workspace.slice(1),
  ];
  for (const folder of folders) mkdirSync(join(skeleton, folder), { recursive: true });
  for (const folder of PROGRAM_FOLDERS) {
    if (!existsSync(`/${folder}`)) continue;
    const stat = lstatSync(`/${folder}`);
    if (stat.isSymbolicLink()) link(readlinkSync(`/${folder}`), join(skeleton, folder));
    else mkdirSync(join(skeleton, folder), { recursive: true });
  }
  for (const [name, text] of Object.entries(ETC_MADE)) place(join(skeleton, 'etc', name), Buffer.from(text));
  for (const name of ETC_FILES) {
    if (existsSync(`/etc/${name}`)) place(join(skeleton, 'etc', name), readFileSync(`/etc/${name}`));
  }
  for (const name of shownOfEtc()) {
    const target = join(skeleton, 'etc', name);
    if (statSync(`/etc/${name}`).isDirectory()) mkdirSync(target, { recursive: true });
    else place(target, Buffer.alloc(0));
  }
  for (const name of DEVICES) place(join(skeleton, 'dev', name), Buffer.alloc(0));
  link('/proc/self/fd', join(skeleton, 'dev/fd'));
  link('/proc/self/fd/0', join(skeleton, 'dev/stdin'));
  link('/proc/self/fd/1', join(skeleton, 'dev/stdout'));
  link('/proc/self/fd/2', join(skeleton, 'dev/stderr'));
  link('/proc/self/mounts', join(skeleton, 'etc/mtab'));
}

/** A copy of /etc for one sandbox, whose root may change it, as for users that it adds. */
export function makeEtc(skeleton: string, directory: string, owner: Owner | undefined): void {
  const from = join(skeleton, 'etc');
  const to = join(directory, 'etc');
  cpSync(from, to, { recursive: true, verbatimSymlinks: true });
  if (!owner) return;
  for (const name of ['.', ...readdirSync(to, { recursive: true, encoding: 'utf8' })]) {
    lchownSync(join(to, name), owner.uid, owner.gid);
  }
}

/** In the order in which they must be made. */
export function planMounts(plan: ViewPlan): Mount[] {
  const show = (from: string, to: string, writable = false): Mount => ({ type: 'bind', from, to, writable });
  const memory = (to: string, sizeBytes: number): Mount => ({ type: 'memory', to, sizeBytes });
  const shown = [
    '/usr',
    ...PROGRAM_FOLDERS.map((folder) => `/${folder}`).filter((path) => existsSync(path) && !isLink(path)),
    ...shownOfEtc().map((name) => `/etc/${name}`),
  ];
  const hidden = plan.hidden
    .map((path) => realpathSync(path))
    .filter((path) => shown.some((each) => path.startsWith(`${realpathSync(each)}/`)));
  return [
    show(plan.skeleton, '/'),
    show(join(plan.directory, 'etc'), '/etc', true),
    ...shown.map((path) =>
      show(path === '/etc/hosts' && plan.hostsFile ? plan.hostsFile : realpathSync(path), path),
    ),
    ...hidden.map((path) => memory(path, 4096)),
    ...DEVICES.map((name): Mount => ({ type: 'device', from: `/dev/${name}`, to: `/dev/${name}` })),
    { type: 'proc', to: '/proc' },
    memory('/dev/shm', plan.memoryBytes / 2),
    memory('/tmp', plan.memoryBytes / 2),
    memory('/var/tmp', plan.memoryBytes / 2),
    memory('/run', 16 * 1024 * 1024),
    show(join(plan.directory, 'home'), HOME, true),
    show(join(plan.directory, 'homes'), '/home', true),
    show(join(plan.directory, 'workspace'), plan.workspace, true),
    show(join(plan.directory, 'readonly'), join(plan.workspace, 'readonly')),
  ];
}

export function bubblewrapArguments(mounts: readonly Mount[]): string[] {
  return mounts.flatMap((mount) => {
    switch (mount.type) {
      case 'bind':
        return [mount.writable ? '--bind' : '--ro-bind', mount.from, mount.to];
      case 'device':
        return ['--dev-bind', mount.from, mount.to];
      case 'memory':
        return ['--perms', '1777', '--size', String(Math.floor(mount.sizeBytes)), '--tmpfs', mount.to];
      case 'proc':
        return ['--proc', mount.to];
    }
  });
}

/** Lines of an fstab that mounts everything below `root` in one go. */
export function mountTable(mounts: readonly Mount[], root: string): string {
  const field = (text: string) =>
    text.replace(/[\\\s]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
  const lines = mounts.map((mount) => {
    const target = field(join(root, mount.to));
    switch (mount.type) {
      case 'bind':
        return `${field(mount.from)} ${target} none bind,${mount.writable ? 'nosuid,nodev' : 'ro,nosuid,nodev'} 0 0`;
      case 'device':
        return `${field(mount.from)} ${target} none bind 0 0`;
      case 'memory':
        return `tmpfs ${target} tmpfs mode=1777,nosuid,nodev,size=${Math.floor(mount.sizeBytes)} 0 0`;
      case 'proc':
        return `proc ${target} proc nosuid,nodev,noexec 0 0`;
    }
  });
  return `${lines.join('\n')}\n`;
}

/** What is there, shown as it is. */
function shownOfEtc(): string[] {
  const java = readdirSync('/etc').filter((name) => ETC_JAVA.test(name));
  return [...ETC_SHOWN, ...ETC_TOOLS, ...java].filter((name) => existsSync(`/etc/${name}`));
}

function place(path: string, content: Buffer): void {
  if (existsSync(path) && readFileSync(path).equals(content)) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, content, { mode: 0o644 });
  renameSync(`${path}.new`, path);
}

function link(target: string, path: string): void {
  if (isLink(path)) return;
  symlinkSync(target, path);
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}
