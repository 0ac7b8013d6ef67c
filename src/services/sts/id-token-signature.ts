/**
 * Whether a key has signed a token. The algorithm that the token names must be one for the kind of key it is, so that
 * nobody can choose how a key is used (RFC 8725, "Perform algorithm verification").
 */

import { verify, type KeyObject } from 'node:crypto';
import type { Algorithm, IdToken } from '#core/web-identity/token.ts';

interface Scheme {
  readonly hash: string;
  readonly keyType: 'rsa' | 'ec';
  readonly curve?: string;
  /** Of an elliptic curve's two numbers side by side. */
  readonly signatureBytes?: number;
}

const SCHEMES: Readonly<Record<Algorithm, Scheme>> = {
  RS256: { hash: 'sha256', keyType: 'rsa' },
  RS384: { hash: 'sha384', keyType: 'rsa' },
  RS512: { hash: 'sha512', keyType: 'rsa' },
  ES256: { hash: 'sha256', keyType: 'ec', curve: 'prime256v1', signatureBytes: 64 },
  ES384: { hash: 'sha384', keyType: 'ec', curve: 'secp384r1', signatureBytes: 96 },
};

export function isSignedBy(token: IdToken, key: KeyObject): boolean {
  const { hash, keyType, curve, signatureBytes } = SCHEMES[token.algorithm];
  if (key.type !== 'public' || key.asymmetricKeyType !== keyType) return false;
  if (curve !== undefined && key.asymmetricKeyDetails?.namedCurve !== curve) return false;
  const signature = Buffer.from(token.signature, 'base64url');
  // Decoding is lenient; one signature must have one spelling.
  if (signature.toString('base64url') !== token.signature) return false;
  if (signatureBytes !== undefined && signature.length !== signatureBytes) return false;
  return verify(hash, Buffer.from(token.signed), { key, dsaEncoding: 'ieee-p1363' }, signature);
}
