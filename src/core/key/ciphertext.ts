/**
 * The form of a ciphertext blob, which names everything needed to open it but the key itself. Opaque to callers. Pure:
 * the sealing itself is done in the kms room.
 *
 *   version (1) │ algorithm (1) │ key id (16) │ material number (4) │ salt (16) │ ciphertext │ tag (16, symmetric only)
 *   └──────────────── header: authenticated together with the encryption context ───────────┘
 */

export interface CiphertextHeader {
  readonly keyId: string;
  /** Which of the key's materials sealed it. */
  readonly material: number;
  /** Gives each blob a cipher key of its own, so that nonces can never meet. */
  readonly salt: Uint8Array;
}

export interface ParsedCiphertext extends CiphertextHeader {
  /** The header's own bytes. */
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

const VERSION = 1;
/** AES-256-GCM under HKDF-SHA-256 of the material and the salt. */
const ALGORITHM = 1;
const SALT_BYTES = 16;
const HEADER_BYTES = 1 + 1 + 16 + 4 + SALT_BYTES;
export const TAG_BYTES = 16;
const KEY_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isKeyId(text: string): boolean {
  return KEY_ID.test(text);
}

export function encodeHeader({ keyId, material, salt }: CiphertextHeader): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  header[0] = VERSION;
  header[1] = ALGORITHM;
  const digits = keyId.replaceAll('-', '');
  for (let i = 0; i < 16; i++) header[2 + i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  new DataView(header.buffer).setUint32(18, material);
  header.set(salt.subarray(0, SALT_BYTES), 22);
  return header;
}

/** `undefined` for what no key of ours can have made. */
export function parseCiphertext(blob: Uint8Array): ParsedCiphertext | undefined {
  if (blob.length < HEADER_BYTES + TAG_BYTES || blob[0] !== VERSION || blob[1] !== ALGORITHM)
    return undefined;
  const digits = Array.from(blob.subarray(2, 18), (byte) => byte.toString(16).padStart(2, '0')).join('');
  const keyId = [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20),
  ].join('-');
  return {
    keyId,
    material: new DataView(blob.buffer, blob.byteOffset, blob.byteLength).getUint32(18),
    salt: blob.subarray(22, HEADER_BYTES),
    header: blob.subarray(0, HEADER_BYTES),
    body: blob.subarray(HEADER_BYTES),
  };
}
