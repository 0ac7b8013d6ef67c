/** The setting of the network: what it says, and where a connection may go. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { chooseDestination, parseBuildNetwork } from './egress.ts';

const rulesOf = (text: string) => {
  const setting = parseBuildNetwork(text);
  assert.equal(setting.type, 'allow');
  return setting.type === 'allow' ? setting.rules : [];
};
const isOpen = async (text: string, host: string, port = 443) =>
  (await chooseDestination(rulesOf(text), host, port)).type === 'open';

test('without a setting builds reach public addresses', () => {
  assert.deepEqual(parseBuildNetwork(undefined), parseBuildNetwork('allow:public'));
  assert.deepEqual(parseBuildNetwork('allow'), parseBuildNetwork('allow:public'));
});

test('a setting that says nothing clear is refused with what would be right', () => {
  for (const text of ['', 'yes', 'none', 'public', 'On']) {
    assert.throws(() => parseBuildNetwork(text), /SLIPWAY_BUILD_NETWORK is/, text);
  }
  const wrong = [
    'a b',
    'x:0',
    'x:70000',
    '127.0.0.1',
    '::1',
    '10.0.0.0/33',
    '*',
    'a..b',
    'http://x',
    '-x.example',
  ];
  for (const word of wrong) {
    assert.throws(() => parseBuildNetwork(`allow:${word}`), /SLIPWAY_BUILD_NETWORK lists/, word);
  }
});

test('public is everything that is nobody’s private address', async () => {
  for (const host of ['8.8.8.8', '1.1.1.1', '2606:4700:4700::1111', '::ffff:8.8.8.8']) {
    assert.ok(await isOpen('allow:public', host), host);
  }
  const closed = [
    ...['127.0.0.1', '127.8.8.8', '0.0.0.0', '169.254.169.254', '169.254.170.2', '10.1.2.3', '172.31.0.1'],
    ...[
      '192.168.0.1',
      '100.64.0.1',
      '100.100.100.200',
      '168.63.129.16',
      '224.0.0.1',
      '255.255.255.255',
      '::',
    ],
    ...['::1', 'fe80::1', 'fd00:ec2::254', 'fc00::1', 'ff02::1', '::ffff:127.0.0.1', '::ffff:a00:1'],
    ...['0:0:0:0:0:ffff:a9fe:a9fe', '64:ff9b::7f00:1', '2002:7f00:1::', '2001:0:1::', '2001:db8::1'],
  ];
  for (const host of closed) assert.equal(await isOpen('allow:public', host), false, host);
});

test('a name that leads home is refused, also when the operator lists the name', async () => {
  assert.equal(await isOpen('allow:public', 'localhost'), false);
  assert.equal(await isOpen('allow:localhost', 'localhost'), false);
  assert.equal(await isOpen('allow:public', '2130706433'), false);
  assert.equal(await isOpen('allow:public', '0x7f.0.0.1'), false);
});

test('listed addresses are open, within their ports', async () => {
  assert.ok(await isOpen('allow:10.0.0.0/8', '10.200.3.4'));
  assert.ok(await isOpen('allow:[fd12::/16]:8443', 'fd12::7', 8443));
  assert.equal(await isOpen('allow:[fd12::/16]:8443', 'fd12::7', 443), false);
  assert.ok(await isOpen('allow:192.168.7.7:81', '192.168.7.7', 81));
  assert.equal(await isOpen('allow:192.168.7.7:81', '192.168.7.7', 82), false);
  assert.equal(await isOpen('allow:10.0.0.0/8', '8.8.8.8'), false);
});

test('names that are not listed are not even resolved', async () => {
  const refused = await chooseDestination(
    rulesOf('allow:registry.example,*.corp.example'),
    'evil.example',
    443,
  );
  assert.deepEqual(refused, {
    type: 'refused',
    reason: 'evil.example:443 is not among what SLIPWAY_BUILD_NETWORK allows',
  });
  for (const host of ['registry.example.evil', 'xregistry.example', 'corp.example', 'a.corp.example.x']) {
    assert.equal(await isOpen('allow:registry.example,*.corp.example', host), false, host);
  }
});

test('no text makes the choice fail in any other way than by refusing', async () => {
  const rules = rulesOf('allow:10.0.0.0/8,one.example');
  await fc.assert(
    fc.asyncProperty(fc.string(), async (host) => {
      fc.pre(host !== 'one.example');
      const destination = await chooseDestination(rules, `${host}!`, 80);
      assert.equal(destination.type, 'refused');
    }),
    { numRuns: 100 },
  );
});
