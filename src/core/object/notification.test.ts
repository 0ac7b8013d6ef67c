import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findOverlap, listenersOf, type NotificationRule } from './notification.ts';

const rule = (some: Partial<NotificationRule>): NotificationRule => ({
  id: 'one',
  target: 'queue',
  arn: 'arn:q',
  events: ['s3:ObjectCreated:*'],
  prefix: '',
  suffix: '',
  ...some,
});

test('kind, beginning and end of the key decide who is told', () => {
  const rules = [
    rule({ prefix: 'img/', suffix: '.png' }),
    rule({ id: 'two', events: ['s3:ObjectRemoved:Delete'] }),
  ];
  const ids = (...change: [Parameters<typeof listenersOf>[1], string]) =>
    listenersOf(rules, ...change).map(({ configurationId }) => configurationId);
  assert.deepEqual(ids('ObjectCreated:Copy', 'img/a.png'), ['one']);
  assert.deepEqual(ids('ObjectCreated:Put', 'img/a.jpg'), []);
  assert.deepEqual(ids('ObjectRemoved:Delete', 'img/a.png'), ['two']);
  assert.deepEqual(ids('ObjectRemoved:DeleteMarkerCreated', 'x'), []);
});

test('rules that would tell of one change twice are found', () => {
  const table: readonly (readonly [Partial<NotificationRule>, boolean])[] = [
    [{}, true],
    [{ events: ['s3:ObjectCreated:Put'], prefix: 'a' }, true],
    [{ events: ['s3:ObjectRemoved:*'] }, false],
  ];
  for (const [some, expected] of table) {
    assert.equal(
      findOverlap([rule({}), rule({ id: 'two', ...some })]) !== undefined,
      expected,
      JSON.stringify(some),
    );
  }
  assert.equal(findOverlap([rule({ prefix: 'a/' }), rule({ prefix: 'b/' })]), undefined);
  assert.equal(findOverlap([rule({ suffix: '.png' }), rule({ suffix: '.jpg' })]), undefined);
  assert.deepEqual(findOverlap([rule({ prefix: 'a/' }), rule({ id: 'two', prefix: 'a/b' })]), ['one', 'two']);
});
