/**
 * What a container is made of: its command, the folders that it sees, and what holds it down. Never a socket of the
 * engine, never a folder but its own.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHANNEL } from './channel.ts';
import type { EngineInfo } from './engine.ts';
import { hostsOf, networkVariables, type NetworkPlan } from '#runtimes/network.ts';
import type { Owner, SandboxPlan } from '#runtimes/runtime.ts';

/** Which user of this machine is root inside, and why. */
export interface Mapping {
  readonly type: 'own root' | 'engine namespace' | 'rootless' | 'server user';
  /** Who the container's files belong to, where that is not the server's own user. */
  readonly owner: Owner | undefined;
  /** The user that the commands are inside. */
  readonly user: string;
}

export interface ContainerParts {
  readonly plan: SandboxPlan;
  /** The image by its id, so that a name that moves cannot change it. */
  readonly imageId: string;
  readonly isPrivileged: boolean;
  readonly mapping: Mapping;
  readonly network: NetworkPlan;
  readonly info: EngineInfo;
}

export const HOME = '/root';
export const LABEL = 'slipway.directory';
const CHANNEL_FOLDER = '/.slipway';
/** The same that root of a sandbox has over files and processes that are its own anyway. */
const CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETFCAP',
] as const;
/** To mount, to make namespaces and networks, and to give containers what they have by default. */
const ENGINE_CAPABILITIES = [
  ...CAPABILITIES,
  'AUDIT_WRITE',
  'DAC_READ_SEARCH',
  'IPC_LOCK',
  'LINUX_IMMUTABLE',
  'MKNOD',
  'NET_ADMIN',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SETPCAP',
  'SYS_ADMIN',
  'SYS_CHROOT',
  'SYS_NICE',
  'SYS_PTRACE',
] as const;
const DOCKERD_SECONDS_MAX = 60;
/** Of the 1024 that everything else has. */
const CPU_SHARES = 256;

/** The names of the two volumes through which a container's folders take over what its image has there. */
export function volumeNames(id: string): Readonly<Record<'workspace' | 'home', string>> {
  return { workspace: `slipway-${id}-workspace`, home: `slipway-${id}-home` };
}

export function containerPlan(parts: ContainerParts): unknown {
  const { plan, mapping, network, isPrivileged } = parts;
  const readonlyPath = join(plan.workspace, 'readonly');
  const entry = join(readonlyPath, isPrivileged ? 'privileged.sh' : 'supervisor.sh');
  const [control, output, ends] = CHANNEL.map((name) => join(CHANNEL_FOLDER, name));
  return {
    Image: parts.imageId,
    Hostname: 'build',
    User: mapping.user,
    WorkingDir: plan.workspace,
    Env: Object.entries({ HOME, ...networkVariables(network) }).map(([name, value]) => `${name}=${value}`),
    Entrypoint: ['/bin/sh', '-c'],
    Cmd: [`exec 3<>${control} 4>>${ends} 1>${output} 2>&1 </dev/null; exec /bin/sh ${entry}`],
    Healthcheck: { Test: ['NONE'] },
    // A supervisor hears of its end only between two commands; nobody gains by waiting for that.
    StopTimeout: 1,
    Labels: { [LABEL]: plan.directory },
    HostConfig: {
      NetworkMode: network.setting.type === 'on' ? 'host' : 'none',
      ExtraHosts: hostsOf(network).map((name) => `${name}:127.0.0.1`),
      ...limits(parts),
      ...(isPrivileged ? engineRights() : rights()),
      IpcMode: 'private',
      CgroupnsMode: 'private',
      LogConfig: { Type: 'none' },
      Mounts: mounts(parts, readonlyPath),
    },
  };
}

function rights() {
  return { CapDrop: ['ALL'], CapAdd: CAPABILITIES, SecurityOpt: ['no-new-privileges'] };
}

/**
 * All that an engine inside needs, and not the engine's own `privileged`, which adds every device of the machine. It is
 * enough to become root of the machine all the same.
 */
