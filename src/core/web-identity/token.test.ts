/** Any text is a token or none, any claims are a bearer or a fault, and neither is ever an error. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isClaimFault, providerOf, readBearer } from './claims.ts';
import { parseIdToken } from './token.ts';

const encode = (part: string) => Buffer.from(part).toString('base64url');
const NOW = 1_700_000_000_000;
const good = { sub: 'ann', aud: 'app', iat: NOW / 1000 - 1, exp: NOW / 1000 + 60 };

test('any text is read without an error, and only known algorithms are tokens', () => {
  fc.assert(fc.property(fc.string({ maxLength: 300 }), (text) => void parseIdToken(text)));
  fc.assert(
    fc.property(fc.json(), fc.json(), fc.string(), (header, claims, signature) => {
      const token = parseIdToken(`${encode(header)}.${encode(claims)}.${encode(signature)}`);
      if (token !== undefined) assert.match(token.algorithm, /^(RS|ES)(256|384|512)$/);
    }),
  );
  const read = parseIdToken(`${encode('{"alg":"RS256","kid":"1"}')}.${encode('{"sub":"ä"}')}.c2ln`);
  assert.deepEqual([read?.algorithm, read?.keyId, read?.claims['sub']], ['RS256', '1', 'ä']);
});

test('any claims are a bearer or a fault', () => {
  const claims = fc.dictionary(
    fc.constantFrom(
      'sub',
      'aud',
      'azp',
      'exp',
      'iat',
      'nbf',
      'iss',
      '__proto__',
      'https://aws.amazon.com/tags',
    ),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(claims, (more) => {
      const given = { ...good, ...more };
      void providerOf(given);
      const read = readBearer(given, 'issuer.example', ['app'], NOW);
      if (isClaimFault(read)) return;
      assert.equal(read.audience, 'app');
      assert.ok(Object.keys(read.context).every((key) => key.startsWith('issuer.example:')));
    }),
  );
});

test('where a token says who asked for it, that is its audience', () => {
  const read = readBearer(
    { ...good, aud: ['a', 'b'], azp: 'app', admin: true, groups: ['x', 'y'] },
    'i',
    ['app'],
    NOW,
  );
  assert.ok(!isClaimFault(read));
  assert.deepEqual(read.context, {
    'i:sub': 'ann',
    'i:aud': 'app',
    'i:oaud': ['a', 'b'],
    'i:azp': 'app',
    'i:iat': String(good.iat),
    'i:exp': String(good.exp),
    'i:admin': 'true',
    'i:groups': ['x', 'y'],
  });
});
