/**
 * The house of a local run: all of Slipway, in a private folder below the temporary one, on a free port of loopback,
 * with nothing in it but one project. It goes when the run ends; what a killed run left is cleared by the next one.
 */

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { createLog, type LogLevel } from '#base/log.ts';
import { openRuntime } from '#runtimes/choice.ts';
import { isAlive, ownProcessName, parseProcessName } from '#runtimes/processes.ts';
import type { LocalFolder } from '#services/codebuild/local-folders.ts';
import type { Caller } from '#services/service.ts';
import { createSlipway, type Slipway } from '#slipway';
import { BadUsage } from './errors.ts';
import type { RunPlan } from './run-options.ts';
import { furnish, locationOf } from './run-project.ts';

export interface RunHouse {
  readonly root: Caller;
  /** Ends whatever runs and removes everything; may be called while the house is still in use. */
  destroy(): Promise<void>;
  close(): Promise<void>;
}

const PREFIX = 'slipway-run-';
const OWNER = 'owner';
const CLOSE_MS_MAX = 5_000;
const LOG_LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error'];
/** What of the environment counts here; keys, databases and buckets of a server do not. */
const ENVIRONMENT = ['PATH', 'SLIPWAY_BUILD_NETWORK', 'SLIPWAY_DOCKER_SOCKET', 'DOCKER_HOST'];

export async function openRunHouse(plan: RunPlan): Promise<RunHouse> {
  const directory = makeDirectory(plan);
  const removal = createRemoval(directory);
  let slipway: Slipway | undefined;
  try {
    await clearAbandoned();
    slipway = await createSlipway({
      directory: join(directory, 'data'),
      host: '127.0.0.1',
      port: 0,
      account: process.env['SLIPWAY_ACCOUNT_ID'] ?? '123456789012',
      region: process.env['AWS_REGION'] ?? 'us-east-1',
      runtime: plan.runtime,
      folders: foldersOf(plan),
      environment: {
        ...Object.fromEntries(ENVIRONMENT.map((name) => [name, process.env[name]])),
        // Whoever asks for privileges here is the operator.
        ...(plan.privileged ? { SLIPWAY_PRIVILEGED_BUILDS: 'allow' } : {}),
      },
      log: createLog((line) => process.stderr.write(`${line}\n`), logLevel()),
    });
    await furnish(slipway.root, plan);
  } catch (error) {
    await slipway?.close(0);
    await removal();
    throw error;
  }
  const { root, close } = slipway;
  return {
    root,
    destroy: removal,
    async close() {
      await close(CLOSE_MS_MAX);
      await removal();
    },
  };
}

function makeDirectory({ source, secondary }: RunPlan): string {
  const parent = realpathSync(tmpdir());
  for (const path of [source, ...secondary.map((each) => each.path)]) {
    if (parent !== path && !parent.startsWith(path === sep ? sep : `${path}${sep}`)) continue;
    throw new BadUsage(
      `The source ${path} holds the temporary folder ${parent}, so a copy of it would hold itself. ` +
        'Build a smaller folder, or set TMPDIR to one outside of it.',
    );
  }
  const directory = mkdtempSync(join(parent, PREFIX));
  writeFileSync(join(directory, OWNER), `${ownProcessName()}\n`, { mode: 0o600 });
  return directory;
}

/** The folder of each build says what it runs in. */
function createRemoval(directory: string): () => Promise<void> {
  return async () => {
    const data = join(directory, 'data');
    const builds = join(data, 'codebuild', 'builds');
    const { kill } = openRuntime('auto', process.env, { directory: data, hidden: data });
    if (existsSync(builds)) {
      await Promise.all(readdirSync(builds).map((uuid) => kill(join(builds, uuid), 0)));
    }
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  };
}

/** Of runs that were killed before they could clear up, and whose builds may still go on. */
async function clearAbandoned(): Promise<void> {
  const parent = realpathSync(tmpdir());
  for (const name of readdirSync(parent).filter((each) => each.startsWith(PREFIX))) {
    const directory = join(parent, name);
    const stat = lstatSync(directory, { throwIfNoEntry: false });
    if (!stat?.isDirectory() || stat.uid !== process.getuid?.()) continue;
    const note = join(directory, OWNER);
    if (!existsSync(note)) continue;
    const owner = parseProcessName(readFileSync(note, 'utf8'));
    if (owner && !isAlive(owner)) await createRemoval(directory)();
  }
}

function foldersOf({ source, secondary }: RunPlan): ReadonlyMap<string, LocalFolder> {
  return new Map([
    [locationOf(), { path: source, commit: commitOf(source) }],
    ...secondary.map(({ identifier, path }) => [locationOf(identifier), { path }] as [string, LocalFolder]),
  ]);
}

/** Where the repository in the folder stands; nothing when it has no commit, or git is not there. */
function commitOf(path: string): string | undefined {
  if (!existsSync(join(path, '.git'))) return undefined;
  try {
    return execFileSync('git', ['-C', path, 'rev-parse', '--verify', '--quiet', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}

function logLevel(): LogLevel {
  const level = process.env['SLIPWAY_LOG'] ?? 'error';
  return LOG_LEVELS.includes(level) ? (level as LogLevel) : 'error';
}