function engineRights() {
  return {
    CapDrop: ['ALL'],
    CapAdd: ENGINE_CAPABILITIES,
    SecurityOpt: ['seccomp=unconfined', 'apparmor=unconfined'],
    MaskedPaths: [],
    ReadonlyPaths: [],
  };
}

/** Only what this engine's kernel can hold; `describeLimits` says what that is. */
function limits({ plan, info }: ContainerParts) {
  const { memoryBytes, cpus, processes, openFiles, diskBytes } = plan.limits;
  const files = Math.min(openFiles, openFilesMax());
  return {
    ...(info.MemoryLimit ? { Memory: memoryBytes } : {}),
    ...(info.MemoryLimit && info.SwapLimit ? { MemorySwap: memoryBytes } : {}),
    ...(info.CpuCfsQuota ? { NanoCpus: Math.round(Math.min(cpus, info.NCPU) * 1e9) } : {}),
    ...(info.PidsLimit ? { PidsLimit: processes } : {}),
    // What else the machine does goes first when both want it.
    CpuShares: CPU_SHARES,
    ShmSize: Math.floor(memoryBytes / 2),
    Ulimits: [
      { Name: 'nofile', Soft: files, Hard: files },
      { Name: 'fsize', Soft: diskBytes, Hard: diskBytes },
      { Name: 'core', Soft: 0, Hard: 0 },
    ],
  };
}

/** Where even root may not raise its limits, the engine may not either. */
function openFilesMax(): number {
  const [, hard] = /^Max open files +\w+ +(\w+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return hard === undefined || hard === 'unlimited' ? Infinity : Number(hard);
}

function mounts({ plan, isPrivileged, mapping }: ContainerParts, readonlyPath: string) {
  const volumes = volumeNames(plan.id);
  // The image's own files stay its root's; whoever is not root inside begins with empty folders instead.
  const volume = (name: 'workspace' | 'home', target: string) =>
    mapping.type === 'server user'
      ? bind(join(plan.directory, name), target)
      : { Type: 'volume', Source: volumes[name], Target: target };
  return [
    volume('workspace', plan.workspace),
    volume('home', HOME),
    bind(join(plan.directory, 'readonly'), readonlyPath, true),
    ...CHANNEL.map((name) => bind(join(plan.directory, name), join(CHANNEL_FOLDER, name))),
    ...(isPrivileged ? [bind(join(plan.directory, 'docker'), '/var/lib/docker')] : []),
  ];
}

function bind(source: string, target: string, isReadonly = false) {
  return { Type: 'bind', Source: source, Target: target, ReadOnly: isReadonly };
}

/**
 * Starts the image's own dockerd, when it has one, before the supervisor: an engine of this build alone, which ends
 * with it. Its files lie in the build's folder, since one overlay does not stand on another.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/sample-docker.html
 */
export function privilegedScript(readonlyPath: string): string {
  return `if command -v dockerd >/dev/null 2>&1; then
  mkdir -p /var/run /var/log
  while read -r _ path type _; do
    case $type in cgroup*) mount -o remount,bind,rw "$path" ;; esac
  done </proc/mounts
  # In the second version of control groups one that has processes cannot limit others below it.
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    mkdir -p /sys/fs/cgroup/init
    while read -r process; do echo "$process" >/sys/fs/cgroup/init/cgroup.procs; done </sys/fs/cgroup/cgroup.procs
    for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
      echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
    done
  fi 2>/dev/null
  dockerd --host=unix:///var/run/docker.sock >/var/log/docker.log 2>&1 3<&- 4<&- &
  tries=0
  until [ -S /var/run/docker.sock ] && { ! command -v docker >/dev/null 2>&1 || docker version >/dev/null 2>&1; }; do
    tries=$((tries + 1))
    if [ $tries -gt ${DOCKERD_SECONDS_MAX} ] || ! kill -0 $! 2>/dev/null; then
      echo 'The Docker daemon of this build did not start:'
      tail -n 5 /var/log/docker.log
      break
    fi
    sleep 1
  done
else
  echo 'The image has no dockerd; a privileged build may start an engine of its own.'
fi
exec /bin/sh ${readonlyPath}/supervisor.sh
`;
}
