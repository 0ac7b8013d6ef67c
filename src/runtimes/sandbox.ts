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
import { SEARCH_PATH } from './launch.ts';
import { killSandbox } from './kill.ts';
import type { Gate } from './gate.ts';
import { describeNetwork, openNetwork } from './network.ts';
import type { NetworkPlan } from './network.ts';
import { childrenOf, isAlive, isInOtherNetwork, waitUntil } from './processes.ts';
import type { Owner, Runtime, Sandbox, SandboxPlan } from './runtime.ts';
import { startSandbox } from './sandbox-start.ts';
import type { Isolation, SandboxOptions } from './sandbox-start.ts';
import { USERS_COUNT } from './users.ts';
import { HOME } from './view.ts';

export type { Isolation, SandboxOptions };

const PROBE_TIMEOUT_MS = 10_000;
const TRIAL_PREFIX = 'probe-';
const DOORS_TIMEOUT_MS = 10_000;
/** Users of the machine that nobody has: a few for each sandbox. */
const UID_BASE = 0x1000_0000;
const OWNERS_COUNT = Math.floor(0x0fff_ffff / USERS_COUNT);

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

function ownerOf(id: string): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const number = createHash('sha256').update(id).digest().readUInt32BE() % OWNERS_COUNT;
  const uid = UID_BASE + number * USERS_COUNT;
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
