/**
 * Texts and bytes under a data key that was made for them alone: AES-256-GCM, bound to what they belong to. Where the
 * data key comes from, and who opens it, is up to its owner.
 */

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Base64 of nonce, ciphertext and tag. */
export function sealWith(dataKey: Uint8Array, plaintext: Uint8Array, binding: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', dataKey, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(binding));
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]).toString(
    'base64',
  );
}

/** Throws when the text was altered, or sealed with another key or for something else. */
export function openWith(dataKey: Uint8Array, sealed: string, binding: string): Buffer {
  const bytes = Buffer.from(sealed, 'base64');
  const end = bytes.length - TAG_BYTES;
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', dataKey, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(binding));
  decipher.setAuthTag(bytes.subarray(Math.max(end, 0)));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, Math.max(end, 0))), decipher.final()]);
}
