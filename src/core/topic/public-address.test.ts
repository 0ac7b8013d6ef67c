import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPublicAddress } from './public-address.ts';

test('what is not of the public internet is not public, however it is written', () => {
  for (const address of ['8.8.8.8', '52.94.76.1', '2600:1f18::1', '::ffff:8.8.8.8']) {
    assert.ok(isPublicAddress(address), address);
  }
  for (const address of [
    ...['127.0.0.1', '127.8.8.8', '0.0.0.0', '10.1.2.3', '172.31.0.1', '192.168.1.1', '169.254.169.254'],
    ...['100.64.0.1', '255.255.255.255', '224.0.0.1', '::', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1'],
    ...[
      'fe80::1',
      'fe80::1%eth0',
      'fd00:ec2::254',
      'ff02::1',
      '64:ff9b::7f00:1',
      '2002:7f00:1::',
      '::7f00:1',
    ],
    ...['', 'localhost', '127.1', '0x7f000001', '2130706433'],
  ]) {
    assert.ok(!isPublicAddress(address), address);
  }
});
