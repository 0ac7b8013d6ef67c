import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import forge from 'node-forge';
import { fromPem, pem } from './der.ts';
import { fingerprintOf, openEnvelope, sealEnvelope } from './envelope.ts';

/** A certificate by an independent implementation. */
function signer() {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(
    publicKey.export({ type: 'spki', format: 'pem' }) as string,
  );
  certificate.serialNumber = '0123';
  certificate.validity.notAfter = new Date(Date.now() + 86_400_000);
  certificate.setSubject([{ name: 'commonName', value: 'signer' }]);
  certificate.setIssuer([{ name: 'commonName', value: 'signer' }]);
  certificate.sign(
    forge.pki.privateKeyFromPem(privateKey.export({ type: 'pkcs8', format: 'pem' }) as string),
    forge.md.sha256.create(),
  );
  return { certificate: forge.pki.certificateToPem(certificate), privateKey };
}

const CONTENT = JSON.stringify({ DeploymentId: 'd-ABCDEF123', text: 'ü'.repeat(300) });

test('an envelope gives back its content and the certificate of its signer', () => {
  const { certificate, privateKey } = signer();
  const opened = openEnvelope(sealEnvelope(CONTENT, certificate, privateKey));
  assert.equal(opened.content, CONTENT);
  assert.equal(fingerprintOf(opened.certificate), fingerprintOf(certificate));
});

test('any altered byte of content or signature is found', () => {
  const { certificate, privateKey } = signer();
  const bytes = fromPem('PKCS7', sealEnvelope(CONTENT, certificate, privateKey));
  const at = bytes.indexOf('d-ABCDEF123');
  for (const index of [at, at + 5, bytes.length - 1, bytes.length - 100]) {
    const altered = Buffer.from(bytes);
    altered[index] = (altered[index] ?? 0) ^ 1;
    assert.throws(() => openEnvelope(pem('PKCS7', altered)), /signature/);
  }
});

test('a cut or foreign message is refused', () => {
  const { certificate, privateKey } = signer();
  const bytes = fromPem('PKCS7', sealEnvelope(CONTENT, certificate, privateKey));
  for (const length of [0, 1, 20, bytes.length - 1]) {
    assert.throws(() => openEnvelope(pem('PKCS7', bytes.subarray(0, length))));
  }
  assert.throws(() => openEnvelope('{}'), /no PEM block/);
});

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

test('OpenSSL and forge, which know nothing of us, read the envelope', { skip: !hasOpenssl }, () => {
  const { certificate, privateKey } = signer();
  const envelope = sealEnvelope(CONTENT, certificate, privateKey);
  const message = forge.pkcs7.messageFromPem(envelope);
  assert.equal((message as unknown as { certificates: unknown[] }).certificates.length, 1);
  const directory = mkdtempSync(join(tmpdir(), 'slipway-envelope-'));
  writeFileSync(join(directory, 'envelope.pem'), envelope);
  writeFileSync(join(directory, 'signer.pem'), certificate);
  execFileSync(
    'openssl',
    [
      'smime',
      '-verify',
      '-inform',
      'PEM',
      '-in',
      'envelope.pem',
      '-CAfile',
      'signer.pem',
      '-purpose',
      'any',
    ].concat(['-out', 'content']),
    { cwd: directory, stdio: 'pipe' },
  );
  assert.equal(readFileSync(join(directory, 'content'), 'utf8'), CONTENT);
});
