/** `slipway doctor`: what this machine offers, what is missing and how to get it, and whether a data directory is whole. */

import { execFile } from 'node:child_process';
import { accessSync, constants, readFileSync, statfsSync, statSync } from 'node:fs';
import { promisify } from 'node:util';
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

/** Whether memory, processor and process limits can be enforced by control groups. */
async function limits(): Promise<Finding> {
  const what = 'limits';
  for (const folder of ['/sys/fs/cgroup/memory', '/sys/fs/cgroup']) {
    try {
      accessSync(folder, constants.W_OK);
      readFileSync(
        folder === '/sys/fs/cgroup' ? `${folder}/cgroup.controllers` : `${folder}/memory.limit_in_bytes`,
      );
      return { what, state: 'works', detail: `control groups at ${folder}` };
    } catch {
      // Not this kind of control group, or not ours to write: the next kind may be.
    }
  }
  return {
    what,
    state: 'optional',
    detail: 'no writable control groups; limits are set per process instead',
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
      await serving(directory),
    ];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return [{ what, state: 'optional', detail: 'not there yet; slipway serve makes it' }];
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
