/**
 * The secrets of the installation. Its keys rest in the data directory, sealed under a root key (`key-bundle.ts`,
 * `root-secret.ts`), and purposes derive their own from them. Sealed texts are AES-256-GCM, versioned, bound to their
 * purpose, and name the key they were sealed with, so that keys can be replaced while older ones go on opening what they
 * sealed. What is derived comes from the founding key always, since it must be the same every time.
 */

import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  bundlePath,
  createBundle,
  FOUNDING_ID,
  readBundle,
  type Bundle,
  type BundleKey,
} from './key-bundle.ts';
import {
  createRootSecret,
  readRootSecret,
  ROOT_BYTES,
  rootSecretPath,
  rootSourceOf,
  type RootSecret,
  type RootSource,
} from './root-secret.ts';

export interface Keyring {
  /** Encrypts for one purpose; `context` must be the same at opening. URL-safe text. */
  seal(purpose: string, plaintext: Uint8Array | string, context?: string): string;
  /** Throws when the text was altered or sealed for another purpose or context. */
  open(purpose: string, sealed: string, context?: string): Buffer;
  /** 32 bytes, the same every time: HMAC of the purpose and text under the founding key. */
  derive(purpose: string, text: string): Buffer;
}

/** What was given to `open` is not what `seal` made for this purpose and context. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken';
}

const FIRST_VERSION = 'v1.';
const NEXT_FORM = /^v2\.([0-9a-f]{16})\./;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SEALED_LENGTH_MAX = 1_000_000;

/**
 * Reads the keys of the directory, or makes them. Throws, and changes nothing, when the root key at hand does not open
 * them.
 */
export function openKeyring(directory: string, environment: NodeJS.ProcessEnv = {}): Keyring {
  const root = openRootSecret(directory, rootSourceOf(environment));
  let bundle = openBundle(directory, root);
  const keys = new Map<string, Buffer>();
  /** Purposes are words in our sources, so there are few. */
  const keyFor = ({ id, key }: BundleKey, purpose: string): Buffer => {
    const name = `${id} ${purpose}`;
    const known = keys.get(name);
    if (known !== undefined) return known;
    const derived = hmac(key, ['seal', purpose]);
    keys.set(name, derived);
    return derived;
  };
  /** Another process may have made a key since, and sealed with it. */
  const find = (id: string): BundleKey => {
    const known = bundle.find((key) => key.id === id);
    if (known !== undefined) return known;
    bundle = readBundle(directory, root) ?? bundle;
    const made = bundle.find((key) => key.id === id);
    if (made === undefined) throw new SealBroken('the text was sealed with a key that is not here');
    return made;
  };
  return {
    seal(purpose, plaintext, context = '') {
      const key = bundle.at(-1) ?? bundle[0];
      const prefix = prefixOf(key.id);
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', keyFor(key, purpose), nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(bindingOf(prefix, purpose, context));
      const body = [nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()];
      return prefix + Buffer.concat(body).toString('base64url');
    },
    open(purpose, sealed, context = '') {
      const { id, prefix, bytes } = unpack(sealed);
      const key = keyFor(find(id), purpose);
      const tagAt = bytes.length - TAG_BYTES;
      const nonce = bytes.subarray(0, NONCE_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(bindingOf(prefix, purpose, context));
      decipher.setAuthTag(bytes.subarray(tagAt));
      const plaintext = decipher.update(bytes.subarray(NONCE_BYTES, tagAt));
      try {
        return Buffer.concat([plaintext, decipher.final()]);
      } catch (cause) {
        throw new SealBroken('the sealed text was altered or belongs to another purpose', { cause });
      }
    },
    derive: (purpose, text) => hmac(bundle[0].key, ['derive', purpose, text]),
  };
}

/** The root key that opens, or will open, the keys of this directory. */
export function openRootSecret(directory: string, source: RootSource): RootSecret {
  const known = readRootSecret(directory, source);
  if (known !== undefined) return known;
  if (source.type === 'directory' && !existsSync(bundlePath(directory)))
    return createRootSecret(directory, rootSecretPath(directory));
  const path = source.type === 'file' ? source.path : rootSecretPath(directory);
  throw new Error(
    `There is no root key in ${path}, and without it nothing that was sealed here can be read. ` +
      'Restore it from a backup, or name the right one with SLIPWAY_KEY_FILE or SLIPWAY_KEY_COMMAND.',
  );
}

/** An installation of before there were bundles sealed with its root key itself: that is its founding key. */
export function openBundle(directory: string, root: RootSecret): Bundle {
  const known = readBundle(directory, root);
  if (known !== undefined) return known;
  const own = readRootSecret(directory, { type: 'directory' });
  if (own !== undefined && own.id !== root.id) {
    throw new Error(
      `${rootSecretPath(directory)} is the root key of ${directory}, and ${root.from} is another one. ` +
        'Nothing was changed. To move to the other one, run: slipway keys rewrap',
    );
  }
  const isFresh = !TRACES.some((name) => existsSync(join(directory, name)));
  if (!isFresh && !root.isRaw) {
    throw new Error(
      `${bundlePath(directory)} is missing, and without it nothing that was sealed here can be read. Restore it from a backup.`,
    );
  }
  const founding = isFresh && own?.isRaw !== true ? randomBytes(ROOT_BYTES) : root.key;
  return createBundle(directory, root, founding, Date.now());
}

/** What a server makes in its data directory after it has opened the keyring. */
const TRACES: readonly string[] = ['credentials', 'slipway.db', 'repositories'];

function prefixOf(id: string): string {
  return id === FOUNDING_ID ? FIRST_VERSION : `v2.${id}.`;
}

function unpack(sealed: string): { readonly id: string; readonly prefix: string; readonly bytes: Buffer } {
  if (sealed.length > SEALED_LENGTH_MAX) throw new SealBroken('this is not a sealed text');
  const id = sealed.startsWith(FIRST_VERSION) ? FOUNDING_ID : NEXT_FORM.exec(sealed)?.[1];
  if (id === undefined) throw new SealBroken('this is not a sealed text');
  const prefix = prefixOf(id);
  const text = sealed.slice(prefix.length);
  const bytes = Buffer.from(text, 'base64url');
  // Decoding is lenient; one sealed text must have one spelling.
  if (bytes.length < NONCE_BYTES + TAG_BYTES || bytes.toString('base64url') !== text) {
    throw new SealBroken('this is not a sealed text');
  }
  return { id, prefix, bytes };
}

function bindingOf(prefix: string, purpose: string, context: string): Buffer {
  return Buffer.from(JSON.stringify([prefix, purpose, context]));
}

/** Parts are framed as JSON, so that no two lists of parts give the same bytes. */
function hmac(key: Buffer, parts: readonly string[]): Buffer {
  return createHmac('sha256', key).update(JSON.stringify(parts)).digest();
}
