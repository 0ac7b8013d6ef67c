/**
 * `npm run bench signatures`: what it costs to prove who sends a request: reading the claim of its signature and verifying
 * it over a small form and over a megabyte, beside the SHA-256 of that megabyte alone; and proving a token of an identity
 * provider.
 */

import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { assert } from '#base/assert.ts';
import { parseIdToken } from '#core/web-identity/token.ts';
import { isSignedBy } from '#services/sts/id-token-signature.ts';
import type { HttpRequest } from '#wire/http.ts';
import { signRequest } from '#wire/sign.ts';
import { readClaim } from '#wire/sigv4-claim.ts';
import { ordinaryRules, payloadHash, verifyClaim } from '#wire/sigv4.ts';
import { figure, report } from './report.ts';

const ROUNDS = 30;
const key = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'a'.repeat(40) };
const small = Buffer.from('Action=GetUser&Version=2010-05-08');
const large = Buffer.alloc(1024 * 1024, 'x');
const at = Date.now();

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });

report('signatures', [
  figure('a small form', 'µs', measure(proving(small), 100)),
  figure('a body of 1 MiB', 'µs', measure(proving(large), 2)),
  figure(
    'SHA-256 of 1 MiB alone',
    'µs',
    measure(() => createHash('sha256').update(large).digest(), 2),
  ),
  figure('a token of a provider, RS256', 'µs', measure(provingToken('RS256'), 50)),
  figure('a token of a provider, ES256', 'µs', measure(provingToken('ES256'), 50)),
]);

function proving(body: Buffer): () => void {
  const url = new URL('http://127.0.0.1:7600/');
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const scope = { service: 'iam', region: 'us-east-1' };
  const signed = { ...signRequest({ method: 'POST', url, headers, body }, scope, key, at), host: url.host };
  const rawHeaders = Object.entries(signed).flat();
  const request: HttpRequest = { method: 'POST', target: '/', headers: signed, rawHeaders, secure: false };
  return () => {
    const reading = readClaim(request);
    assert(reading.type === 'claim', 'the request of the bench is signed');
    const hash = payloadHash({ type: 'whole', sha256: undefined }, body);
    const proof = { secretAccessKey: key.secretAccessKey, payloadHash: hash, now: at };
    assert(verifyClaim(request, reading.claim, proof, ordinaryRules) === undefined, 'and rightly');
  };
}

function provingToken(algorithm: 'RS256' | 'ES256'): () => void {
  const pair = algorithm === 'RS256' ? rsa : ec;
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const claims = { iss: 'https://issuer.example', sub: 'repo:a/b:main', aud: 'app', iat: 1, exp: 2 };
  const signed = `${encode({ alg: algorithm, kid: '1' })}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key: pair.privateKey, dsaEncoding: 'ieee-p1363' });
  const text = `${signed}.${signature.toString('base64url')}`;
  return () => {
    const token = parseIdToken(text);
    assert(token && isSignedBy(token, pair.publicKey), 'the token of the bench is right');
  };
}

/** Microseconds for one, round by round; the first rounds warm up. */
function measure(prove: () => void, times: number): number[] {
  const samples: number[] = [];
  for (let round = -ROUNDS; round < ROUNDS; round++) {
    const from = performance.now();
    for (let i = 0; i < times; i++) prove();
    if (round >= 0) samples.push(((performance.now() - from) * 1000) / times);
  }
  return samples;
}
