/**
 * The `sandbox` runtime: kernel namespaces around a supervisor, made by bubblewrap where it is installed and by
 * util-linux otherwise. As root, the commands' root is a user of the machine that owns nothing, another one for each
 * sandbox; as any other user it is that user, in a user namespace. Either way the commands see their own files and
 * processes only (`view.ts`), cannot gain privileges, and are bounded by control groups, or per process where those
 * cannot be written. The network is a namespace of its own with a few doors (`network.ts`), unless the operator says
 * `on`.
 */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { attach, isStartedAndAlive, startedProcess } from './attached.ts';
import { createGroups, outOfMemoryKills } from './cgroups.ts';
import type { Groups } from './cgroups.ts';
import { watchDisk } from './disk.ts';
import { launch, prepareFolders, quote, SEARCH_PATH } from './launch.ts';
import { killSandbox } from './kill.ts';
import type { BuildNetwork } from './egress.ts';
import type { Gate } from './gate.ts';
import { describeNetwork, hostsFile, networkVariables, openNetwork } from './network.ts';
import type { NetworkPlan } from './network.ts';
import { childrenOf, isAlive, isInOtherNetwork, waitUntil } from './processes.ts';
import type { Owner, Runtime, Sandbox, SandboxPlan } from './runtime.ts';
import { supervisorScript } from './supervisor.ts';
import { bubblewrapArguments, HOME, mountTable, planMounts, prepareSkeleton } from './view.ts';

export type Isolation = 'bubblewrap' | 'namespaces';

export interface SandboxOptions {
  /** A folder for what all sandboxes share; private to the server, like `hidden`. */
  readonly directory: string;
  /** The data directory, which no sandbox may see. */
  readonly hidden: string;
  /** What commands may reach; by default the machine's network. */
  readonly network?: BuildNetwork;
  /** Which way to make the namespaces; by default the first that works here. */
  readonly isolation?: Isolation;
}

const PROBE_TIMEOUT_MS = 10_000;
const TRIAL_PREFIX = 'probe-';
/** What root inside may do to files and processes that are its own anyway. */
const CAPABILITIES = '-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setfcap';
const DOORS_TIMEOUT_MS = 10_000;
/** A new network namespace has its loopback down; bubblewrap puts it up by itself. The last way is Debian's base. */
const LOOPBACK_UP = `{ ip link set lo up || ifconfig lo up || perl -e '
  socket(my $s, 2, 2, 0) && ioctl($s, 0x8914, pack("a16 s x22", "lo", 0x41)) or exit 1
'; } 2>/dev/null || { echo 'no program here can start the loopback of a network'; exit 1; }
`;
/** Users of the machine that nobody has: one for each sandbox. */
const UID_BASE = 0x1000_0000;
const UID_COUNT = 0x0fff_ffff;

export function createSandboxRuntime(options: SandboxOptions): Runtime {
  let chosen: Promise<Isolation | { readonly problem: string }> | undefined;
  const choose = () => (chosen ??= chooseIsolation(options));
  return {
    name: 'sandbox',
    async problem() {
      const isolation = await choose();
      return typeof isolation === 'string' ? undefined : isolation.problem;
    },
    async open(plan) {
      const isolation = await choose();
      if (typeof isolation !== 'string') throw new Error(isolation.problem);
      return openSandbox(options, isolation, plan);
    },
    kill: killSandbox,
  };
}

