/** Checksums against their published check values, and independent of how bytes are cut. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checksumAlgorithmOf, checksumAlgorithms, createDigest, isChecksumValue } from './checksums.ts';

const hexOf = (base64: string) => Buffer.from(base64, 'base64').toString('hex');

test('each algorithm gives its published check value for 123456789', () => {
  const expected = {
    CRC32: 'cbf43926',
    CRC32C: 'e3069283',
    CRC64NVME: 'ae8b14860a799888',
    SHA1: 'f7c3bc1d808e04732adf679965ccc34ca7ae3441',
    SHA256: '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225',
  };
  for (const algorithm of checksumAlgorithms) {
    const digest = createDigest(algorithm);
    digest.update(Buffer.from('123456789'));
    assert.equal(hexOf(digest.digest()), expected[algorithm], algorithm);
  }
});

test('a checksum does not depend on how the bytes were cut', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, cut) => {
      for (const algorithm of checksumAlgorithms) {
        const whole = createDigest(algorithm);
        whole.update(bytes);
        const parts = createDigest(algorithm);
        parts.update(bytes.subarray(0, cut));
        parts.update(bytes.subarray(cut));
        assert.equal(parts.digest(), whole.digest());
      }
    }),
    { numRuns: 200 },
  );
});

test('eight bytes at a step give the same as one byte at a step', () => {
  const bytes = Buffer.from(Array.from({ length: 1000 }, (_, index) => (index * 131) & 0xff));
  for (const algorithm of ['CRC32C', 'CRC64NVME'] as const) {
    const whole = createDigest(algorithm);
    whole.update(bytes);
    const single = createDigest(algorithm);
    for (const byte of bytes) single.update(Uint8Array.of(byte));
    assert.equal(single.digest(), whole.digest());
  }
});

test('header names and values are recognised', () => {
  assert.equal(checksumAlgorithmOf('X-Amz-Checksum-Crc64nvme'), 'CRC64NVME');
  assert.equal(checksumAlgorithmOf('x-amz-checksum-type'), undefined);
  assert.equal(isChecksumValue('CRC32', 'y/Q5Jg=='), true);
  assert.equal(isChecksumValue('CRC32', 'y/Q5'), false);
  assert.equal(isChecksumValue('CRC32', '!!!!!!=='), false);
});
