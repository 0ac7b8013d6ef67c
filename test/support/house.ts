/**
 * A whole Slipway for a test: in a temporary directory, on a free port of loopback, with everything real but the log.
 * `restart` closes it and opens the same directory again; `close` removes the directory.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import { createLog, type Log, silentLog } from '#base/log.ts';
import type { QuotaProfile } from '#base/quotas.ts';
import type { NamedMachine } from '#engine/machine.ts';
import type { RuntimeChoice } from '#runtimes/choice.ts';
import { createSlipway, type Slipway } from '#slipway';

export interface TestHouse {
  /** Of the present life; changes with `restart`. */
  readonly slipway: Slipway;
  readonly directory: string;
  readonly endpoint: string;
  /** What clients need, as the official JS clients and boto3 take it. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly region: string;
  readonly account: string;
  /** For child processes: the AWS CLI, boto3, git. Nothing of the machine's own AWS configuration gets in. */
  readonly environment: NodeJS.ProcessEnv;
  restart(): Promise<void>;
  close(): Promise<void>;
}

export interface TestHouseOptions {
  readonly databaseUrl?: string;
  readonly runtime?: RuntimeChoice;
  /** How many builds run at the same time. */
  readonly builds?: number;
  readonly log?: Log;
  /** What the operator set for the server, such as its mail server. */
  readonly serverEnvironment?: NodeJS.ProcessEnv;
  readonly quotas?: QuotaProfile;
  /** The server's clock; `createMovableClock` makes one that a test can put forward. */
  readonly clock?: Clock;
  /** See `SlipwayOptions`. */
  readonly disturb?: (machine: NamedMachine) => void;
}

/** More than fit: tests must not wait for each other's builds. */
const BUILDS_AT_ONCE = 20;
const ACCOUNT = '123456789012';
const REGION = 'us-east-1';
const GRACE_MS = 2_000;

export async function createTestHouse(options: TestHouseOptions = {}): Promise<TestHouse> {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-test-'));
  const open = () =>
    createSlipway({
      directory: join(directory, 'data'),
      host: '127.0.0.1',
      port: 0,
      databaseUrl: options.databaseUrl,
      account: ACCOUNT,
      region: REGION,
      quotas: options.quotas,
      runtime: options.runtime ?? 'sandbox',
      builds: options.builds ?? BUILDS_AT_ONCE,
      environment: options.serverEnvironment ?? {},
      disturb: options.disturb,
      ...(options.clock ? { clock: options.clock } : {}),
      log: options.log ?? testLog(),
    });
  let slipway = await open();
  return {
    get slipway() {
      return slipway;
    },
    directory,
    get endpoint() {
      return slipway.url;
    },
    get credentials() {
      return { ...slipway.rootKey };
    },
    region: REGION,
    account: ACCOUNT,
    get environment() {
      return {
        PATH: process.env['PATH'],
        HOME: directory,
        AWS_ENDPOINT_URL: slipway.url,
        AWS_ACCESS_KEY_ID: slipway.rootKey.accessKeyId,
        AWS_SECRET_ACCESS_KEY: slipway.rootKey.secretAccessKey,
        AWS_REGION: REGION,
        AWS_DEFAULT_REGION: REGION,
        AWS_CONFIG_FILE: '/dev/null',
        AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_PAGER: '',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_TERMINAL_PROMPT: '0',
      };
    },
    async restart() {
      await slipway.close(GRACE_MS);
      slipway = await open();
    },
    async close() {
      await slipway.close(GRACE_MS);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Silent, unless a person wants to see: SLIPWAY_LOG=info npm test -- … */
function testLog(): Log {
  const level = process.env['SLIPWAY_LOG'];
  return level === 'debug' || level === 'info' || level === 'warn' || level === 'error'
    ? createLog((line) => process.stderr.write(`${line}\n`), level)
    : silentLog;
}
