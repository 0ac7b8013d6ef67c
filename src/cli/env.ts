/** `slipway env`: the four variables with which the AWS CLI and every SDK reach this installation. */

import { readRootKey } from '#store/root-key.ts';
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
    ? `http://${options.listen.host.includes(':') ? `[${options.listen.host}]` : options.listen.host}:${options.listen.port}`
    : (readEndpoint(options.data) ?? 'http://127.0.0.1:7600');
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    AWS_REGION: process.env['AWS_REGION'] ?? 'us-east-1',
    AWS_DEFAULT_REGION: process.env['AWS_REGION'] ?? 'us-east-1',
  };
}

/** For `eval` in a POSIX shell. */
function quoted(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}
