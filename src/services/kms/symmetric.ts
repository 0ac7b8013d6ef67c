/**
 * Symmetric encryption: AES-256-GCM under a key of its own for every blob (HKDF-SHA-256 of the material and the blob's
 * salt), so the nonce may be fixed. Header and encryption context are authenticated with the text.
 */

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { encodeHeader, parseCiphertext, TAG_BYTES, type ParsedCiphertext } from '#core/key/ciphertext.ts';
import { contextBytes, type EncryptionContext } from '#core/key/encryption-context.ts';

const CIPHER = 'aes-256-gcm';
const INFO = 'slipway kms ciphertext v1';
const NONCE = Buffer.alloc(12);
const SALT_BYTES = 16;

export function seal(
  material: Buffer,
  keyId: string,
  number: number,
  plaintext: Uint8Array,
  context: EncryptionContext,
): Buffer {
  const salt = randomBytes(SALT_BYTES);
  const header = encodeHeader({ keyId, material: number, salt });
  const cipher = createCipheriv(CIPHER, keyOf(material, salt), NONCE, { authTagLength: TAG_BYTES });
  cipher.setAAD(bindingOf(header, context));
  return Buffer.concat([header, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** `undefined` when blob or context are not what was sealed. */
export function open(
  material: Buffer,
  blob: ParsedCiphertext,
  context: EncryptionContext,
): Buffer | undefined {
  const tagAt = blob.body.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, keyOf(material, blob.salt), NONCE, { authTagLength: TAG_BYTES });
  decipher.setAAD(bindingOf(blob.header, context));
  decipher.setAuthTag(blob.body.subarray(tagAt));
  const plaintext = decipher.update(blob.body.subarray(0, tagAt));
  try {
    return Buffer.concat([plaintext, decipher.final()]);
  } catch (error) {
    // The one thing that `final` says: the tag does not fit. Which part was altered must not be told.
    if ((error as Error).message.includes('unable to authenticate')) return undefined;
    throw error;
  }
}

export { parseCiphertext };

function keyOf(material: Buffer, salt: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', material, salt, INFO, 32));
}

function bindingOf(header: Uint8Array, context: EncryptionContext): Buffer {
  return Buffer.concat([header, contextBytes(context)]);
}
