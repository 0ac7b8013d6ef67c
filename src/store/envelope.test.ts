import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { openWith, sealWith } from './envelope.ts';

test('what a key sealed only that key opens, and only for what it was sealed for', () => {
  const key = randomBytes(32);
  const sealed = sealWith(key, Buffer.from('pässword'), 'a');
  assert.equal(openWith(key, sealed, 'a').toString(), 'pässword');
  assert.notEqual(sealWith(key, Buffer.from('pässword'), 'a'), sealed);
  assert.throws(() => openWith(key, sealed, 'b'));
  assert.throws(() => openWith(randomBytes(32), sealed, 'a'));
  const altered = Buffer.from(sealed, 'base64');
  altered[14] = (altered[14] ?? 0) ^ 1;
  assert.throws(() => openWith(key, altered.toString('base64'), 'a'));
  assert.throws(() => openWith(key, 'AAAA', 'a'));
});
