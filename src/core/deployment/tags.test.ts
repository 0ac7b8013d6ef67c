import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSelected, tagFilterOf } from './tags.ts';

const tags = [
  { key: 'Stage', value: 'prod' },
  { key: 'Role', value: 'web' },
];
const filter = tagFilterOf;

test('filters of a list are alternatives, lists of a set must each be met', () => {
  assert.equal(
    isSelected(tags, { filters: [filter('Role', 'db'), filter('Stage', 'prod')], sets: [] }),
    true,
  );
  assert.equal(isSelected(tags, { filters: [filter('Role', 'db')], sets: [] }), false);
  assert.equal(
    isSelected(tags, { filters: [], sets: [[filter('Stage', 'prod')], [filter('Role', 'db')]] }),
    false,
  );
  assert.equal(
    isSelected(tags, { filters: [], sets: [[filter('Stage', 'prod')], [filter('Role', 'web')]] }),
    true,
  );
});

test('the type of a filter follows from its members, and no filter selects nothing', () => {
  assert.equal(isSelected(tags, { filters: [filter('Role', undefined)], sets: [] }), true);
  assert.equal(isSelected(tags, { filters: [filter(undefined, 'web')], sets: [] }), true);
  assert.equal(isSelected(tags, { filters: [filter('Role', 'db', 'KEY_ONLY')], sets: [] }), true);
  assert.equal(isSelected(tags, { filters: [], sets: [] }), false);
});
