/** Sealed texts open only as they were sealed; the key file is private and made once. */

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { openKeyring, SealBroken } from './keyring.ts';

const base = mkdtempSync(join(tmpdir(), 'slipway-keyring-'));
after(() => rmSync(base, { recursive: true }));
const fresh = () => mkdtempSync(join(base, 'data-'));

test('what was sealed opens again, also after a restart', () => {
  const directory = fresh();
  const sealed = openKeyring(directory).seal('purpose', 'secret', 'user 1');
  assert.equal(openKeyring(directory).open('purpose', sealed, 'user 1').toString(), 'secret');
  assert.match(sealed, /^[A-Za-z0-9._-]+$/);
  assert.ok(!sealed.includes(Buffer.from('secret').toString('base64url')));
});

test('the key file is made once, private, and beside the keys that it opens', () => {
  const directory = fresh();
  const first = openKeyring(directory).derive('a', 'b');
  assert.deepEqual(openKeyring(directory).derive('a', 'b'), first);
  assert.equal(statSync(join(directory, 'master.key')).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(directory).sort(), ['keyring.json', 'master.key']);
  assert.notDeepEqual(openKeyring(fresh()).derive('a', 'b'), first, 'another installation has another key');
});

test('another purpose, another context and another installation do not open it', () => {
  const directory = fresh();
  const keyring = openKeyring(directory);
  const sealed = keyring.seal('purpose', 'secret', 'context');
  for (const attempt of [
    () => keyring.open('purpose2', sealed, 'context'),
    () => keyring.open('purpose', sealed, 'context2'),
    () => keyring.open('purpose', sealed),
    () => openKeyring(fresh()).open('purpose', sealed, 'context'),
    () => keyring.open('purpose', 'v2.' + sealed.slice(3), 'context'),
    () => keyring.open('purpose', '', 'context'),
    () => keyring.open('purpose', 'v1.AAAA', 'context'),
  ]) {
    assert.throws(attempt, SealBroken);
  }
});

test('no change of a single character goes unnoticed', () => {
  const keyring = openKeyring(fresh());
  const sealed = keyring.seal('purpose', 'a secret of some length');
  fc.assert(
    fc.property(fc.nat(sealed.length - 1), fc.constantFrom('A', 'b', '_', '0', '.', '='), (at, character) => {
      fc.pre(sealed[at] !== character);
      const altered = sealed.slice(0, at) + character + sealed.slice(at + 1);
      assert.throws(() => keyring.open('purpose', altered), SealBroken);
    }),
  );
  assert.throws(() => keyring.open('purpose', sealed + 'A'), SealBroken);
  assert.throws(() => keyring.open('purpose', sealed.slice(0, -1)), SealBroken);
});

test('derived keys differ by purpose and text, and parts do not run together', () => {
  const keyring = openKeyring(fresh());
  const keys = [
    ['a', 'b'],
    ['ab', ''],
    ['', 'ab'],
    ['a', 'c'],
    ['a","b', ''],
  ].map(([purpose = '', text = '']) => keyring.derive(purpose, text).toString('hex'));
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(keyring.derive('a', 'b').length, 32);
});

test('a key that others can read, or that is cut short, is refused', () => {
  const directory = fresh();
  openKeyring(directory);
  chmodSync(join(directory, 'master.key'), 0o644);
  assert.throws(() => openKeyring(directory), /can be read by others/);
  const short = fresh();
  writeFileSync(join(short, 'master.key'), 'short', { mode: 0o600 });
  assert.throws(() => openKeyring(short), /not a master key/);
});
