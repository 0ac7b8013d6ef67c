/**
 * The keys of the keyring as they rest in `keyring.json`: each sealed under the root key, so that the root key can change,
 * and can live elsewhere, without anything else being sealed anew. While a root key is being replaced the file holds every
 * key under both; whichever of the two the next start finds, opens it. Nothing here is ever removed but seals of a root
 * key that was replaced.
 *
 *   rewrap: seals under old ─▶ under old and new ─▶ the new root key takes its place ─▶ under new
 */

import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createPrivateFile, readPrivateFile, replacePrivateFile } from './private-files.ts';
import type { RootSecret } from './root-secret.ts';

export interface BundleKey {
  /** 16 hexadecimal digits; of the first key `v1`, because texts under it name no key. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly key: Buffer;
}

/** The first key is the founding one; the last is the one that seals. */
export type Bundle = readonly [BundleKey, ...BundleKey[]];

export const FOUNDING_ID = 'v1';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEYS_MAX = 1000;

interface BundleFile {
  readonly version: 1;
  readonly keys: readonly {
    readonly id: string;
    readonly createdAt: number;
    /** By id of the root key. */
    readonly seals: Readonly<Record<string, string>>;
  }[];
}

/** The root key at hand is none of those under which the keys are sealed. */
export class WrongRootKey extends Error {
  override readonly name = 'WrongRootKey';
}

export function bundlePath(directory: string): string {
  return join(directory, 'keyring.json');
}

/** `undefined` when there is no bundle yet. */
export function readBundle(directory: string, root: RootSecret): Bundle | undefined {
  const path = bundlePath(directory);
  const content = readPrivateFile(path);
  if (content === undefined) return undefined;
  const { keys } = parseFile(path, content);
  const [founding, ...rest] = keys.map(({ id, createdAt, seals }): BundleKey => {
    const seal = Object.hasOwn(seals, root.id) ? seals[root.id] : undefined;
    if (seal === undefined) throw wrongKey(root, path);
    return { id, createdAt, key: unsealKey(root, id, seal, path) };
  });
  if (founding?.id !== FOUNDING_ID) throw damaged(path);
  return [founding, ...rest];
}

/** Of several processes that start together all get the same bundle. */
export function createBundle(directory: string, root: RootSecret, founding: Buffer, now: number): Bundle {
  const bundle: Bundle = [{ id: FOUNDING_ID, createdAt: now, key: founding }];
  createPrivateFile(bundlePath(directory), formatFile(bundle, [root]));
  return readBundle(directory, root) ?? bundle;
}

export function createBundleKey(now: number): BundleKey {
  return { id: randomBytes(8).toString('hex'), createdAt: now, key: randomBytes(KEY_BYTES) };
}

/** Under each of the root keys. */
export function writeBundle(directory: string, bundle: Bundle, roots: readonly RootSecret[]): void {
  replacePrivateFile(bundlePath(directory), formatFile(bundle, roots));
}

function formatFile(bundle: Bundle, roots: readonly RootSecret[]): string {
  const file: BundleFile = {
    version: 1,
    keys: bundle.map(({ id, createdAt, key }) => ({
      id,
      createdAt,
      seals: Object.fromEntries(roots.map((root) => [root.id, sealKey(root, id, key)])),
    })),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

function parseFile(path: string, content: Buffer): BundleFile {
  let file: BundleFile;
  try {
    // Written by us, or not at all readable: every seal in it is verified.
    file = JSON.parse(content.toString('utf8')) as BundleFile;
  } catch (cause) {
    throw damaged(path, cause);
  }
  const isOurs = file.version === 1 && Array.isArray(file.keys) && file.keys.length <= KEYS_MAX;
  if (!isOurs || !file.keys.every((key) => typeof key.id === 'string' && typeof key.seals === 'object'))
    throw damaged(path);
  return file;
}

function sealKey(root: RootSecret, id: string, key: Buffer): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', wrappingKey(root), nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(`slipway.keyring:${id}`));
  return Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]).toString('base64');
}

function unsealKey(root: RootSecret, id: string, seal: string, path: string): Buffer {
  const bytes = Buffer.from(seal, 'base64');
  if (bytes.length !== NONCE_BYTES + KEY_BYTES + TAG_BYTES) throw damaged(path);
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', wrappingKey(root), nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(`slipway.keyring:${id}`));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch (cause) {
    throw damaged(path, cause);
  }
}

function wrappingKey(root: RootSecret): Buffer {
  return createHmac('sha256', root.key).update('slipway.root.wrap').digest();
}

function wrongKey(root: RootSecret, path: string): WrongRootKey {
  return new WrongRootKey(
    `The root key from ${root.from} does not open ${path}. Nothing was changed. ` +
      'Name the right one with SLIPWAY_KEY_FILE or SLIPWAY_KEY_COMMAND, or restore it from a backup.',
  );
}

function damaged(path: string, cause?: unknown): Error {
  return new Error(`${path} is damaged. Nothing was changed. Restore it from a backup.`, { cause });
}
