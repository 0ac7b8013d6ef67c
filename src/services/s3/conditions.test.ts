import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkReadConditions, checkWriteConditions, parseRange } from './conditions.ts';

test('a single range is clipped to the object, and everything that is no range means the whole', () => {
  const cases: readonly [string | undefined, ReturnType<typeof parseRange>][] = [
    ['bytes=0-4', { first: 0, last: 4 }],
    ['bytes=5-', { first: 5, last: 9 }],
    ['bytes=-3', { first: 7, last: 9 }],
    ['bytes=-99', { first: 0, last: 9 }],
    ['bytes=8-99', { first: 8, last: 9 }],
    ['bytes=4-2', undefined],
    ['bytes=0-1,3-4', undefined],
    ['bytes=-', undefined],
    ['lines=1-2', undefined],
    [undefined, undefined],
  ];
  for (const [text, range] of cases) assert.deepEqual(parseRange(text, 10), range, text);
});

test('a range beyond the object is refused', () => {
  for (const text of ['bytes=10-', 'bytes=10-20', 'bytes=-0']) {
    assert.throws(() => parseRange(text, 10), { code: 'InvalidRange', status: 416 });
  }
  assert.throws(() => parseRange('bytes=0-0', 0), { code: 'InvalidRange' });
});

test('reads obey entity tags before dates', () => {
  const at = Date.UTC(2026, 0, 1, 12, 0, 0, 400);
  const check = (conditions: Parameters<typeof checkReadConditions>[0]) =>
    checkReadConditions(conditions, 'abc', at);
  const later = new Date(at + 60_000);
  const earlier = new Date(at - 60_000);
  check({ IfMatch: '"abc"' });
  check({ IfMatch: 'abc', IfUnmodifiedSince: earlier });
  check({ IfNoneMatch: '"other"', IfModifiedSince: later });
  check({ IfUnmodifiedSince: new Date(Math.floor(at / 1000) * 1000) });
  assert.throws(() => check({ IfMatch: '"other"' }), { code: 'PreconditionFailed', status: 412 });
  assert.throws(() => check({ IfUnmodifiedSince: earlier }), { code: 'PreconditionFailed' });
  assert.throws(() => check({ IfNoneMatch: '"x", W/"abc"' }), { code: 'NotModified', status: 304 });
  assert.throws(() => check({ IfModifiedSince: later }), { code: 'NotModified' });
});

test('conditional writes create once and replace only what they know', () => {
  checkWriteConditions({ IfNoneMatch: '*' }, 'k', undefined);
  checkWriteConditions({ IfMatch: '"abc"' }, 'k', 'abc');
  assert.throws(() => checkWriteConditions({ IfNoneMatch: '*' }, 'k', 'abc'), { code: 'PreconditionFailed' });
  assert.throws(() => checkWriteConditions({ IfMatch: '"abc"' }, 'k', 'x'), { code: 'PreconditionFailed' });
  assert.throws(() => checkWriteConditions({ IfMatch: '"abc"' }, 'k', undefined), { code: 'NoSuchKey' });
  assert.throws(() => checkWriteConditions({ IfNoneMatch: '"abc"' }, 'k', 'x'), { code: 'NotImplemented' });
});
