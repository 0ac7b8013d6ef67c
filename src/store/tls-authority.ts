/**
 * The installation's own certificate authority, for `--tls auto`: made at the first start, kept in the data directory, and
 * asked by the server for a certificate in time before the present one ends. Clients are told to trust `ca.pem`; where a
 * setting replaces all authorities that a client knows, they are given `bundle.pem`, which holds the public ones too.
 */

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  X509Certificate,
} from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { createCertificate, type Issuer } from './certificates.ts';
import { createPrivateFile, readPrivateFile, replacePrivateFile } from './private-files.ts';

/** PEM texts. */
export interface ServerCertificate {
  readonly certificate: string;
  readonly key: string;
  /** When to ask for the next one, milliseconds since the epoch. */
  readonly renewAt: number;
}

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 20 * 365;
const SERVER_DAYS = 90;
const RENEW_DAYS = 30;
/** Clocks of clients may be behind. */
const BEFORE_MS = 3_600_000;

/** What clients on this machine are to trust. */
export function authorityPaths(directory: string) {
  const folder = join(directory, 'tls');
  return { authority: join(folder, 'ca.pem'), bundle: join(folder, 'bundle.pem') } as const;
}

/** The text of the bundle; `undefined` for an installation that has no authority of its own. */
export function readAuthorities(directory: string): string | undefined {
  return readPrivateFile(authorityPaths(directory).bundle)?.toString('utf8');
}

/** The certificate for a server of these names and addresses: the one that is there, or a new one when it must be. */
export function openServerCertificate(
  directory: string,
  hosts: readonly string[],
  now: number,
): ServerCertificate {
  mkdirSync(join(directory, 'tls'), { recursive: true, mode: 0o700 });
  const issuer = openAuthority(directory, now);
  // Servers of other names on other machines may share the directory.
  const name = createHash('sha256').update(JSON.stringify(hosts)).digest('hex').slice(0, 16);
  const path = join(directory, 'tls', `server-${name}.pem`);
  const known = readPrivateFile(path)?.toString('utf8');
  if (known !== undefined) {
    const read = readServer(known);
    if (read.renewAt > now && new X509Certificate(read.certificate).verify(issuer.publicKey)) return read;
  }
  replacePrivateFile(path, createServer(issuer, hosts, now));
  return readServer(readFileSync(path, 'utf8'));
}

function createServer(issuer: Issuer, hosts: readonly string[], now: number): string {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = createCertificate({
    name: hosts[0] ?? 'slipway',
    publicKey,
    issuer,
    from: now - BEFORE_MS,
    until: now + SERVER_DAYS * DAY_MS,
    kind: { type: 'server', hosts },
  });
  return certificate + privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function readServer(text: string): ServerCertificate {
  const { certificate, key } = splitPem(text);
  const until = new X509Certificate(certificate).validToDate.getTime();
  return { certificate, key, renewAt: until - RENEW_DAYS * DAY_MS };
}

/** Of several servers that start together one makes it. */
function openAuthority(directory: string, now: number): Issuer {
  const path = join(directory, 'tls', 'authority.pem');
  if (readPrivateFile(path) === undefined) createPrivateFile(path, createAuthority(now));
  const { certificate, key } = splitPem(readFileSync(path, 'utf8'));
  const read = new X509Certificate(certificate);
  if (read.validToDate.getTime() < now + SERVER_DAYS * DAY_MS) {
    throw new Error(
      `The authority in ${path} ends ${read.validTo}. Move it away to have a new one made, and tell all clients of the new ${authorityPaths(directory).authority}.`,
    );
  }
  keep(authorityPaths(directory).authority, certificate);
  keep(
    authorityPaths(directory).bundle,
    [certificate, ...rootCertificates.map((text) => `${text}\n`)].join(''),
  );
  const privateKey = createPrivateKey(key);
  return { name: nameOf(read), privateKey, publicKey: createPublicKey(privateKey) };
}

function createAuthority(now: number): string {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = `Slipway authority of ${new Date(now).toISOString().slice(0, 10)}`;
  const certificate = createCertificate({
    name,
    publicKey: pair.publicKey,
    issuer: { name, ...pair },
    from: now - BEFORE_MS,
    until: now + AUTHORITY_DAYS * DAY_MS,
    kind: { type: 'authority' },
  });
  return certificate + pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function keep(path: string, text: string): void {
  if (readPrivateFile(path)?.toString('utf8') !== text) replacePrivateFile(path, text);
}

function splitPem(text: string): { readonly certificate: string; readonly key: string } {
  const keyAt = text.indexOf('-----BEGIN PRIVATE KEY-----');
  return { certificate: text.slice(0, keyAt), key: text.slice(keyAt) };
}

function nameOf(certificate: X509Certificate): string {
  return /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? '';
}
