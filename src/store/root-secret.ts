/**
 * The root of all encryption: 32 bytes that open the keyring, and nothing else. They are made at the first start and rest
 * in the data directory, unless the operator keeps them elsewhere: in a file of another place (`SLIPWAY_KEY_FILE`), or
 * behind a command that prints them (`SLIPWAY_KEY_COMMAND`), such as one that asks a vault.
 */

import { spawnSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createPrivateFile, readPrivateFile } from './private-files.ts';

export type RootSource =
  | { readonly type: 'directory' }
  | { readonly type: 'file'; readonly path: string }
  | { readonly type: 'command'; readonly command: string };

export interface RootSecret {
  readonly key: Buffer;
  /** Tells keys apart, and nothing about them. */
  readonly id: string;
  /** For people: where it came from. */
  readonly from: string;
  /** Bytes, and not a line of text: so were the keys of before there were bundles. */
  readonly isRaw: boolean;
}

export const ROOT_BYTES = 32;
const COMMAND_MS_MAX = 30_000;
const OUTPUT_BYTES_MAX = 4096;

/** What the operator's environment says; `SLIPWAY_KEY_FILE` and `SLIPWAY_KEY_COMMAND` exclude each other. */
export function rootSourceOf(environment: NodeJS.ProcessEnv): RootSource {
  const path = environment['SLIPWAY_KEY_FILE'];
  const command = environment['SLIPWAY_KEY_COMMAND'];
  if (path && command) throw new Error('Set SLIPWAY_KEY_FILE or SLIPWAY_KEY_COMMAND, not both.');
  if (path) return { type: 'file', path };
  return command ? { type: 'command', command } : { type: 'directory' };
}

export function rootSecretPath(directory: string): string {
  return join(directory, 'master.key');
}

/** `undefined` only for a file that is not there. */
export function readRootSecret(directory: string, source: RootSource): RootSecret | undefined {
  switch (source.type) {
    case 'directory':
      return readFrom(rootSecretPath(directory));
    case 'file':
      return readFrom(source.path);
    case 'command':
      return rootSecretOf(runCommand(source.command), `the command of SLIPWAY_KEY_COMMAND`);
  }
}

/** A new one, in a file that nobody has yet; of several processes that start together all get the same. */
export function createRootSecret(directory: string, path: string): RootSecret {
  createPrivateFile(path, `${randomBytes(ROOT_BYTES).toString('hex')}\n`);
  const made = readFrom(path);
  if (made === undefined) throw new Error(`${path} could not be made in ${directory}.`);
  return made;
}

export function rootSecretOf(content: Buffer, from: string): RootSecret {
  const key = parseKey(content);
  if (key === undefined) {
    throw new Error(
      `${from} is not a master key of ${ROOT_BYTES} bytes (as they are, or in hexadecimal or base64). Restore it from a backup.`,
    );
  }
  const id = createHmac('sha256', key).update('slipway.root.id').digest('hex').slice(0, 16);
  return { key, id, from, isRaw: content.length === ROOT_BYTES };
}

function readFrom(path: string): RootSecret | undefined {
  const content = readPrivateFile(path);
  return content && rootSecretOf(content, path);
}

/** The 32 bytes themselves, or one line of text that spells them. */
function parseKey(content: Buffer): Buffer | undefined {
  if (content.length === ROOT_BYTES) return content;
  const text = content.toString('latin1').trim();
  const bytes = /^[0-9a-fA-F]{64}$/.test(text)
    ? Buffer.from(text, 'hex')
    : /^[A-Za-z0-9+/_-]{43}=?$/.test(text)
      ? Buffer.from(text, 'base64')
      : undefined;
  return bytes?.length === ROOT_BYTES ? bytes : undefined;
}

/** By the shell, as the operator wrote it. What it complains about goes where our own complaints go. */
function runCommand(command: string): Buffer {
  const { status, signal, stdout, error } = spawnSync('/bin/sh', ['-c', command], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: COMMAND_MS_MAX,
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  if (error || status !== 0) {
    const how = error ? error.message : signal ? `was ended by ${signal}` : `ended with ${status}`;
    throw new Error(`The command of SLIPWAY_KEY_COMMAND gave no key: ${how}.`, { cause: error });
  }
  return stdout;
}
