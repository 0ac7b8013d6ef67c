/**
 * How a sandbox begins: the folders and mounts of its view, the command that makes its namespaces in either way, and
 * the steps by which that command's powers are given up before anything of a build runs.
 */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Groups } from './cgroups.ts';
import type { BuildNetwork } from './egress.ts';
import { launch, prepareFolders, quote, SEARCH_PATH } from './launch.ts';
import { hostsFile, networkVariables } from './network.ts';
import type { NetworkPlan } from './network.ts';
import type { Owner, SandboxPlan } from './runtime.ts';
import { supervisorScript } from './supervisor.ts';
import { usersScript } from './users.ts';
import { bubblewrapArguments, HOME, makeEtc, mountTable, planMounts, prepareSkeleton } from './view.ts';

export type Isolation = 'bubblewrap' | 'namespaces';

export interface SandboxOptions {
  /** A folder for what all sandboxes share; private to the server, like `hidden`. */
  readonly directory: string;
  /** The data directory, and what else no sandbox may see. */
  readonly hidden: string | readonly string[];
  /** What commands may reach; by default the machine's network. */
  readonly network?: BuildNetwork;
  /** Which way to make the namespaces; by default the first that works here. */
  readonly isolation?: Isolation;
}

/** What root inside may do to files and processes that are its own anyway. */
const CAPABILITIES = '-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setfcap';
/** A new network namespace has its loopback down; bubblewrap puts it up by itself. The last way is Debian's base. */
const LOOPBACK_UP = `{ ip link set lo up || ifconfig lo up || perl -e '
  socket(my $s, 2, 2, 0) && ioctl($s, 0x8914, pack("a16 s x22", "lo", 0x41)) or exit 1
'; } 2>/dev/null || { echo 'no program here can start the loopback of a network'; exit 1; }
`;

export async function startSandbox(
  options: SandboxOptions,
  isolation: Isolation,
  plan: SandboxPlan,
  owner: Owner | undefined,
  groups: Groups,
  network: NetworkPlan,
): Promise<void> {
  const isApart = network.setting.type !== 'on';
  const variables = { HOME, ...networkVariables(network) };
  const skeleton = join(options.directory, 'skeleton');
  mkdirSync(skeleton, { recursive: true });
  prepareSkeleton(skeleton, plan.workspace);
  prepareFolders(plan.directory, owner);
  makeEtc(skeleton, plan.directory, owner);
  const readonlyPath = join(plan.workspace, 'readonly');
  writeFileSync(
    join(plan.directory, 'readonly', 'supervisor.sh'),
    supervisorScript(readonlyPath, {
      seconds: plan.limits.seconds,
      ends: 'namespace',
      processes: groups.limited.has('pids') ? undefined : plan.limits.processes,
    }),
    {
      mode: 0o644,
    },
  );
  const mounts = planMounts({
    skeleton,
    directory: plan.directory,
    workspace: plan.workspace,
    hidden: [options.hidden].flat(),
    memoryBytes: plan.limits.memoryBytes,
    hostsFile: isApart ? join(plan.directory, 'hosts') : undefined,
  });
  if (isApart) writeFileSync(join(plan.directory, 'hosts'), hostsFile(network), { mode: 0o644 });
  if (owner) {
    writeFileSync(join(plan.directory, 'readonly', 'users.sh'), usersScript(owner, CAPABILITIES), {
      mode: 0o644,
    });
  }
  const inner = [
    ...lowerPrivileges(owner, isolation, readonlyPath),
    ...['/bin/sh', join(readonlyPath, 'supervisor.sh')],
  ];
  const command =
    isolation === 'bubblewrap'
      ? [
          'bwrap',
          ...(owner ? [] : ['--unshare-user', '--uid', '0', '--gid', '0']),
          ...['--unshare-pid', '--as-pid-1', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'],
          ...['--hostname', 'build', '--chdir', plan.workspace],
          ...(isApart ? ['--unshare-net'] : []),
          ...bubblewrapArguments(mounts),
          ...['--clearenv', '--setenv', 'PATH', SEARCH_PATH],
          ...Object.entries(variables).flatMap(([name, value]) => ['--setenv', name, value]),
          ...inner,
        ]
      : [
          'unshare',
          ...(owner ? [] : ['--user', '--map-root-user']),
          ...[
            '--mount',
            '--propagation',
            'private',
            '--pid',
            '--fork',
            '--kill-child',
            '--ipc',
            '--uts',
            '--cgroup',
          ],
          ...(isApart ? ['--net'] : []),
          ...['/bin/sh', join(plan.directory, 'enter.sh')],
        ];
  if (isolation === 'namespaces') {
    writeFileSync(join(plan.directory, 'mounts'), mountTable(mounts, join(plan.directory, 'root')));
    writeFileSync(join(plan.directory, 'enter.sh'), enterScript(plan, inner, variables, isApart));
  }
  await launch({
    directory: plan.directory,
    limits: plan.limits,
    groups: groups.folders,
    limitsPerProcess: (['memory', 'cpu'] as const).filter((limit) => !groups.limited.has(limit)),
    command: [...leaveKeys(), ...command],
    owner,
  });
}

/**
 * Keys that the server's session holds in the kernel (of a network file system, say) would be readable inside, as
 * those of any session are to its children. Only a system call starts a session without them.
 */
function leaveKeys(): readonly string[] {
  const number = { x64: 250, arm64: 219 }[process.arch as string];
  if (number === undefined || !existsSync('/proc/keys') || !existsSync('/usr/bin/perl')) return [];
  return ['/usr/bin/perl', '-e', `syscall(${number}, 1, 0) > 0 or die "keys: $!"; exec { $ARGV[0] } @ARGV`];
}

/** From inside the new namespaces to the new root. `pivot_root . .` puts the old root where it can be unmounted. */
function enterScript(
  plan: SandboxPlan,
  inner: readonly string[],
  variables: Readonly<Record<string, string>>,
  isApart: boolean,
): string {
  const exports = Object.entries(variables).map(([name, value]) => `export ${name}=${quote(value)}\n`);
  return `${isApart ? LOOPBACK_UP : ''}mount --all --fstab ${quote(join(plan.directory, 'mounts'))} || exit 1
hostname build 2>/dev/null
cd ${quote(join(plan.directory, 'root'))} && pivot_root . . && umount -l . || exit 1
cd ${quote(plan.workspace)} || exit 1
${exports.join('')}exec ${inner.map(quote).join(' ')}
`;
}

/**
 * As root: become root of a user namespace that holds nobody but the sandbox's own users. Otherwise the namespace was
 * made before; only its powers are cut down. Bubblewrap does that by itself.
 */
function lowerPrivileges(owner: Owner | undefined, isolation: Isolation, readonlyPath: string): string[] {
  if (owner) return ['/bin/sh', join(readonlyPath, 'users.sh')];
  return isolation === 'bubblewrap' ? [] : ['setpriv', '--bounding-set', CAPABILITIES, '--no-new-privs'];
}
