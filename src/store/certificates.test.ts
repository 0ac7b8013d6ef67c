/** What OpenSSL makes of our certificates: the other party that every client uses. */

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createCertificate, type Issuer } from './certificates.ts';

const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const DAY_MS = 86_400_000;

function authority(name: string): Issuer & { readonly certificate: string } {
  const keys = pair();
  const issuer = { name, ...keys };
  const [from, until] = [Date.now() - DAY_MS, Date.now() + DAY_MS];
  return {
    ...issuer,
    certificate: createCertificate({ ...issuer, issuer, from, until, kind: { type: 'authority' } }),
  };
}

const own = authority('Slipway test');
const server = createCertificate({
  name: 'server',
  publicKey: pair().publicKey,
  issuer: own,
  from: Date.now() - DAY_MS,
  until: Date.UTC(2051, 0, 1),
  kind: { type: 'server', hosts: ['localhost', 'build.example', '127.0.0.1', '::1', '2001:db8::7:0:1'] },
});

test('a certificate is for its names and addresses, and signed by its authority', () => {
  const read = new X509Certificate(server);
  assert.equal(
    read.subjectAltName,
    'DNS:localhost, DNS:build.example, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP Address:2001:DB8:0:0:0:7:0:1',
  );
  assert.equal(read.checkHost('build.example'), 'build.example');
  assert.equal(read.checkHost('other.example'), undefined);
  assert.equal(read.checkIP('2001:db8::7:0:1'), '2001:db8::7:0:1');
  assert.equal(read.ca, false);
  assert.equal(read.validToDate.toISOString(), '2051-01-01T00:00:00.000Z');
  const signer = new X509Certificate(own.certificate);
  assert.ok(signer.ca);
  assert.ok(read.checkIssued(signer) && read.verify(signer.publicKey));
});

test('OpenSSL verifies the chain in its strictest mode, and no other authority', () => {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-certificates-'));
  try {
    const file = (name: string, text: string) => {
      writeFileSync(join(directory, name), text);
      return join(directory, name);
    };
    const [ca, leaf] = [file('ca.pem', own.certificate), file('server.pem', server)];
    const strict = ['verify', '-x509_strict', '-purpose', 'sslserver', '-verify_hostname', 'localhost'];
    assert.match(execFileSync('openssl', [...strict, '-CAfile', ca, leaf], { encoding: 'utf8' }), /: OK\n$/);
    const other = file('other.pem', authority('Slipway test').certificate);
    const refused = spawnSync('openssl', [...strict, '-CAfile', other, leaf], { encoding: 'utf8' });
    assert.notEqual(refused.status, 0);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
