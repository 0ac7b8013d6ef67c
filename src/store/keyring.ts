/**
 * The secrets of the installation, in the data directory with mode 0600, made at the first start: one master key
 * from which purposes derive their own. Sealed texts are AES-256-GCM, versioned, and bound to their purpose.
 */

import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

export interface Keyring {
  /** Encrypts for one purpose; `context` must be the same at opening. URL-safe text. */
  seal(purpose: string, plaintext: Uint8Array | string, context?: string): string;
  /** Throws when the text was altered or sealed for another purpose or context. */
  open(purpose: string, sealed: string, context?: string): Buffer;
  /** 32 bytes, the same every time: HMAC of the purpose and text under the master key. */
  derive(purpose: string, text: string): Buffer;
}

/** What was given to `open` is not what `seal` made for this purpose and context. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken';
}

const VERSION = 'v1.';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SEALED_LENGTH_MAX = 1_000_000;

/** Reads the master key of the directory, or makes it. Two processes that start together end with the same key. */
export function openKeyring(directory: string): Keyring {
  const path = join(directory, 'master.key');
  const master = readMasterKey(path) ?? createMasterKey(directory, path);
  const keys = new Map<string, Buffer>();
  /** Purposes are words in our sources, so there are few. */
  const keyFor = (purpose: string): Buffer => {
    const known = keys.get(purpose);
    if (known !== undefined) return known;
    const key = hmac(master, ['seal', purpose]);
    keys.set(purpose, key);
    return key;
  };
  return {
    seal(purpose, plaintext, context = '') {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', keyFor(purpose), nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(bindingOf(purpose, context));
      const body = [nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()];
      return VERSION + Buffer.concat(body).toString('base64url');
    },
    open(purpose, sealed, context = '') {
      const bytes = unpack(sealed);
      const tagAt = bytes.length - TAG_BYTES;
      const nonce = bytes.subarray(0, NONCE_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', keyFor(purpose), nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(bindingOf(purpose, context));
      decipher.setAuthTag(bytes.subarray(tagAt));
      const plaintext = decipher.update(bytes.subarray(NONCE_BYTES, tagAt));
      try {
        return Buffer.concat([plaintext, decipher.final()]);
      } catch (cause) {
        throw new SealBroken('the sealed text was altered or belongs to another purpose', { cause });
      }
    },
    derive: (purpose, text) => hmac(master, ['derive', purpose, text]),
  };
}

function unpack(sealed: string): Buffer {
  if (!sealed.startsWith(VERSION) || sealed.length > SEALED_LENGTH_MAX) {
    throw new SealBroken('this is not a sealed text');
  }
  const text = sealed.slice(VERSION.length);
  const bytes = Buffer.from(text, 'base64url');
  // Decoding is lenient; one sealed text must have one spelling.
  if (bytes.length < NONCE_BYTES + TAG_BYTES || bytes.toString('base64url') !== text) {
    throw new SealBroken('this is not a sealed text');
  }
  return bytes;
}

function bindingOf(purpose: string, context: string): Buffer {
  return Buffer.from(JSON.stringify([VERSION, purpose, context]));
}

/** Parts are framed as JSON, so that no two lists of parts give the same bytes. */
function hmac(key: Buffer, parts: readonly string[]): Buffer {
  return createHmac('sha256', key).update(JSON.stringify(parts)).digest();
}

function readMasterKey(path: string): Buffer | undefined {
  let key: Buffer;
  try {
    key = readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  if (key.length !== KEY_BYTES) {
    throw new Error(`${path} is not a master key of ${KEY_BYTES} bytes. Restore it from a backup.`);
  }
  if ((statSync(path).mode & 0o077) !== 0) {
    throw new Error(`${path} can be read by others on this machine. Run: chmod 600 ${path}`);
  }
  return key;
}

/** Written aside and flushed, then linked to its name, which fails if another process was faster. */
function createMasterKey(directory: string, path: string): Buffer {
  const aside = `${path}.${randomBytes(6).toString('hex')}`;
  const file = openSync(aside, 'wx', 0o600);
  try {
    writeSync(file, randomBytes(KEY_BYTES));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  try {
    linkSync(aside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(aside);
  }
  syncDirectory(directory);
  const key = readMasterKey(path);
  if (key === undefined) throw new Error(`${path} could not be made.`);
  return key;
}

function syncDirectory(directory: string): void {
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
