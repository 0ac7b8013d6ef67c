/** Keys rotate and move without anything becoming unreadable, wherever the power fails; and a wrong key changes nothing. */

import assert from 'node:assert/strict';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { WrongRootKey } from './key-bundle.ts';
import { rewrapKeys, rotateKeys, statusOfKeys } from './key-rotation.ts';
import { openKeyring, SealBroken } from './keyring.ts';

const base = mkdtempSync(join(tmpdir(), 'slipway-keys-'));
after(() => rmSync(base, { recursive: true }));
const fresh = () => mkdtempSync(join(base, 'data-'));
const own = { type: 'directory' } as const;
const snapshot = (directory: string) =>
  readdirSync(directory)
    .sort()
    .map((name) => [name, readFileSync(join(directory, name), 'hex')]);

test('a rotated key seals, the older ones still open, and what is derived stays', () => {
  const directory = fresh();
  const before = openKeyring(directory);
  const old = before.seal('p', 'old');
  const derived = before.derive('p', 'x');
  const first = rotateKeys(directory, own, 1);
  const second = rotateKeys(directory, own, 2);
  const keyring = openKeyring(directory);
  const sealed = keyring.seal('p', 'new');
  assert.ok(sealed.startsWith(`v2.${second.id}.`));
  assert.equal(keyring.open('p', old).toString(), 'old');
  assert.equal(before.open('p', sealed).toString(), 'new', 'a server that runs hears of the key');
  assert.deepEqual(keyring.derive('p', 'x'), derived);
  assert.throws(() => keyring.open('p', sealed.replace(second.id, first.id)), SealBroken);
  assert.throws(() => keyring.open('p', sealed.replace(second.id, '0'.repeat(16))), SealBroken);
  assert.throws(() => keyring.open('p', `v1.${sealed.split('.')[2]}`), SealBroken);
  assert.deepEqual(
    statusOfKeys(directory, own).keys.map(({ id, uses }) => [id, ...uses]),
    [
      ['v1', 'founding'],
      [first.id, 'opens'],
      [second.id, 'seals'],
    ],
  );
});

test('an installation of before there were bundles keeps its key as the founding one', () => {
  const directory = fresh();
  writeFileSync(join(directory, 'master.key'), Buffer.alloc(32, 7), { mode: 0o600 });
  writeFileSync(join(directory, 'slipway.db'), '');
  const keyring = openKeyring(directory);
  // Made by such an installation.
  assert.equal(
    keyring.derive('purpose', 'text').toString('hex'),
    '733c41a7c90348d60c5b8250a08a23d3c7d0deb94230728ae3f4355c7a4bc17c',
  );
});

test('wherever the power fails while the root key is replaced, everything can still be read', () => {
  for (const target of ['directory', 'file'] as const) {
    for (let failing = 0; failing < 4; failing++) {
      const directory = fresh();
      const sealed = openKeyring(directory).seal('p', 'text');
      const path = join(fresh(), 'root.key');
      const to = target === 'file' ? { type: target, path } : { type: target };
      let step = 0;
      assert.throws(
        () =>
          rewrapKeys(directory, own, to, () => {
            if (step++ === failing) throw new Error('the power failed');
          }),
        /the power failed/,
      );
      const isMoved = target === 'file' && failing === 3;
      const environment = isMoved ? { SLIPWAY_KEY_FILE: path } : {};
      assert.equal(
        openKeyring(directory, environment).open('p', sealed).toString(),
        'text',
        `${target} ${failing}`,
      );
      if (isMoved) continue;
      const again = rewrapKeys(directory, own, to);
      const settled = target === 'file' ? { SLIPWAY_KEY_FILE: path } : {};
      assert.equal(openKeyring(directory, settled).open('p', sealed).toString(), 'text');
      assert.equal(
        statusOfKeys(directory, target === 'file' ? { type: 'file', path } : own).root.id,
        again.id,
      );
    }
  }
});

