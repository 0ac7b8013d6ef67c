/** What a blob says about itself, and what is authenticated with it: the context, byte for byte. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeHeader, parseCiphertext } from './ciphertext.ts';
import { ambiguousKey, contextBytes, contextConditions } from './encryption-context.ts';
import { grantsMet, withGrants, type Grant } from './grant.ts';

const contexts = fc.dictionary(fc.string({ maxLength: 4 }), fc.string({ maxLength: 4 }), { maxKeys: 4 });

test('a header names key and material, and survives the way through a blob', () => {
  fc.assert(
    fc.property(
      fc.uuid(),
      fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.uint8Array({ minLength: 16, maxLength: 100 }),
      (keyId, material, salt, body) => {
        const header = encodeHeader({ keyId, material, salt });
        const blob = new Uint8Array([...header, ...body]);
        assert.deepEqual(parseCiphertext(blob), { keyId, material, salt, header, body });
      },
    ),
  );
});

test('what no key of ours can have made is not parsed', () => {
  const header = encodeHeader({
    keyId: '00000000-0000-4000-8000-000000000000',
    material: 1,
    salt: new Uint8Array(16),
  });
  for (const blob of [new Uint8Array(), header, new Uint8Array([...header, 1]), new Uint8Array(200)]) {
    assert.equal(parseCiphertext(blob), undefined);
  }
});

test('two contexts have the same bytes only if they are the same pairs, in whatever order', () => {
  fc.assert(
    fc.property(contexts, contexts, (a, b) => {
      const isSame = JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());
      assert.equal(Buffer.from(contextBytes(a)).equals(contextBytes(b)), isSame);
      const reversed = Object.fromEntries(Object.entries(a).reverse());
      assert.deepEqual(contextBytes(reversed), contextBytes(a));
    }),
  );
  assert.notDeepEqual(contextBytes({ ab: 'c' }), contextBytes({ a: 'bc' }));
});

test('keys that policies could not tell apart are found', () => {
  assert.equal(ambiguousKey({ tenant: 'a', stage: 'b' }), undefined);
  assert.equal(ambiguousKey({ tenant: 'a', TENANT: 'b' }), 'TENANT');
  assert.deepEqual(contextConditions({ tenant: 'a' }), {
    'kms:EncryptionContext:tenant': 'a',
    'kms:EncryptionContextKeys': ['tenant'],
  });
});

const grant = (id: string, constraints?: Grant['constraints']): Grant => ({
  id,
  granteePrincipal: 'arn:aws:iam::123456789012:role/r',
  operations: ['Decrypt'],
  constraints,
});

test('constraints of grants hold exactly: equal pairs, or at least these pairs, with their case', () => {
  const grants = [
    grant('free'),
    grant('equals', { EncryptionContextEquals: { a: '1' } }),
    grant('subset', { EncryptionContextSubset: { a: '1' } }),
  ];
  assert.deepEqual(grantsMet(grants, { a: '1' }), ['free', 'equals', 'subset']);
  assert.deepEqual(grantsMet(grants, { a: '1', b: '2' }), ['free', 'subset']);
  assert.deepEqual(grantsMet(grants, { A: '1' }), ['free']);
  assert.deepEqual(grantsMet(grants, {}), ['free']);
});

test('a grant becomes a statement that only its own id opens; a retiring principal may only retire', () => {
  const policy = { version: '2012-10-17' as const, statements: [] };
  assert.equal(withGrants(policy, []), policy);
  const retired = { ...grant('g1'), retiringPrincipal: 'codebuild.amazonaws.com' };
  assert.deepEqual(
    withGrants(policy, [retired]).statements.map(({ principal, actions, conditions }) => [
      principal,
      actions,
      conditions[0]?.values,
    ]),
    [
      [{ AWS: ['arn:aws:iam::123456789012:role/r'] }, ['kms:Decrypt'], ['g1']],
      [{ Service: ['codebuild.amazonaws.com'] }, ['kms:RetireGrant'], ['g1']],
    ],
  );
});
