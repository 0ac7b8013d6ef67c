/** Our signer against our verifier; the verifier is proven against the official signer elsewhere. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { HttpRequest } from './http.ts';
import { signRequest } from './sign.ts';
import { readClaim } from './sigv4-claim.ts';
import { objectRules, ordinaryRules, payloadHash, readPayload, verifyClaim } from './sigv4.ts';

const NOW = 1_700_000_000_000;
const credentials = {
  accessKeyId: 'AKIAEXAMPLEEXAMPLE',
  secretAccessKey: 'secret/+=',
  sessionToken: 'token+/=',
};

function verdictOf(url: URL, body: string, service: string, tamper: (request: HttpRequest) => HttpRequest) {
  const headers = signRequest(
    { method: 'POST', url, headers: { 'x-amz-target': 'A.B' }, body },
    { service, region: 'us-east-1' },
    credentials,
    NOW,
  );
  const all = { ...headers, host: url.host };
  const request = tamper({
    method: 'POST',
    target: url.pathname + url.search,
    headers: all,
    rawHeaders: Object.entries(all).flat(),
    secure: false,
  });
  const rules = service === 's3' ? objectRules : ordinaryRules;
  const reading = readClaim(request);
  assert.equal(reading.type, 'claim');
  if (reading.type !== 'claim') return undefined;
  const payload = readPayload(request, reading.claim.place, rules);
  assert.ok('type' in payload, JSON.stringify(payload));
  const proof = {
    secretAccessKey: credentials.secretAccessKey,
    payloadHash: payloadHash(payload as never, Buffer.from(body)),
    now: NOW,
  };
  return verifyClaim(request, reading.claim, proof, rules);
}

test('what we sign, we verify, with any path, query and body', () => {
  fc.assert(
    fc.property(
      fc.webPath(),
      fc.string(),
      fc.string(),
      fc.constantFrom('s3', 'codepipeline'),
      (path, value, body, service) => {
        const url = new URL('http://127.0.0.1:7600/');
        // Other services than s3 normalise paths; our own clients only use the root there.
        if (service === 's3') url.pathname = path;
        url.searchParams.set('value', value);
        assert.equal(
          verdictOf(url, body, service, (request) => request),
          undefined,
        );
      },
    ),
    { numRuns: 200 },
  );
});

test('another target is refused', () => {
  const refusal = verdictOf(new URL('http://127.0.0.1:7600/a'), 'x', 's3', (request) => ({
    ...request,
    target: '/b',
  }));
  assert.equal(refusal?.reason, 'mismatch');
});

test('a query that reads otherwise is refused: a signed plus is no space', () => {
  const refusal = verdictOf(new URL('http://127.0.0.1:7600/b?prefix=a%2Bb'), '', 's3', (request) => ({
    ...request,
    target: '/b?prefix=a+b',
  }));
  assert.equal(refusal?.reason, 'mismatch');
});
