/**
 * `slipway worker`: runs builds for the servers that use the same database, until SIGTERM. It has no door: builds reach
 * the API at --server. Everything that could be wrong with where it was put is asked before anything is done. Ending it
 * is harmless: builds go on, and the next start here within a minute goes on with them.
 */

import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import { isFault } from '#base/fault.ts';
import { readRootKey, type RootKey } from '#store/root-key.ts';
import { createJsonClient } from '#wire/json-client.ts';
import { createSlipway } from '#slipway';
import { openLog, parseBuilds, parseRuntime, signalled } from './long-running.ts';
import { parseQuotas } from './options.ts';

export interface WorkerOptions {
  readonly server: string;
  readonly data: string;
  readonly scratch: string;
  readonly builds: string;
  readonly runtime: string;
  readonly quotas: string;
}

const DATABASE_VARIABLE = 'SLIPWAY_DATABASE_URL';
const DRAIN_MS_MAX = 8_000;
const SERVER_MS_MAX = 10_000;

export async function worker(options: WorkerOptions): Promise<void> {
  const databaseUrl = readDatabaseUrl();
  const [runtime, builds, quotas] = [
    parseRuntime(options.runtime),
    parseBuilds(options.builds),
    parseQuotas(options.quotas),
  ];
  const server = parseServer(options.server);
  const rootKey = openShared(options);
  const region = process.env['AWS_REGION'] ?? 'us-east-1';
  await askServer(server, rootKey, region);
  const log = openLog();
  const slipway = await createSlipway({
    directory: options.data,
    scratch: options.scratch,
    workerOf: server,
    builds,
    host: '',
    port: 0,
    databaseUrl,
    account: process.env['SLIPWAY_ACCOUNT_ID'] ?? '123456789012',
    region,
    quotas,
    runtime,
    environment: process.env,
    log,
  });
  // Whoever reads the line may end us at once.
  const signal = signalled(log);
  process.stdout.write(`slipway worker ready for ${server}\n`);
  await signal;
  await slipway.close(DRAIN_MS_MAX);
  // Whatever a library still holds open must not outlive the drain.
  process.exit(0);
}

/** It may hold a password, so it does not stand on a command line. */
function readDatabaseUrl(): string {
  const url = process.env[DATABASE_VARIABLE];
  if (!url) {
    throw new Error(
      `There is no database. Set ${DATABASE_VARIABLE} to that of the servers: postgres://USER:PASSWORD@HOST/NAME.`,
    );
  }
  if (/^postgres(ql)?:\/\//.test(url)) return url;
  throw new Error(
    `${DATABASE_VARIABLE} is not postgres://…: an SQLite database belongs to the one server that has it open. ` +
      'Move the servers to PostgreSQL to have workers on further machines.',
  );
}

function parseServer(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.origin;
  throw new Error(`${text} is not a URL. Write it like http://build-server:7600.`);
}

/** The servers' data directory must be there; the folder for builds must be this machine's own. */
function openShared({ data, scratch }: WorkerOptions): RootKey | undefined {
  if (!existsSync(join(data, 'keyring.json'))) {
    throw new Error(
      `${data} is not the data directory of the servers: it holds no keyring.json. Mount it here, and name it with --data.`,
    );
  }
  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  const [shared, own] = [realpathSync(data), realpathSync(scratch)];
  if (own === shared || own.startsWith(shared + sep)) {
    throw new Error(
      `${scratch} lies in the data directory, which all machines share. Name a folder of this machine with --scratch.`,
    );
  }
  const { SLIPWAY_ROOT_ACCESS_KEY_ID: accessKeyId, SLIPWAY_ROOT_SECRET_ACCESS_KEY: secretAccessKey } =
    process.env;
  return accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : readRootKey(data);
}

/** Whether builds will reach the server, and whether it is the one whose data lie here. */
async function askServer(server: string, rootKey: RootKey | undefined, region: string): Promise<void> {
  try {
    const answer = await fetch(`${server}/_slipway/health`, { signal: AbortSignal.timeout(SERVER_MS_MAX) });
    if (!answer.ok) throw new Error(`it answers ${answer.status}`);
  } catch (error) {
    const { message, cause } = error as Error;
    const why =
      cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : message;
    throw new Error(`No Slipway answers at ${server}: ${why}. Builds need it; start it first.`, {
      cause: error,
    });
  }
  // A root key that only the servers' environment holds proves nothing here.
  if (!rootKey) return;
  const client = createJsonClient({
    endpoint: server,
    region,
    credentials: rootKey,
    signingName: 'codebuild',
    targetPrefix: 'CodeBuild_20161006',
    timeoutMs: SERVER_MS_MAX,
  });
  try {
    await client.send('ListProjects', {});
  } catch (error) {
    if (!isFault(error)) throw error;
    throw new Error(
      `The server at ${server} refuses the root key of the data directory in region ${region}: ${error.message} ` +
        'Name the server that uses this directory, and set AWS_REGION as it is set there.',
      { cause: error },
    );
  }
}
