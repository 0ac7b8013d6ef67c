/** Verification against the JavaScript signer with generated requests, and against everything that must not pass. */

import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import type { HttpRequest } from './http.ts';
import { readClaim } from './sigv4-claim.ts';
import {
  objectRules,
  ordinaryRules,
  payloadHash,
  readPayload,
  verifyClaim,
  type SigningRules,
} from './sigv4.ts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const KEY = 'AKIAIOSFODNN7EXAMPLE';

class Sha256 {
  #hash;
  constructor(secret?: string | Uint8Array) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
  }
  update(data: string | Uint8Array) {
    this.#hash.update(data);
  }
  async digest() {
    return new Uint8Array(this.#hash.digest());
  }
  reset() {}
}

interface Plain {
  readonly method: string;
  readonly path: string;
  readonly query: Record<string, string | string[]>;
  readonly headers: Record<string, string>;
  readonly body: string;
}

function escape(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function signer(service: string, rules: SigningRules, sessionToken?: string) {
  return new SignatureV4({
    service,
    region: 'us-east-1',
    sha256: Sha256 as never,
    uriEscapePath: rules.path === 'normalized',
    applyChecksum: rules.strictHeaders,
    credentials: { accessKeyId: KEY, secretAccessKey: SECRET, ...(sessionToken ? { sessionToken } : {}) },
  });
}

function toRequest(
  signed: { path: string; query?: object; headers: Record<string, string> },
  method: string,
): HttpRequest {
  const query = Object.entries((signed.query ?? {}) as Record<string, string | string[]>)
    .flatMap(([name, value]) => [value].flat().map((each) => `${escape(name)}=${escape(each)}`))
    .join('&');
  const headers = Object.fromEntries(Object.entries(signed.headers).map(([n, v]) => [n.toLowerCase(), v]));
  return {
    method,
    target: signed.path + (query ? `?${query}` : ''),
    headers,
    rawHeaders: Object.entries(headers).flat(),
    secure: false,
  };
}

async function sign(
  plain: Plain,
  service: string,
  rules: SigningRules,
  sessionToken?: string,
): Promise<HttpRequest> {
  const signed = await signer(service, rules, sessionToken).sign(
    {
      ...plain,
      protocol: 'http:',
      hostname: 'localhost',
      headers: { host: 'localhost:7600', ...plain.headers },
    } as never,
    { signingDate: new Date(NOW) },
  );
  return toRequest(signed as never, plain.method);
}

function check(request: HttpRequest, body: string, rules: SigningRules, secret = SECRET, now = NOW) {
  const reading = readClaim(request);
  if (reading.type !== 'claim')
    return reading.type === 'refused' ? reading.refusal : ({ reason: 'unsigned' } as const);
  const payload = readPayload(request, reading.claim.place, rules);
  if ('reason' in payload) return payload;
  const hashed = payloadHash(payload, Buffer.from(body));
  return verifyClaim(request, reading.claim, { secretAccessKey: secret, payloadHash: hashed, now }, rules);
}

const json: Plain = {
  method: 'POST',
  path: '/',
  query: {},
  headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'Codes.Get' },
  body: '{"name":"é"}',
};

const segment = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 8 })
  .filter((text) => text !== '.' && text !== '..');

const plainRequest = fc.record({
  method: fc.constantFrom('GET', 'PUT', 'POST', 'DELETE'),
  path: fc.array(segment, { maxLength: 4 }).map((list) => `/${list.map(escape).join('/')}`),
  query: fc.dictionary(
    fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 6 })
      .filter((name) => !name.toLowerCase().startsWith('x-amz-')),
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 8 }),
      fc.array(fc.string({ maxLength: 4 }), { minLength: 1, maxLength: 3 }),
    ),
    { maxKeys: 4, noNullPrototype: true },
  ),
  headers: fc.record({
    'content-type': fc.constantFrom('', 'text/plain', 'application/json; charset=utf-8'),
    'x-amz-meta-note': fc.string({
      unit: fc.constantFrom('a', 'B', ' ', ',', ':', '\t', '"'),
      maxLength: 12,
    }),
  }),
  body: fc.string({ maxLength: 40 }),
});

for (const [name, service, rules] of [
  ['object storage', 's3', objectRules],
  ['all other services', 'lambda', ordinaryRules],
] as const) {
  test(`whatever the JavaScript signer signs for ${name} is verified`, async () => {
    await fc.assert(
      fc.asyncProperty(plainRequest, async (plain) => {
        const request = await sign(plain, service, rules);
        assert.equal(check(request, plain.body, rules), undefined);
      }),
      { numRuns: 300 },
    );
  });

  test(`one changed part of a request for ${name} is refused`, async () => {
    await fc.assert(
      fc.asyncProperty(plainRequest, fc.nat(4), async (plain, which) => {
        const request = await sign(plain, service, rules);
        const changed = [
          { ...request, method: request.method === 'GET' ? 'PUT' : 'GET' },
          { ...request, target: `/other${request.target}` },
          { ...request, headers: { ...request.headers, 'x-amz-meta-note': 'another' } },
          { ...request, headers: { ...request.headers, host: 'elsewhere:7600' } },
          { ...request, target: `${request.target}${request.target.includes('?') ? '&' : '?'}added=1` },
        ][which]!;
        assert.equal(check(changed, plain.body, rules)?.reason, 'mismatch');
      }),
      { numRuns: 100 },
    );
  });
}

