/**
 * Self-signed X.509 certificates for rooms that sign: what a verifier pins, or fetches from us, to know our key. Version
 * 1: it says whose key this is, and nothing more is asked of it.
 */

import { createSign, randomBytes, type KeyObject } from 'node:crypto';
import { der, derInteger, derObjectId, pem, TAG } from '#agent/der.ts';

const VALIDITY_YEARS = 30;
const SHA256_WITH_RSA = der(TAG.sequence, derObjectId('1.2.840.113549.1.1.11'), der(TAG.null));

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** PEM. `now` in milliseconds since the epoch. */
export function selfSign(commonName: string, { publicKey, privateKey }: KeyPair, now: number): string {
  const attribute = der(TAG.sequence, derObjectId('2.5.4.3'), der(TAG.utf8String, Buffer.from(commonName)));
  const name = der(TAG.sequence, der(TAG.set, attribute));
  const start = new Date(now);
  const end = new Date(start);
  end.setUTCFullYear(start.getUTCFullYear() + VALIDITY_YEARS);
  const body = der(
    TAG.sequence,
    derInteger(Buffer.concat([Buffer.from([0x01]), randomBytes(15)])),
    SHA256_WITH_RSA,
    name,
    der(TAG.sequence, timeOf(start), timeOf(end)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = createSign('sha256').update(body).sign(privateKey);
  const whole = der(TAG.sequence, body, SHA256_WITH_RSA, der(TAG.bitString, Buffer.from([0]), signature));
  return pem('CERTIFICATE', whole);
}

function timeOf(date: Date): Buffer {
  const text = date.toISOString().replace(/[-:T]|\.\d{3}/g, '');
  // Until 2049 years have two digits in certificates, afterwards four (RFC 5280, 4.1.2.5).
  return date.getUTCFullYear() < 2050
    ? der(TAG.utcTime, Buffer.from(text.slice(2)))
    : der(TAG.generalizedTime, Buffer.from(text));
}
