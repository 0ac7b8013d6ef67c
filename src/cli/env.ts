/** `slipway env`: the variables with which the AWS CLI and every SDK reach this installation, and trust its certificate. */

import { existsSync, readFileSync } from 'node:fs';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { readRootKey } from '#store/root-key.ts';
import { authorityPaths } from '#store/tls-authority.ts';
import { type Address, readEndpoint } from './options.ts';

export interface EnvironmentOptions {
  readonly data: string;
  readonly listen?: Address;
  readonly json: boolean;
}

export function printEnvironment(options: EnvironmentOptions): void {
  const variables = environmentOf(options);
  process.stdout.write(
    options.json
      ? `${JSON.stringify(variables)}\n`
      : Object.entries(variables)
          .map(([name, value]) => `export ${name}=${quoted(value)}\n`)
          .join(''),
  );
}

/** Throws when the installation has no key yet. */
export function environmentOf(options: Omit<EnvironmentOptions, 'json'>): Readonly<Record<string, string>> {
  const key =
    process.env['SLIPWAY_ROOT_ACCESS_KEY_ID'] && process.env['SLIPWAY_ROOT_SECRET_ACCESS_KEY']
      ? {
          accessKeyId: process.env['SLIPWAY_ROOT_ACCESS_KEY_ID'],
          secretAccessKey: process.env['SLIPWAY_ROOT_SECRET_ACCESS_KEY'],
        }
      : readRootKey(options.data);
  if (!key)
    throw new Error(`${options.data} holds no installation yet. Start the server once with: slipway serve`);
  const endpoint = options.listen
    ? `${readEndpoint(options.data)?.startsWith('https:') ? 'https' : 'http'}://${options.listen.host.includes(':') ? `[${options.listen.host}]` : options.listen.host}:${options.listen.port}`
    : (readEndpoint(options.data) ?? 'http://127.0.0.1:7600');
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    AWS_REGION: process.env['AWS_REGION'] ?? 'us-east-1',
    AWS_DEFAULT_REGION: process.env['AWS_REGION'] ?? 'us-east-1',
    ...(endpoint.startsWith('https:') ? trustOf(options.data) : {}),
  };
}

/** For commands that speak to the installation themselves, whose process began without being told of its authority. */
export function trustAuthority(directory: string): void {
  const { authority } = authorityPaths(directory);
  if (!existsSync(authority)) return;
  setDefaultCACertificates([...getCACertificates('default'), readFileSync(authority, 'utf8')]);
}

/** How clients come to trust the installation's own authority, where it has one, without losing the public ones. */
function trustOf(directory: string): Readonly<Record<string, string>> {
  const { authority, bundle } = authorityPaths(directory);
  if (!existsSync(bundle)) return {};
  return {
    AWS_CA_BUNDLE: bundle,
    GIT_SSL_CAINFO: bundle,
    SSL_CERT_FILE: bundle,
    NODE_EXTRA_CA_CERTS: authority,
  };
}

/** For `eval` in a POSIX shell. */
function quoted(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}
