/**
 * `slipway agent`: the deploy agent of a host, until SIGTERM. Credentials come from the environment or a file, never from
 * the command line. Killing it is harmless: scripts go on, and the next start goes on with their commands.
 */

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { runAgent } from '#agent/agent.ts';
import { createLog } from '#base/log.ts';
import { parseCredentials } from '#store/root-key.ts';
import type { SigningCredentials } from '#wire/sign.ts';

export interface AgentOptions {
  readonly endpoint: string;
  readonly name: string;
  readonly root: string;
  readonly region: string;
  readonly credentials?: string;
}

export async function agent(options: AgentOptions): Promise<void> {
  const url = URL.canParse(options.endpoint) ? new URL(options.endpoint) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new Error(`${options.endpoint} is not a URL. Write it like http://127.0.0.1:7600.`);
  }
  const ending = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => ending.abort());
  await runAgent({
    endpoint: options.endpoint,
    region: options.region,
    credentials: options.credentials ? fileCredentials(options.credentials) : environmentCredentials(),
    name: options.name,
    root: resolve(options.root),
    log: createLog((line) => process.stderr.write(`${line}\n`), 'info'),
    signal: ending.signal,
  });
}

function environmentCredentials(): SigningCredentials {
  const accessKeyId = process.env['AWS_ACCESS_KEY_ID'];
  const secretAccessKey = process.env['AWS_SECRET_ACCESS_KEY'];
  const sessionToken = process.env['AWS_SESSION_TOKEN'];
  if (!accessKeyId || !secretAccessKey) {
    throw new Error(
      'No credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a file with --credentials.',
    );
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}

function fileCredentials(path: string): SigningCredentials {
  const credentials = parseCredentials(readFileSync(path, 'utf8'));
  if (!credentials) throw new Error(`${path} holds no aws_access_key_id and aws_secret_access_key.`);
  return credentials;
}