async function openSandbox(
  options: SandboxOptions,
  isolation: Isolation,
  plan: SandboxPlan,
): Promise<Sandbox> {
  const owner = ownerOf(plan.id);
  const network: NetworkPlan = { setting: options.network ?? { type: 'on' }, endpoint: plan.endpoint };
  const attached = startedProcess(plan.directory) !== undefined;
  const groups = createGroups(plan.id, plan.limits);
  writeFileSync(join(plan.directory, 'name'), plan.id);
  if (!attached) await startSandbox(options, isolation, plan, owner, groups, network);
  const disk = watchDisk(plan.directory, plan.limits.diskBytes, () => {
    const name = startedProcess(plan.directory);
    if (name && isAlive(name)) void killSandbox(plan.directory, 0);
  });
  const gateOpening = openDoors(plan.directory, network, owner === undefined, attached);
  const attaching = attach({
    directory: plan.directory,
    isAlive: () => isStartedAndAlive(plan.directory),
    outOfMemoryKills: () => outOfMemoryKills(plan.id),
    reasonOfDeath: () => disk.verdict() ?? reasonOfDeath(plan),
    shells: { sh: '/bin/sh', bash: '/bin/bash' },
  });
  const [attachment, gate] = await Promise.all([attaching, gateOpening]).catch((error: unknown) => {
    disk.stop();
    for (const opening of [attaching.then(({ release }) => release()), gateOpening.then((g) => g?.close())]) {
      opening.catch(() => {});
    }
    throw error;
  });
  return {
    facts: describe(isolation, plan, groups, owner, network),
    attached,
    workspace: plan.workspace,
    workspaceDirectory: join(plan.directory, 'workspace'),
    readonlyDirectory: join(plan.directory, 'readonly'),
    home: HOME,
    owner,
    logFile: join(plan.directory, 'log'),
    perform: attachment.perform,
    release() {
      disk.stop();
      gate?.close();
      attachment.release();
    },
  };
}

/**
 * The doors of a sandbox that has just been started must open; of one that is found again they open if it still lives
 * and its commands have not taken their places, which harms nobody but themselves.
 */
async function openDoors(
  directory: string,
  network: NetworkPlan,
  isOwnUser: boolean,
  attached: boolean,
): Promise<Gate | undefined> {
  if (network.setting.type !== 'allow') return undefined;
  const outer = startedProcess(directory);
  let inside: number | undefined;
  // The first process inside comes a moment after the one that makes the namespaces.
  await waitUntil(async () => {
    if (!outer || !isAlive(outer)) return true;
    inside = (await childrenOf(outer.id)).find((child) => isInOtherNetwork(child));
    return inside !== undefined;
  }, DOORS_TIMEOUT_MS);
  if (inside === undefined) return undefined;
  try {
    return await openNetwork(network, inside, isOwnUser);
  } catch (error) {
    if (attached || !isStartedAndAlive(directory)) return undefined;
    throw error;
  }
}

async function startSandbox(
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
  const readonlyPath = join(plan.workspace, 'readonly');
  writeFileSync(
    join(plan.directory, 'readonly', 'supervisor.sh'),
    supervisorScript(readonlyPath, { seconds: plan.limits.seconds, ends: 'namespace' }),
    {
      mode: 0o644,
    },
  );
  const mounts = planMounts({
    skeleton,
    directory: plan.directory,
    workspace: plan.workspace,
    hidden: options.hidden,
    memoryBytes: plan.limits.memoryBytes,
    hostsFile: isApart ? join(plan.directory, 'hosts') : undefined,
  });
  if (isApart) writeFileSync(join(plan.directory, 'hosts'), hostsFile(network), { mode: 0o644 });
  const inner = [...lowerPrivileges(owner, isolation), '/bin/sh', join(readonlyPath, 'supervisor.sh')];
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
    limitsPerProcess: (['memory', 'pids', 'cpu'] as const).filter((limit) => !groups.limited.has(limit)),
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
 * As root: become the sandbox's own user for good, then root of a user namespace that holds nobody else. Otherwise
 * the namespace was made before; only its powers are cut down. Bubblewrap does that by itself.
 */
function lowerPrivileges(owner: Owner | undefined, isolation: Isolation): string[] {
  const cut = ['setpriv', '--bounding-set', CAPABILITIES, '--no-new-privs'];
  if (!owner) return isolation === 'bubblewrap' ? [] : cut;
  const become = [
    'setpriv',
    `--reuid=${owner.uid}`,
    `--regid=${owner.gid}`,
    '--clear-groups',
    '--no-new-privs',
  ];
  return [...become, 'unshare', '--user', '--map-root-user', ...cut];
}

function ownerOf(id: string): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const uid = UID_BASE + (createHash('sha256').update(id).digest().readUInt32BE() % UID_COUNT);
  return { uid, gid: uid };
}

