/**
 * `slipway serve`: the server until SIGTERM or SIGINT. Standard output gets exactly one line, when it can serve;
 * logs go to standard error as JSON lines. The first signal drains, a second one ends at once.
 */

import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import { createSlipway, type Slipway } from '#slipway';
import { openLog, parseBuilds, parseRuntime, signalled } from './long-running.ts';
import { type Address, isLoopback, parseQuotas } from './options.ts';
import { tlsSourceOf, type TlsSource } from './tls.ts';

export interface ServeOptions {
  readonly data: string;
  readonly listen: Address;
  readonly database?: string;
  readonly runtime: string;
  readonly quotas: string;
  readonly insecureListen: boolean;
  readonly tls?: string;
  readonly tlsName?: readonly string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly builds: string;
  readonly scratch?: string;
}

const DRAIN_MS_MAX = 8_000;
const RENEW_MS = 6 * 3_600_000;

export async function serve(options: ServeOptions): Promise<void> {
  const tls = tlsSourceOf(options);
  if (!isLoopback(options.listen.host) && !options.insecureListen && !tls) {
    throw new Error(
      `Listening on ${options.listen.host} without TLS would send secrets in the clear. ` +
        'Say --tls auto, name a certificate with --tls-cert and --tls-key, listen on 127.0.0.1, or allow it with --insecure-listen.',
    );
  }
  const runtime = parseRuntime(options.runtime);
  const databaseUrl = options.database ?? process.env['SLIPWAY_DATABASE_URL'];
  const builds = parseBuilds(options.builds);
  if (builds === 0 && databaseUrl === undefined) {
    throw new Error('Without builds here, workers run them, and they need PostgreSQL: see --database.');
  }
  mkdirSync(options.data, { recursive: true, mode: 0o700 });
  chmodSync(options.data, 0o700);
  const log = openLog();
  const slipway = await createSlipway({
    directory: options.data,
    host: options.listen.host,
    port: options.listen.port,
    tls: tls?.read(Date.now()),
    databaseUrl,
    builds,
    scratch: options.scratch,
    account: process.env['SLIPWAY_ACCOUNT_ID'] ?? '123456789012',
    region: process.env['AWS_REGION'] ?? 'us-east-1',
    quotas: parseQuotas(options.quotas),
    runtime,
    environment: process.env,
    log,
  });
  const note = join(options.data, 'endpoint');
  writeFileSync(note, `${slipway.url}\n`, { mode: 0o600 });
  // Whoever reads the line may end us at once.
  const signal = signalled(log);
  if (tls) keepTls(slipway, tls, log);
  process.stdout.write(`slipway ready ${slipway.url}\n`);
  await signal;
  rmSync(note, { force: true });
  await slipway.close(DRAIN_MS_MAX);
  // Whatever a library still holds open must not outlive the drain.
  process.exit(0);
}

/** Reads the certificate anew when told to, and every few hours; one that would not serve leaves the present one. */
function keepTls(slipway: Slipway, tls: TlsSource, log: Log): void {
  const renew = () => {
    try {
      slipway.renewTls(tls.read(Date.now()));
      log.info('the certificate was read anew');
    } catch (error) {
      log.error('the new certificate cannot be used; the present one stays', { error });
    }
  };
  const again = () => {
    renew();
    systemClock.callAt(Date.now() + RENEW_MS, again);
  };
  systemClock.callAt(Date.now() + RENEW_MS, again);
  process.on('SIGHUP', renew);
}
