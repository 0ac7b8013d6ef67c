/** `slipway doctor`: what this machine offers, what is missing and how to get it, and whether a data directory is whole. */

import { execFile } from 'node:child_process';
import { existsSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createGroups, removeGroups } from '#runtimes/cgroups.ts';
import { dockerSocket } from '#runtimes/choice.ts';
import { createDockerRuntime, describeEngine } from '#runtimes/docker/docker.ts';
import { BUILD_NETWORK_DEFAULT, parseBuildNetwork } from '#runtimes/egress.ts';
import { CATALOGUE_FILE, ownNames } from '#services/codebuild/image-catalogue.ts';
import { readRootKey } from '#store/root-key.ts';
import { readEndpoint } from './options.ts';

export interface DoctorOptions {
  readonly data: string;
  readonly json: boolean;
}

export interface Finding {
  readonly what: string;
  /** `missing` breaks a feature that is always wanted; `optional` only one that some want. */
  readonly state: 'works' | 'optional' | 'missing';
  readonly detail: string;
  /** What would help. */
  readonly help?: string;
}

const run = promisify(execFile);
const COMMAND_MS_MAX = 10_000;
const FREE_BYTES_MIN = 1024 ** 3;
const TRIAL_LIMITS = {
  memoryBytes: 2 ** 26,
  cpus: 1,
  processes: 16,
  diskBytes: 2 ** 26,
  openFiles: 64,
  seconds: 1,
};

export async function doctor(options: DoctorOptions): Promise<void> {
  const findings = [...(await machineFindings()), ...(await directoryFindings(options.data))];
  if (options.json) process.stdout.write(`${JSON.stringify(findings)}\n`);
  else for (const finding of findings) process.stdout.write(lineOf(finding));
  if (findings.some((finding) => finding.state === 'missing')) process.exitCode = 1;
}

async function machineFindings(): Promise<readonly Finding[]> {
  return Promise.all([
    program('git', ['--version'], 'repositories and CODECOMMIT sources', 'missing', 'git'),
    program('unzip', ['-v'], 'nothing in Slipway itself; useful in builds', 'optional', 'unzip'),
    isolation(),
    limits(),
    network(),
    docker(),
    privileged(),
    program('bwrap', ['--version'], 'sandboxes; util-linux namespaces do without', 'optional', 'bubblewrap'),
    program(
      'postgres',
      ['--version'],
      'several nodes over one database',
      'optional',
      'postgresql',
      postgresPaths(),
    ),
    program('aws', ['--version'], 'talking to Slipway from a shell', 'optional', 'awscli'),
  ]);
}

