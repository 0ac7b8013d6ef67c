/**
 * The root access key of the installation: made at the first start and kept in the data directory in the AWS
 * shared-credentials format, so that `AWS_SHARED_CREDENTIALS_FILE=<data>/credentials` works as it is. The
 * environment of the server may set the key instead; then nothing is written.
 */

import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createIamId } from '#base/chance.ts';

export interface RootKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/**
 * Reads the key, or makes it. Throws when the file is there but does not hold a key. Who may not make it gets one that
 * nobody knows when there is none: for a node that nobody can call.
 */
export function openRootKey(directory: string, environment: NodeJS.ProcessEnv, mayMake = true): RootKey {
  const accessKeyId = environment['SLIPWAY_ROOT_ACCESS_KEY_ID'];
  const secretAccessKey = environment['SLIPWAY_ROOT_SECRET_ACCESS_KEY'];
  if (accessKeyId && secretAccessKey) return { accessKeyId, secretAccessKey };
  if (accessKeyId || secretAccessKey) {
    throw new Error('Set both SLIPWAY_ROOT_ACCESS_KEY_ID and SLIPWAY_ROOT_SECRET_ACCESS_KEY, or neither.');
  }
  return readRootKey(directory) ?? (mayMake ? createRootKey(directory) : inventKey());
}

/** The key in the file, or `undefined` when there is no file yet. */
export function readRootKey(directory: string): RootKey | undefined {
  const path = rootKeyPath(directory);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const key = parseCredentials(text);
  if (!key)
    throw new Error(`${path} holds no access key. Restore it, or remove it to let a new key be made.`);
  return { accessKeyId: key.accessKeyId, secretAccessKey: key.secretAccessKey };
}

/** The first profile of an AWS shared-credentials file; `undefined` when it holds no whole key. */
export function parseCredentials(text: string): (RootKey & { readonly sessionToken?: string }) | undefined {
  const member = (name: string) => new RegExp(`^\\s*${name}\\s*=\\s*(\\S+)\\s*$`, 'm').exec(text)?.[1];
  const accessKeyId = member('aws_access_key_id');
  const secretAccessKey = member('aws_secret_access_key');
  const sessionToken = member('aws_session_token');
  if (!accessKeyId || !secretAccessKey) return undefined;
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}

export function rootKeyPath(directory: string): string {
  return join(directory, 'credentials');
}

function inventKey(): RootKey {
  return { accessKeyId: createIamId('AKIA'), secretAccessKey: randomBytes(30).toString('base64') };
}

function createRootKey(directory: string): RootKey {
  const key = inventKey();
  const text =
    '# The root access key of this Slipway installation. Whoever has it may do everything.\n' +
    `[default]\naws_access_key_id = ${key.accessKeyId}\naws_secret_access_key = ${key.secretAccessKey}\n`;
  const path = rootKeyPath(directory);
  const file = openSync(`${path}.new`, 'w', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.new`, path);
  return key;
}