test('a presigned request is verified until it expires', async () => {
  const presigned = await signer('s3', objectRules, 'token/+=').presign(
    {
      method: 'GET',
      protocol: 'http:',
      hostname: 'localhost',
      path: '/bucket/a%20b',
      query: {},
      headers: { host: 'localhost:7600', 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
    } as never,
    { signingDate: new Date(NOW), expiresIn: 60 },
  );
  const request = toRequest(presigned as never, 'GET');
  const reading = readClaim(request);
  assert.equal(reading.type === 'claim' && reading.claim.sessionToken, 'token/+=');
  assert.equal(check(request, '', objectRules, SECRET, NOW + 60_000)?.reason, undefined);
  assert.deepEqual(check(request, '', objectRules, SECRET, NOW + 60_001), {
    reason: 'expired',
    message: 'Request has expired',
  });
  assert.equal(check(request, '', objectRules, SECRET, NOW - 16 * 60_000)?.reason, 'skewed');
  const twice = { ...request, target: `${request.target}&X-Amz-Signature=${'0'.repeat(64)}` };
  assert.equal(check(twice, '', objectRules)?.reason, 'doubled');
  const both = { ...request, headers: { ...request.headers, authorization: 'AWS4-HMAC-SHA256 x' } };
  assert.equal(check(both, '', objectRules)?.reason, 'doubled');
});

test('another secret, another body or another time is refused with its reason', async () => {
  const request = await sign(json, 'codepipeline', ordinaryRules);
  const wrong = check(request, json.body, ordinaryRules, 'another');
  assert.equal(wrong?.reason, 'mismatch');
  assert.match(
    (wrong as { stringToSign?: string }).stringToSign ?? '',
    /^AWS4-HMAC-SHA256\n20260102T030405Z\n/,
  );
  assert.equal(check(request, '{}', ordinaryRules)?.reason, 'mismatch');
  assert.deepEqual(check(request, json.body, ordinaryRules, SECRET, NOW + 301_000), {
    reason: 'skewed',
    message:
      'Signature expired: 20260102T030405Z is now earlier than 20260102T030406Z (20260102T030906Z - 5 min.)',
  });
  assert.deepEqual(check(request, json.body, ordinaryRules, SECRET, NOW - 301_000), {
    reason: 'skewed',
    message:
      'Signature not yet current: 20260102T030405Z is still later than 20260102T030404Z (20260102T025904Z + 5 min.)',
  });
});

test('object storage wants every x-amz header signed, and its content hash', async () => {
  const request = await sign({ ...json, method: 'PUT', path: '/b/k' }, 's3', objectRules);
  const extended = { ...request, headers: { ...request.headers, 'x-amz-acl': 'private' } };
  assert.equal(check(extended, json.body, objectRules)?.reason, 'headers');
  const { 'x-amz-content-sha256': _, ...headers } = request.headers;
  assert.equal(check({ ...request, headers }, json.body, objectRules)?.reason, 'payload');
  const literal = { ...request, headers: { ...request.headers, 'x-amz-content-sha256': 'STREAMING-ELSE' } };
  assert.equal(check(literal, json.body, objectRules)?.reason, 'payload');
});

test('default ports may be signed or not', async () => {
  const request = await sign(
    { ...json, headers: { ...json.headers, host: 'localhost' } },
    'sts',
    ordinaryRules,
  );
  const withPort = { ...request, headers: { ...request.headers, host: 'localhost:80' } };
  assert.equal(check(withPort, json.body, ordinaryRules), undefined);
});

test('malformed authorization is refused, never thrown', async () => {
  const request = await sign(json, 'codepipeline', ordinaryRules);
  const good = request.headers['authorization']!;
  const cases: [string, string][] = [
    ['AWS AKIA:signature', 'unsupported'],
    ['Basic eDp5', 'unsupported'],
    ['AWS4-HMAC-SHA256', 'malformed'],
    ['AWS4-HMAC-SHA256 ', 'malformed'],
    [good.replace('Signature=', 'Signatur='), 'malformed'],
    [good.replace('/aws4_request', ''), 'malformed'],
    [good.replace('/20260102/', '/20260103/'), 'scope'],
    [good.replace('content-type;host;', 'content-type;'), 'headers'],
    [good.replace('host;', 'Host;'), 'malformed'],
    [`${good}, Signature=${'0'.repeat(64)}`, 'doubled'],
    [`${good},${good}`, 'doubled'],
    [good.slice(0, -1), 'malformed'],
    ['AWS4-HMAC-SHA256 ' + 'a=b,'.repeat(10_000), 'malformed'],
  ];
  for (const [authorization, reason] of cases) {
    const changed = { ...request, headers: { ...request.headers, authorization } };
    assert.equal(check(changed, json.body, ordinaryRules)?.reason, reason, authorization.slice(0, 200));
  }
  assert.equal(readClaim({ ...request, headers: {} }).type, 'unsigned');
  assert.equal(readClaim({ ...request, headers: {}, target: '/?AWSAccessKeyId=x' }).type, 'refused');
});

test('no authorization text makes the reader throw', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.string({ maxLength: 60 }),
      (tail, query) => {
        readClaim({
          method: 'GET',
          target: `/?${query}&X-Amz-Signature=%`,
          headers: { authorization: `AWS4-HMAC-SHA256 ${tail}`, 'x-amz-date': tail },
          rawHeaders: [],
          secure: false,
        });
      },
    ),
  );
});