function describe(
  isolation: Isolation,
  plan: SandboxPlan,
  groups: Groups,
  owner: Owner | undefined,
  network: NetworkPlan,
): string[] {
  const { limits } = plan;
  const held = (name: string) => (groups.limited.has(name) ? 'control group' : 'per process');
  const cpu = groups.limited.has('cpu')
    ? `${limits.cpus} CPUs (control group)`
    : 'CPU not limited (low priority)';
  return [
    `Isolation: ${isolation}, ${owner ? `own user ${owner.uid}` : 'user namespace'}, ${describeNetwork(network)}`,
    `Limits: memory ${mebibytes(limits.memoryBytes)} (${held('memory')}), ${cpu}, ` +
      `${limits.processes} processes (${held('pids')}), disk ${mebibytes(limits.diskBytes)} (watched)`,
  ];
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 1024 / 1024)} MiB`;
}

function reasonOfDeath(plan: SandboxPlan): string {
  if (outOfMemoryKills(plan.id) > 0) return 'it ran out of memory';
  const log = readFileSync(join(plan.directory, 'log'), 'utf8').trimEnd();
  const last = log.slice(log.lastIndexOf('\n') + 1).slice(0, 300);
  return last === ''
    ? 'its processes are gone'
    : `its processes are gone; the last line of its log is: ${last}`;
}

async function chooseIsolation(options: SandboxOptions): Promise<Isolation | { readonly problem: string }> {
  const candidates: readonly Isolation[] = options.isolation
    ? [options.isolation]
    : ['bubblewrap', 'namespaces'];
  const problems: string[] = [];
  await endOldTrials(options.directory);
  for (const candidate of candidates) {
    const problem = await probe(options, candidate);
    if (problem === undefined) return candidate;
    problems.push(`${candidate}: ${problem}`);
  }
  return { problem: `no isolation is possible on this machine (${problems.join('; ')})` };
}

/** A server that died while it tried left its trial running. */
async function endOldTrials(directory: string): Promise<void> {
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory).filter((each) => each.startsWith(TRIAL_PREFIX))) {
    await killSandbox(join(directory, name), 0);
    rmSync(join(directory, name), { recursive: true, force: true });
  }
}

/** Tries it: a sandbox that runs one command. */
async function probe(options: SandboxOptions, isolation: Isolation): Promise<string | undefined> {
  const program = isolation === 'bubblewrap' ? 'bwrap' : 'unshare';
  try {
    await promisify(execFile)(program, ['--version'], { env: { PATH: SEARCH_PATH } });
  } catch (error) {
    return `${program} is not installed (${(error as Error).message.split('\n', 1)[0]})`;
  }
  mkdirSync(options.directory, { recursive: true });
  const directory = mkdtempSync(join(options.directory, TRIAL_PREFIX));
  const limits = {
    memoryBytes: 2 ** 28,
    cpus: 1,
    processes: 64,
    diskBytes: 2 ** 28,
    openFiles: 1024,
    seconds: 60,
  };
  const id = `probe-${process.pid}-${isolation}`;
  try {
    const plan: SandboxPlan = { id, directory, workspace: '/codebuild', limits };
    const sandbox = await openSandbox(options, isolation, plan);
    const end = await sandbox.perform(
      { number: 1, heading: '', script: 'exit 0' },
      AbortSignal.timeout(PROBE_TIMEOUT_MS),
    );
    sandbox.release();
    return end.type === 'exited' && end.status === 0 ? undefined : 'a first command did not succeed';
  } catch (error) {
    return (error as Error).message;
  } finally {
    await killSandbox(directory, 0);
    rmSync(directory, { recursive: true, force: true });
  }
}
