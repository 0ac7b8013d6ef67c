/**
 * A small identity provider over HTTPS on loopback, for tests: its configuration, its keys, and the tokens it signs. What
 * it serves can be changed at any time, so that it can also be an evil or a broken one.
 */

import { generateKeyPairSync, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createCertificate, type Issuer } from '#store/certificates.ts';

export interface SigningKey {
  readonly id: string;
  readonly algorithm: 'RS256' | 'RS384' | 'RS512' | 'ES256' | 'ES384';
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export interface TestIssuer {
  /** `127.0.0.1:port`: the provider's name, and what the operator lists. */
  readonly provider: string;
  readonly url: string;
  /** SHA-1 of its authority's certificate, in hexadecimal. */
  readonly thumbprint: string;
  /** What it serves; replace to break it. */
  configuration: unknown;
  keys: unknown;
  /** Answers with this instead of 200, when set. */
  status: number;
  /** Where it sends visitors, when set. */
  location: string | undefined;
  /** Paths that were asked for. */
  readonly visits: string[];
  /** The keys that it serves from now on. */
  serve(...keys: readonly SigningKey[]): void;
  close(): Promise<void>;
}

const HOUR_MS = 3_600_000;

export async function startIssuer(): Promise<TestIssuer> {
  const authority = createAuthority();
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = createCertificate({
    name: '127.0.0.1',
    publicKey: keys.publicKey,
    issuer: authority,
    from: Date.now() - HOUR_MS,
    until: Date.now() + HOUR_MS,
    kind: { type: 'server', hosts: ['127.0.0.1'] },
  });
  const key = keys.privateKey.export({ type: 'pkcs8', format: 'pem' });
  const server = createServer({ key, cert: certificate + authority.certificate }, (request, response) => {
    issuer.visits.push(request.url ?? '');
    if (issuer.location !== undefined) response.setHeader('location', issuer.location);
    response.statusCode = issuer.status;
    const isKeys = request.url === '/keys';
    const body = isKeys ? issuer.keys : issuer.configuration;
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const provider = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const url = `https://${provider}`;
  const issuer: TestIssuer = {
    provider,
    url,
    thumbprint: new X509Certificate(authority.certificate).fingerprint.replaceAll(':', ''),
    configuration: { issuer: url, jwks_uri: `${url}/keys`, id_token_signing_alg_values_supported: ['RS256'] },
    keys: { keys: [] },
    status: 200,
    location: undefined,
    visits: [],
    serve(...served) {
      issuer.keys = { keys: served.map(publicJwk) };
    },
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
  return issuer;
}

export function createSigningKey(id: string, algorithm: SigningKey['algorithm'] = 'RS256'): SigningKey {
  const pair = algorithm.startsWith('RS')
    ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : generateKeyPairSync('ec', { namedCurve: algorithm === 'ES256' ? 'P-256' : 'P-384' });
  return { id, algorithm, ...pair };
}

export function publicJwk({ id, algorithm, publicKey }: SigningKey): Record<string, unknown> {
  return { ...publicKey.export({ format: 'jwk' }), kid: id, alg: algorithm, use: 'sig' };
}

/** A token as the provider would make it; `header` replaces members of the header. */
export function signToken(key: SigningKey, claims: object, header: object = {}): string {
  const signed = `${encode({ alg: key.algorithm, kid: key.id, typ: 'JWT', ...header })}.${encode(claims)}`;
  const hash = `sha${key.algorithm.slice(2)}`;
  const signature = sign(hash, Buffer.from(signed), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

export function encode(part: object | string): string {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
}

function createAuthority(): Issuer & { readonly certificate: string } {
  const issuer = { name: 'Test issuer', ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) };
  const [from, until] = [Date.now() - HOUR_MS, Date.now() + HOUR_MS];
  const certificate = createCertificate({ ...issuer, issuer, from, until, kind: { type: 'authority' } });
  return { ...issuer, certificate };
}
