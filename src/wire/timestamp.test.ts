/** Timestamps in each of their formats. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatTimestamp, parseTimestamp } from './timestamp.ts';

test('a timestamp is read as it was written', () => {
  const dates = fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true });
  fc.assert(
    fc.property(dates, (date) => {
      assert.deepEqual(parseTimestamp(formatTimestamp(date, 'iso8601')), date);
      assert.deepEqual(parseTimestamp(date.getTime() / 1000), date);
      assert.deepEqual(parseTimestamp(formatTimestamp(date, 'unixTimestamp')), date);
      const inSeconds = new Date(date.getTime() - (date.getTime() % 1000));
      assert.deepEqual(parseTimestamp(formatTimestamp(date, 'rfc822')), inSeconds);
    }),
  );
});

test('milliseconds are left out where they are zero', () => {
  assert.equal(formatTimestamp(new Date(1000), 'iso8601'), '1970-01-01T00:00:01Z');
  assert.equal(formatTimestamp(new Date(1001), 'iso8601'), '1970-01-01T00:00:01.001Z');
});

test('a time without a zone is UTC', () => {
  const expected = new Date('2026-05-01T10:00:00Z');
  for (const text of ['2026-05-01T10:00', '2026-05-01T10:00:00Z', '2026-05-01T12:00:00+02:00']) {
    assert.deepEqual(parseTimestamp(text), expected);
  }
  assert.deepEqual(parseTimestamp('2026-05-01'), new Date('2026-05-01T00:00:00Z'));
});

test('what is no timestamp is not read', () => {
  for (const text of [
    '',
    'now',
    '2026-13-01',
    '1e3',
    '0x10',
    'Fri, 99 May 2026 10:00:00 GMT',
    '9'.repeat(40),
  ]) {
    assert.equal(parseTimestamp(text), undefined, text);
  }
  assert.equal(parseTimestamp(Number.NaN), undefined);
  assert.equal(parseTimestamp(1e300), undefined);
});
