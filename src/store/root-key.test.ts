/** The root key: made once, kept private, never half there. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openRootKey, readRootKey, rootKeyPath } from './root-key.ts';

let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'slipway-key-'))));
afterEach(() => rmSync(directory, { recursive: true }));

test('the key is made at the first start and stays the same', () => {
  assert.equal(readRootKey(directory), undefined);
  const key = openRootKey(directory, {});
  assert.match(key.accessKeyId, /^AKIA[A-Z2-7]{17}$/);
  assert.equal(key.secretAccessKey.length, 40);
  assert.deepEqual(openRootKey(directory, {}), key);
  assert.equal(statSync(rootKeyPath(directory)).mode & 0o777, 0o600);
});

test('the environment sets the key instead, whole or not at all', () => {
  const environment = { SLIPWAY_ROOT_ACCESS_KEY_ID: 'AKIAEXAMPLE', SLIPWAY_ROOT_SECRET_ACCESS_KEY: 'secret' };
  assert.deepEqual(openRootKey(directory, environment), {
    accessKeyId: 'AKIAEXAMPLE',
    secretAccessKey: 'secret',
  });
  assert.equal(readRootKey(directory), undefined);
  assert.throws(() => openRootKey(directory, { SLIPWAY_ROOT_ACCESS_KEY_ID: 'AKIAEXAMPLE' }), /both/);
});

test('a damaged file is an error, not a new key', () => {
  writeFileSync(rootKeyPath(directory), '[default]\n');
  assert.throws(() => openRootKey(directory, {}), /holds no access key/);
});
