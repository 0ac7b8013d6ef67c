import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { isInRange, isSigned, parseRange } from './webhook-authentication.ts';

const BODY = Buffer.from('{"ref":"refs/heads/main"}');
const SECRET = 'It is a secret';
const sign = (algorithm: string, body = BODY, secret = SECRET) =>
  `${algorithm}=${createHmac(algorithm, secret).update(body).digest('hex')}`;

test('a signature of the raw body by the secret is believed, nothing else', () => {
  const sha256 = (value: string) => isSigned({ 'x-hub-signature-256': value }, BODY, SECRET);
  assert.equal(sha256(sign('sha256')), true);
  assert.equal(isSigned({ 'x-hub-signature': sign('sha1') }, BODY, SECRET), true);
  const wrong = [
    ...[sign('sha256', Buffer.from('{}')), sign('sha256', BODY, 'other'), sign('sha1'), ''],
    ...[sign('sha256').slice(0, -1), `${sign('sha256')}0`, sign('sha256').slice('sha256='.length)],
  ];
  for (const value of wrong) assert.equal(sha256(value), false, value);
  assert.equal(isSigned({}, BODY, SECRET), false);
  // The known example of GitHub's documentation.
  const known = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';
  const headers = { 'x-hub-signature-256': known };
  assert.equal(isSigned(headers, Buffer.from('Hello, World!'), "It's a Secret to Everybody"), true);
});

test('where SHA-256 is sent, a good SHA-1 does not help', () => {
  const headers = { 'x-hub-signature-256': 'sha256=00', 'x-hub-signature': sign('sha1') };
  assert.equal(isSigned(headers, BODY, SECRET), false);
});

test('addresses of both versions, in ranges of both', () => {
  const cases: [string, string | undefined, boolean][] = [
    ['192.0.2.0/24', '192.0.2.77', true],
    ['192.0.2.0/24', '192.0.3.1', false],
    ['192.0.2.0/24', '::ffff:192.0.2.77', true],
    ['192.0.2.1/32', '192.0.2.1', true],
    ['0.0.0.0/0', '203.0.113.9', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['2001:db8::/32', '2001:db8:1::5', true],
    ['2001:db8::/32', '2001:db9::5', false],
    ['::/0', '2001:db8::1', true],
    ['192.0.2.0/24', undefined, false],
    ['192.0.2.0/24', 'nonsense', false],
    ['nonsense', '192.0.2.1', false],
  ];
  for (const [range, address, expected] of cases) {
    assert.equal(isInRange(range, address), expected, `${range} ${address}`);
  }
  for (const wrong of [
    '192.0.2.0',
    '192.0.2.0/33',
    '2001:db8::/129',
    '1.2.3/8',
    '/8',
    'a/8',
    '1.2.3.4/8/8',
  ]) {
    assert.equal(parseRange(wrong), undefined, wrong);
  }
});
