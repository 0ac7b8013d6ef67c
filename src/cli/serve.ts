/**
 * `slipway serve`: the server until SIGTERM or SIGINT. Standard output gets exactly one line, when it can serve;
 * logs go to standard error as JSON lines. The first signal drains, a second one ends at once.
 */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TlsIdentity } from '#gateway/server.ts';
import { createSlipway } from '#slipway';
import { openLog, parseBuilds, parseRuntime, signalled } from './long-running.ts';
import { type Address, isLoopback, parseQuotas } from './options.ts';

export interface ServeOptions {
  readonly data: string;
  readonly listen: Address;
  readonly database?: string;
  readonly runtime: string;
  readonly quotas: string;
  readonly insecureListen: boolean;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly builds: string;
  readonly scratch?: string;
}

const DRAIN_MS_MAX = 8_000;

export async function serve(options: ServeOptions): Promise<void> {
  const tls = readTls(options);
  if (!isLoopback(options.listen.host) && !options.insecureListen && !tls) {
    throw new Error(
      `Listening on ${options.listen.host} without TLS would send secrets in the clear. ` +
        'Name a certificate with --tls-cert and --tls-key, listen on 127.0.0.1, or allow it with --insecure-listen.',
    );
  }
  const runtime = parseRuntime(options.runtime);
  const databaseUrl = options.database ?? process.env['SLIPWAY_DATABASE_URL'];
  const builds = options.builds === 'off' ? 'off' : parseBuilds(options.builds);
  if (builds === 'off' && databaseUrl === undefined) {
    throw new Error('With --builds off, workers run the builds, and they need PostgreSQL: see --database.');
  }
  mkdirSync(options.data, { recursive: true, mode: 0o700 });
  chmodSync(options.data, 0o700);
  const log = openLog();
  const slipway = await createSlipway({
    directory: options.data,
    host: options.listen.host,
    port: options.listen.port,
    tls,
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
  process.stdout.write(`slipway ready ${slipway.url}\n`);
  await signalled(log);
  rmSync(note, { force: true });
  await slipway.close(DRAIN_MS_MAX);
  // Whatever a library still holds open must not outlive the drain.
  process.exit(0);
}

/** Wrong files are told of now, and not by the first client that fails. */
function readTls({ tlsCert, tlsKey }: ServeOptions): TlsIdentity | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new Error('TLS needs both --tls-cert and --tls-key.');
  }
  const certificate = readFileSync(tlsCert, 'utf8');
  const key = readFileSync(tlsKey, 'utf8');
  if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) {
    throw new Error(`The key in ${tlsKey} is not that of the certificate in ${tlsCert}.`);
  }
  return { certificate, key };
}
