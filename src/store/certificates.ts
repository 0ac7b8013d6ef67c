/**
 * X.509 certificates (version 3) for an authority of the installation and for the server that it vouches for. Keys are of
 * the curve P-256, and only what clients check is said: who, by whom, for which names, from when until when, and for what.
 * See RFC 5280.
 */

import { createHash, createSign, randomBytes, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { der, derInteger, derObjectId, pem, TAG } from '#agent/der.ts';

export interface CertificateFacts {
  readonly name: string;
  readonly publicKey: KeyObject;
  readonly issuer: Issuer;
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly until: number;
  readonly kind:
    { readonly type: 'authority' } | { readonly type: 'server'; readonly hosts: readonly string[] };
}

export interface Issuer {
  readonly name: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const ECDSA_WITH_SHA256 = der(TAG.sequence, derObjectId('1.2.840.10045.4.3.2'));
const BOOLEAN = 0x01;
const CONTEXT_3 = 0xa3;
const TRUE = der(BOOLEAN, Buffer.from([0xff]));
/** Bits from the left: signing certificates and their revocations; signatures. */
const SIGNS_CERTIFICATES = Buffer.from([1, 0b0000_0110]);
const SIGNS_MESSAGES = Buffer.from([7, 0b1000_0000]);

/** PEM. */
export function createCertificate(facts: CertificateFacts): string {
  const body = der(
    TAG.sequence,
    der(TAG.context0, derInteger(2)),
    derInteger(Buffer.concat([Buffer.from([0x01]), randomBytes(15)])),
    ECDSA_WITH_SHA256,
    nameOf(facts.issuer.name),
    der(TAG.sequence, timeOf(facts.from), timeOf(facts.until)),
    nameOf(facts.name),
    facts.publicKey.export({ type: 'spki', format: 'der' }),
    der(CONTEXT_3, der(TAG.sequence, ...extensionsOf(facts))),
  );
  const signature = createSign('sha256').update(body).sign(facts.issuer.privateKey);
  return pem(
    'CERTIFICATE',
    der(TAG.sequence, body, ECDSA_WITH_SHA256, der(TAG.bitString, Buffer.from([0]), signature)),
  );
}

function extensionsOf({ publicKey, issuer, kind }: CertificateFacts): readonly Buffer[] {
  const isAuthority = kind.type === 'authority';
  const use = isAuthority ? SIGNS_CERTIFICATES : SIGNS_MESSAGES;
  return [
    extension('2.5.29.19', true, der(TAG.sequence, ...(isAuthority ? [TRUE, derInteger(0)] : []))),
    extension('2.5.29.15', true, der(TAG.bitString, use)),
    extension('2.5.29.14', false, der(TAG.octetString, keyIdOf(publicKey))),
    extension('2.5.29.35', false, der(TAG.sequence, der(0x80, keyIdOf(issuer.publicKey)))),
    ...(isAuthority
      ? []
      : [
          extension('2.5.29.37', false, der(TAG.sequence, derObjectId('1.3.6.1.5.5.7.3.1'))),
          extension('2.5.29.17', false, der(TAG.sequence, ...kind.hosts.map(hostName))),
        ]),
  ];
}

function extension(id: string, isCritical: boolean, value: Buffer): Buffer {
  return der(TAG.sequence, derObjectId(id), ...(isCritical ? [TRUE] : []), der(TAG.octetString, value));
}

/** A name or an address of the server, as SubjectAltName holds them. */
function hostName(host: string): Buffer {
  return isIP(host) === 0 ? der(0x82, Buffer.from(host, 'ascii')) : der(0x87, addressBytes(host));
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  // The URL parser writes every IPv6 address in one way, without the dotted form.
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::');
  const groupsOf = (part: string) => (part === '' ? [] : part.split(':'));
  const [first, last] = [groupsOf(head), groupsOf(tail ?? '')];
  const missing = Array.from({ length: tail === undefined ? 0 : 8 - first.length - last.length }, () => '0');
  return Buffer.from([...first, ...missing, ...last].map((group) => group.padStart(4, '0')).join(''), 'hex');
}

/** SHA-1 of the key's bits, as RFC 5280 proposes; it only tells keys apart. */
function keyIdOf(key: KeyObject): Buffer {
  return createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest();
}

function nameOf(commonName: string): Buffer {
  const attribute = der(TAG.sequence, derObjectId('2.5.4.3'), der(TAG.utf8String, Buffer.from(commonName)));
  return der(TAG.sequence, der(TAG.set, attribute));
}

/** Whole seconds. Until 2049 years have two digits in certificates, afterwards four (RFC 5280, 4.1.2.5). */
function timeOf(at: number): Buffer {
  const date = new Date(at);
  const text = `${date.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`;
  return date.getUTCFullYear() < 2050
    ? der(TAG.utcTime, Buffer.from(text.slice(2)))
    : der(TAG.generalizedTime, Buffer.from(text));
}