test('the root key comes from a file or from a command, and is then nowhere in the data directory', () => {
  const directory = fresh();
  const sealed = openKeyring(directory).seal('p', 'text');
  const path = join(fresh(), 'root.key');
  rewrapKeys(directory, own, { type: 'file', path });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.ok(!existsSync(join(directory, 'master.key')));
  const key = readFileSync(path, 'utf8').trim();
  assert.ok(!snapshot(directory).some(([, text = '']) => Buffer.from(text, 'hex').includes(key)));
  assert.throws(() => openKeyring(directory), /There is no root key in .*master\.key/);
  const { SLIPWAY_KEY_COMMAND: command } = { SLIPWAY_KEY_COMMAND: `cat ${path}` };
  assert.equal(openKeyring(directory, { SLIPWAY_KEY_COMMAND: command }).open('p', sealed).toString(), 'text');
  assert.throws(() => openKeyring(directory, { SLIPWAY_KEY_COMMAND: 'exit 3' }), /gave no key: ended with 3/);
  assert.throws(() => openKeyring(directory, { SLIPWAY_KEY_COMMAND: 'echo none' }), /is not a master key/);
  const both = { SLIPWAY_KEY_COMMAND: command, SLIPWAY_KEY_FILE: path };
  assert.throws(() => openKeyring(directory, both), /not both/);
  chmodSync(path, 0o640);
  assert.throws(() => openKeyring(directory, { SLIPWAY_KEY_FILE: path }), /can be read by others/);
});

test('a wrong, missing or damaged key is refused, and nothing is written', () => {
  const directory = fresh();
  openKeyring(directory);
  writeFileSync(join(directory, 'credentials'), '');
  const refuse = (change: (copy: string) => NodeJS.ProcessEnv | void, expected: RegExp) => {
    const copy = fresh();
    cpSync(directory, copy, { recursive: true });
    const environment = change(copy) ?? {};
    const before = snapshot(copy);
    assert.throws(() => openKeyring(copy, environment), expected);
    assert.throws(() =>
      rotateKeys(
        copy,
        environment['SLIPWAY_KEY_FILE'] ? { type: 'file', path: environment['SLIPWAY_KEY_FILE'] } : own,
        0,
      ),
    );
    assert.deepEqual(snapshot(copy), before);
  };
  const other = () => `${randomBytes(32).toString('hex')}\n`;
  refuse(
    (copy) => writeFileSync(join(copy, 'master.key'), other(), { mode: 0o600 }),
    /does not open .*Nothing was changed/,
  );
  refuse((copy) => rmSync(join(copy, 'master.key')), /There is no root key/);
  refuse((copy) => rmSync(join(copy, 'keyring.json')), /keyring\.json is missing/);
  refuse((copy) => writeFileSync(join(copy, 'keyring.json'), '{'), /is damaged/);
  refuse((copy) => {
    const path = join(copy, 'keyring.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace(/": "([A-Za-z0-9+/]{10})/, '": "AAAAAAAAAA'));
  }, /is damaged/);
  refuse((copy) => {
    const path = join(copy, 'elsewhere.key');
    writeFileSync(path, other(), { mode: 0o600 });
    return { SLIPWAY_KEY_FILE: path };
  }, /does not open/);
  assert.throws(() => {
    writeFileSync(join(directory, 'master.key'), other(), { mode: 0o600 });
    openKeyring(directory);
  }, WrongRootKey);
});

test('of two changes at once one waits, and one that died holds nobody up', () => {
  const directory = fresh();
  openKeyring(directory);
  writeFileSync(join(directory, 'keyring.lock'), `${process.ppid}\n`, { mode: 0o600 });
  assert.throws(() => rotateKeys(directory, own, 0), /is changing the keys/);
  writeFileSync(join(directory, 'keyring.lock'), '999999999\n', { mode: 0o600 });
  rotateKeys(directory, own, 0);
  assert.ok(!existsSync(join(directory, 'keyring.lock')));
});
