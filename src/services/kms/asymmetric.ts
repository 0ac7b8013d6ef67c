/** Key pairs and MACs at work. Private keys come as PKCS #8 and are used once. */

import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  privateDecrypt,
  privateEncrypt,
  publicEncrypt,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import { fault } from '#base/fault.ts';
import type { EncryptionAlgorithm, MacAlgorithm, SigningAlgorithm } from '#core/key/specs.ts';

/** PKCS #1's DigestInfo before the digest itself. See RFC 8017, section 9.2, note 1. */
const DIGEST_INFOS: Readonly<Record<string, string>> = {
  sha256: '3031300d060960864801650304020105000420',
  sha384: '3041300d060960864801650304020205000430',
  sha512: '3051300d060960864801650304020305000440',
};
const DIGEST_BYTES: Readonly<Record<string, number>> = { sha256: 32, sha384: 48, sha512: 64 };

export function publicKeyOf(material: Buffer): Buffer {
  return createPublicKey(privateKeyOf(material)).export({ format: 'der', type: 'spki' });
}

function privateKeyOf(material: Buffer): KeyObject {
  return createPrivateKey({ key: material, format: 'der', type: 'pkcs8' });
}

function oaep(algorithm: EncryptionAlgorithm) {
  const oaepHash = algorithm === 'RSAES_OAEP_SHA_1' ? 'sha1' : 'sha256';
  return { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash };
}

export function sealWithPair(
  material: Buffer,
  algorithm: EncryptionAlgorithm,
  plaintext: Uint8Array,
): Buffer {
  const key = createPublicKey(privateKeyOf(material));
  const options = oaep(algorithm);
  const modulusBytes = (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  const bytesMax = modulusBytes - 2 * (options.oaepHash === 'sha1' ? 20 : 32) - 2;
  if (plaintext.length > bytesMax) {
    const message = `Plaintext cannot be longer than ${bytesMax} bytes with this key and ${algorithm}.`;
    throw fault('ValidationException', message);
  }
  return publicEncrypt({ key, ...options }, plaintext);
}

/** `undefined` when it does not open. */
export function openWithPair(
  material: Buffer,
  algorithm: EncryptionAlgorithm,
  blob: Uint8Array,
): Buffer | undefined {
  try {
    return privateDecrypt({ key: privateKeyOf(material), ...oaep(algorithm) }, blob);
  } catch (error) {
    // OpenSSL says in many ways that a ciphertext is none of this key; how, must not be told.
    if ((error as NodeJS.ErrnoException).code?.startsWith('ERR_OSSL_') === true) return undefined;
    throw error;
  }
}

export interface Message {
  readonly bytes: Uint8Array;
  readonly isDigest: boolean;
}

export function signMessage(material: Buffer, algorithm: SigningAlgorithm, message: Message): Buffer {
  const key = privateKeyOf(material);
  if (!message.isDigest) return sign(hashOf(algorithm), message.bytes, signOptions(key, algorithm));
  const padded = digestInfo(algorithm, message.bytes);
  return privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, padded);
}

/** A digest is verified as it is signed: PKCS #1 signatures of a digest have one form. */
export function verifyMessage(
  material: Buffer,
  algorithm: SigningAlgorithm,
  message: Message,
  signature: Uint8Array,
): boolean {
  if (message.isDigest) {
    return signMessage(material, algorithm, message).equals(signature);
  }
  const key = createPublicKey(privateKeyOf(material));
  return verify(hashOf(algorithm), message.bytes, signOptions(key, algorithm), signature);
}

function hashOf(algorithm: SigningAlgorithm): string | null {
  return algorithm === 'ED25519_SHA_512' ? null : `sha${algorithm.slice(-3)}`;
}

function signOptions(key: KeyObject, algorithm: SigningAlgorithm) {
  if (!algorithm.startsWith('RSASSA_PSS')) return { key };
  return {
    key,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  };
}

function digestInfo(algorithm: SigningAlgorithm, digest: Uint8Array): Buffer {
  const hash = hashOf(algorithm) ?? '';
  const info = DIGEST_INFOS[hash];
  if (!algorithm.startsWith('RSASSA_PKCS1') || info === undefined) {
    const text = `Signing a digest is not supported with ${algorithm}; send the message with MessageType RAW.`;
    throw fault('UnsupportedOperationException', text);
  }
  if (digest.length !== DIGEST_BYTES[hash]) {
    throw fault('ValidationException', `Digest is invalid length for algorithm ${algorithm}.`);
  }
  return Buffer.concat([Buffer.from(info, 'hex'), digest]);
}

export function macOf(material: Buffer, algorithm: MacAlgorithm, message: Uint8Array): Buffer {
  return createHmac(`sha${algorithm.slice(-3)}`, material)
    .update(message)
    .digest();
}
