import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isUploadForgotten, judgeVersions, type AgedVersion, type LifecycleRule } from './lifecycle.ts';

const DAY = 24 * 3_600_000;
const rule: LifecycleRule = { id: 'r', isEnabled: true, isOld: false, prefix: 'tmp/', tags: {} };
const version: AgedVersion = {
  versionId: 'v1',
  isMarker: false,
  sizeBytes: 10,
  modifiedAt: 5 * DAY + 1,
  tags: {},
};

test('an object expires at the midnight after its age', () => {
  const rules = [{ ...rule, expirationDays: 1 }];
  const judge = (now: number, key = 'tmp/a') => judgeVersions(rules, key, [version], now).expiresCurrent;
  assert.equal(judge(7 * DAY - 1), false);
  assert.equal(judge(7 * DAY), true);
  assert.equal(judge(7 * DAY, 'other'), false);
});

test('tags and sizes narrow a rule', () => {
  const now = 9 * DAY;
  const judge = (more: Partial<LifecycleRule>, tags = {}) =>
    judgeVersions([{ ...rule, expirationDays: 1, ...more }], 'tmp/a', [{ ...version, tags }], now)
      .expiresCurrent;
  assert.equal(judge({ tags: { keep: 'no' } }), false);
  assert.equal(judge({ tags: { keep: 'no' } }, { keep: 'no' }), true);
  assert.equal(judge({ sizeAbove: 10 }), false);
  assert.equal(judge({ sizeAbove: 9, sizeBelow: 11 }), true);
  assert.equal(judge({ isEnabled: false }), false);
});

test('old versions go by the time at which they stopped being current, and the newest of them may stay', () => {
  const versions = [3, 2, 1].map((n) => ({ ...version, versionId: `v${n}`, modifiedAt: n * DAY }));
  const judge = (newerKept: number | undefined, now: number) =>
    judgeVersions([{ ...rule, noncurrentDays: 2, newerKept }], 'tmp/a', versions, now).versionIds;
  assert.deepEqual(judge(undefined, 4 * DAY), ['v1']);
  assert.deepEqual(judge(undefined, 5 * DAY), ['v2', 'v1']);
  assert.deepEqual(judge(1, 5 * DAY), ['v1']);
});

test('a marker with nothing under it goes, and one over versions stays', () => {
  const rules = [{ ...rule, expiresLoneMarkers: true }];
  const marker = { ...version, versionId: 'm', isMarker: true };
  assert.deepEqual(judgeVersions(rules, 'tmp/a', [marker], 6 * DAY).versionIds, ['m']);
  assert.deepEqual(judgeVersions(rules, 'tmp/a', [marker, version], 6 * DAY).versionIds, []);
});

test('an upload is forgotten by its prefix and age', () => {
  const rules = [{ ...rule, abortDays: 2 }];
  assert.equal(isUploadForgotten(rules, 'tmp/a', DAY, 3 * DAY), true);
  assert.equal(isUploadForgotten(rules, 'tmp/a', DAY + 1, 3 * DAY), false);
  assert.equal(isUploadForgotten(rules, 'a', DAY, 3 * DAY), false);
});

test('the current version is never removed for good, and nothing comes back with time', () => {
  const some = fc.record({
    isMarker: fc.boolean(),
    sizeBytes: fc.nat(20),
    modifiedAt: fc.nat(10 * DAY),
  });
  const rules = fc.array(
    fc.record({
      prefix: fc.constantFrom('', 'tmp/', 'x'),
      expirationDays: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
      noncurrentDays: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    }),
    { maxLength: 3 },
  );
  fc.assert(
    fc.property(rules, fc.array(some, { maxLength: 5 }), fc.nat(20 * DAY), (given, drawn, now) => {
      const all = given.map((each) => ({ ...rule, ...each }));
      const versions = drawn.map((each, index) => ({ ...version, ...each, versionId: `v${index}` }));
      const verdict = judgeVersions(all, 'tmp/a', versions, now);
      const later = judgeVersions(all, 'tmp/a', versions, now + DAY);
      assert.ok(verdict.versionIds.every((id) => later.versionIds.includes(id)));
      assert.ok(!verdict.expiresCurrent || later.expiresCurrent);
      if (versions[0]?.isMarker === false) assert.ok(!verdict.versionIds.includes('v0'));
    }),
  );
});