async function program(
  name: string,
  parameters: readonly string[],
  use: string,
  otherwise: 'optional' | 'missing',
  debianPackage: string,
  paths: readonly string[] = [],
): Promise<Finding> {
  for (const candidate of [name, ...paths]) {
    try {
      const { stdout, stderr } = await run(candidate, parameters, { timeout: COMMAND_MS_MAX });
      return { what: name, state: 'works', detail: (stdout || stderr).split('\n')[0]?.trim() ?? '' };
    } catch (error) {
      if (!['ENOENT', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) {
        return {
          what: name,
          state: otherwise,
          detail: `it is there but fails: ${(error as Error).message.split('\n')[0]}`,
        };
      }
    }
  }
  return {
    what: name,
    state: otherwise,
    detail: `not found; wanted for ${use}`,
    help: `apt-get install ${debianPackage}`,
  };
}

function postgresPaths(): readonly string[] {
  return ['17', '16', '15', '14'].map((version) => `/usr/lib/postgresql/${version}/bin/postgres`);
}

/** The namespaces that the sandbox wants, tried for real. */
async function isolation(): Promise<Finding> {
  const what = 'isolation';
  try {
    await run(
      'unshare',
      ['--user', '--map-root-user', '--mount', '--pid', '--ipc', '--uts', '--fork', 'true'],
      {
        timeout: COMMAND_MS_MAX,
      },
    );
    return { what, state: 'works', detail: 'user, mount, pid, ipc and uts namespaces' };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return {
      what,
      state: 'missing',
      detail: missing ? 'unshare is not installed' : 'this system refuses unprivileged namespaces',
      help: missing
        ? 'apt-get install util-linux'
        : 'sysctl kernel.unprivileged_userns_clone=1, or start the server with --runtime process (no isolation)',
    };
  }
}

/** Whether memory, processor and process limits can be enforced by control groups: tried for real. */
async function limits(): Promise<Finding> {
  const what = 'limits';
  const id = `doctor-${process.pid}`;
  const { limited } = createGroups(id, TRIAL_LIMITS);
  await removeGroups(id);
  const wanted = ['memory', 'pids', 'cpu'];
  const missing = wanted.filter((each) => !limited.has(each));
  if (missing.length === 0) return { what, state: 'works', detail: 'memory, pids and cpu by control groups' };
  const held = wanted.filter((each) => limited.has(each));
  const instead: Record<string, string> = {
    memory: 'memory per process only',
    pids: 'processes per user only',
    cpu: 'cpu not limited, only at low priority',
  };
  return {
    what,
    state: 'optional',
    detail: [
      ...(held.length > 0 ? [`${held.join(' and ')} by control groups`] : ['no writable control groups']),
      ...missing.map((each) => instead[each]),
    ].join('; '),
    help: 'run the server as root of the machine, or where control groups are its own to write',
  };
}

/** What builds may reach, and whether the doors to it can be opened. */
async function network(): Promise<Finding> {
  const what = 'build network';
  const text = process.env['SLIPWAY_BUILD_NETWORK'] ?? BUILD_NETWORK_DEFAULT;
  try {
    const { type } = parseBuildNetwork(text);
    if (type === 'on')
      return { what, state: 'works', detail: 'on: builds share the network of this machine' };
    await run('nsenter', ['--version'], { timeout: COMMAND_MS_MAX });
    await run('unshare', ['--user', '--map-root-user', '--net', 'true'], { timeout: COMMAND_MS_MAX });
    return { what, state: 'works', detail: `${text}, in a network namespace of each build` };
  } catch (error) {
    return {
      what,
      state: 'missing',
      detail: (error as Error).message.split('\n')[0] ?? '',
      help: 'set SLIPWAY_BUILD_NETWORK to on, off or allow:…; anything but on needs util-linux and namespaces',
    };
  }
}

/** Whether builds can run in images, and who their root is. */
async function docker(): Promise<Finding> {
  const what = 'docker';
  const socketPath = dockerSocket(process.env);
  try {
    const network = parseBuildNetwork(process.env['SLIPWAY_BUILD_NETWORK']);
    const problem = await createDockerRuntime({ socketPath, network }).problem();
    if (problem === undefined) return { what, state: 'works', detail: await describeEngine(socketPath) };
    return {
      what,
      state: 'optional',
      detail: `${problem}; wanted for builds in images of their own`,
      help: 'apt-get install docker.io, or name the socket of an engine in SLIPWAY_DOCKER_SOCKET',
    };
  } catch (error) {
    return { what, state: 'optional', detail: (error as Error).message.split('\n')[0] ?? '' };
  }
}

function privileged(): Finding {
  const isAllowed = process.env['SLIPWAY_PRIVILEGED_BUILDS'] === 'allow';
  return {
    what: 'privileged',
    state: isAllowed ? 'works' : 'optional',
    detail: isAllowed
      ? 'allowed: whoever may start one can become root of this machine'
      : 'not allowed, which is the safe way; SLIPWAY_PRIVILEGED_BUILDS=allow lets builds have an engine of their own',
  };
}

async function directoryFindings(directory: string): Promise<readonly Finding[]> {
  const what = `data ${directory}`;
  try {
    const mode = statSync(directory).mode & 0o777;
    const free = statfsSync(directory);
    const freeBytes = free.bavail * free.bsize;
    const key = readRootKey(directory);
    return [
      mode === 0o700
        ? { what, state: 'works', detail: 'private (0700)' }
        : {
            what,
            state: 'missing',
            detail: `its mode is 0${mode.toString(8)}`,
            help: `chmod 700 ${directory}`,
          },
      {
        what: 'root key',
        state: key ? 'works' : 'optional',
        detail: key ? 'present' : 'made at the first start',
      },
      {
        what: 'disk',
        state: freeBytes < FREE_BYTES_MIN ? 'missing' : 'works',
        detail: `${(freeBytes / 1024 ** 3).toFixed(1)} GiB free`,
        ...(freeBytes < FREE_BYTES_MIN ? { help: 'free some space, or move the data directory' } : {}),
      },
      ...catalogue(directory),
      await serving(directory),
    ];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return [{ what, state: 'optional', detail: 'not there yet; slipway serve makes it' }];
  }
}

/** The operator's file, if there is one. */
function catalogue(directory: string): readonly Finding[] {
  if (!existsSync(join(directory, CATALOGUE_FILE))) return [];
  try {
    ownNames(directory);
    return [{ what: 'images', state: 'works', detail: `${CATALOGUE_FILE} is valid` }];
  } catch (error) {
    return [
      { what: 'images', state: 'missing', detail: (error as Error).message, help: 'see docs/images.md' },
    ];
  }
}

async function serving(directory: string): Promise<Finding> {
  const endpoint = readEndpoint(directory);
  if (!endpoint) return { what: 'server', state: 'optional', detail: 'not running' };
  try {
    const answer = await fetch(`${endpoint}/_slipway/health`, {
      signal: AbortSignal.timeout(COMMAND_MS_MAX),
    });
    if (answer.ok) return { what: 'server', state: 'works', detail: `serving at ${endpoint}` };
    return {
      what: 'server',
      state: 'missing',
      detail: `${endpoint} answers ${answer.status}`,
      help: 'see its log',
    };
  } catch {
    return {
      what: 'server',
      state: 'optional',
      detail: `does not answer at ${endpoint}; it ended without notice`,
    };
  }
}

function lineOf(finding: Finding): string {
  const mark = { works: 'ok     ', optional: 'absent ', missing: 'MISSING' }[finding.state];
  const help = finding.help ? `\n                            → ${finding.help}` : '';
  return `${mark}  ${finding.what.padEnd(16)}  ${finding.detail}${help}\n`;
}
