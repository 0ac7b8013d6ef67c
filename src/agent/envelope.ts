/**
 * The envelope in which a deployment specification travels: PKCS #7 SignedData with the content and the signer's
 * certificate inside (RFC 2315), as PEM. AWS's own agent reads it without minding the signature; ours takes only what
 * the pinned signer has signed, so that nobody else can tell a host what to run. `sealEnvelope` is the server's half.
 */

import { createHash, createSign, createVerify, X509Certificate, type KeyObject } from 'node:crypto';
import { der, derInteger, derObjectId, fromPem, inside, pem, readDer, TAG, type DerValue } from './der.ts';

const OID = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  sha256: '2.16.840.1.101.3.4.2.1',
  rsa: '1.2.840.113549.1.1.1',
} as const;

const DER_NULL = der(TAG.null);
const SHA256 = der(TAG.sequence, derObjectId(OID.sha256), DER_NULL);

export const ENVELOPE_FORMAT = 'PKCS7/JSON';

export interface OpenedEnvelope {
  readonly content: string;
  /** PEM of the certificate that came along; it has signed the content. Whether it is to be trusted is not said. */
  readonly certificate: string;
}

/** No signed attributes: the signature is over the content itself, which every known agent understands. */
export function sealEnvelope(content: string, certificate: string, key: KeyObject): string {
  const bytes = Buffer.from(content);
  const certificateDer = new X509Certificate(certificate).raw;
  const { issuer, serial } = identityOf(certificateDer);
  const signature = createSign('sha256').update(bytes).sign(key);
  const signerInfo = der(
    TAG.sequence,
    derInteger(1),
    der(TAG.sequence, issuer, serial),
    SHA256,
    der(TAG.sequence, derObjectId(OID.rsa), DER_NULL),
    der(TAG.octetString, signature),
  );
  const signedData = der(
    TAG.sequence,
    derInteger(1),
    der(TAG.set, SHA256),
    der(TAG.sequence, derObjectId(OID.data), der(TAG.context0, der(TAG.octetString, bytes))),
    der(TAG.context0, certificateDer),
    der(TAG.set, signerInfo),
  );
  return pem('PKCS7', der(TAG.sequence, derObjectId(OID.signedData), der(TAG.context0, signedData)));
}

/** Throws when the envelope is not one, was altered, or was signed by another key than the certificate's. */
export function openEnvelope(payload: string): OpenedEnvelope {
  const [outer] = readDer(fromPem('PKCS7', payload));
  const [type, wrapped] = inside(outer, TAG.sequence, 'envelope');
  expect(type, OID.signedData, 'envelope');
  const [signedData] = inside(wrapped, TAG.context0, 'signed data');
  const [, , encapsulated, certificates, signers] = inside(signedData, TAG.sequence, 'signed data');
  const [contentType, contentWrapped] = inside(encapsulated, TAG.sequence, 'content');
  expect(contentType, OID.data, 'content');
  const [octets] = inside(contentWrapped, TAG.context0, 'content');
  if (octets?.tag !== TAG.octetString) throw new Error('The content of the envelope is missing.');
  const [certificateValue] = inside(certificates, TAG.context0, 'certificate of the signer');
  if (!certificateValue) throw new Error('The certificate of the signer is missing.');
  const certificate = new X509Certificate(certificateValue.whole);
  const [signer, ...others] = inside(signers, TAG.set, 'signer');
  if (others.length > 0) throw new Error('The envelope has more than one signer.');
  verify(signer, octets.content, certificate);
  return { content: octets.content.toString('utf8'), certificate: pem('CERTIFICATE', certificate.raw) };
}

/** SHA-256 of the certificate, as 64 hexadecimal digits. */
export function fingerprintOf(certificate: string): string {
  return createHash('sha256').update(new X509Certificate(certificate).raw).digest('hex');
}

function verify(signer: DerValue | undefined, content: Buffer, certificate: X509Certificate): void {
  const [, , digest, algorithm, signature] = inside(signer, TAG.sequence, 'signer');
  expect(inside(digest, TAG.sequence, 'digest algorithm')[0], OID.sha256, 'digest algorithm');
  expect(inside(algorithm, TAG.sequence, 'signature algorithm')[0], OID.rsa, 'signature algorithm');
  if (signature?.tag !== TAG.octetString) throw new Error('The signature of the envelope is missing.');
  const isGood = createVerify('sha256').update(content).verify(certificate.publicKey, signature.content);
  if (!isGood) throw new Error('The signature of the envelope does not fit its content.');
}

function expect(value: DerValue | undefined, objectId: string, what: string): void {
  if (value && value.whole.equals(derObjectId(objectId))) return;
  throw new Error(`The ${what} is of an unknown kind.`);
}

/** Issuer and serial number out of a certificate: what a signer is named by. */
function identityOf(certificate: Buffer): { readonly issuer: Buffer; readonly serial: Buffer } {
  const [outer] = readDer(certificate);
  const [body] = inside(outer, TAG.sequence, 'certificate');
  const members = inside(body, TAG.sequence, 'certificate');
  const [serial, , issuer] = members[0]?.tag === TAG.context0 ? members.slice(1) : members;
  if (!serial || !issuer) throw new Error('The certificate of the signer is not whole.');
  return { issuer: issuer.whole, serial: serial.whole };
}
