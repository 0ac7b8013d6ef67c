/** Every operator of the Condition block, missing keys, sets of values, variables. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileCondition, createContext, holds } from './conditions.ts';

type Values = Readonly<Record<string, string | readonly string[]>>;

function check(operator: string, values: string | readonly string[], context: Values): boolean | undefined {
  const list = typeof values === 'string' ? [values] : values;
  const condition = compileCondition({ operator, key: 'Test:Key', values: list }, true);
  assert.ok(condition, operator);
  const known = createContext(context);
  return holds(condition, known, (key) => (known.get(key)?.length === 1 ? known.get(key)?.[0] : undefined));
}

const key = (value: string | readonly string[]) => ({ 'test:KEY': value });

test('each operator compares as documented', () => {
  const cases: readonly [string, string | readonly string[], string, boolean][] = [
    ['StringEquals', 'a', 'a', true],
    ['StringEquals', 'a', 'A', false],
    ['StringEquals', 'a*', 'ab', false],
    ['StringEquals', ['b', 'a'], 'a', true],
    ['StringNotEquals', ['b', 'a'], 'a', false],
    ['StringNotEquals', ['b', 'c'], 'a', true],
    ['StringEqualsIgnoreCase', 'AbC', 'aBc', true],
    ['StringNotEqualsIgnoreCase', 'AbC', 'aBc', false],
    ['StringLike', 'a*c?', 'abbcd', true],
    ['StringNotLike', 'a*', 'b', true],
    ['NumericEquals', '10', '10.0', true],
    ['NumericNotEquals', '10', '11', true],
    ['NumericLessThan', '10', '9', true],
    ['NumericLessThanEquals', '10', '10', true],
    ['NumericGreaterThan', '10', '10', false],
    ['NumericGreaterThanEquals', '10', 'ten', false],
    ['DateLessThan', '2026-01-01T00:00:00Z', '2025-12-31T23:59:59Z', true],
    ['DateGreaterThan', '2026-01-01', '1800000000', true],
    ['DateEquals', '2026-01-01T01:00:00+01:00', '2026-01-01T00:00:00Z', true],
    ['DateNotEquals', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', false],
    ['DateLessThanEquals', '2026', '2026-01-01T00:00:00Z', true],
    ['DateGreaterThanEquals', 'soon', '2026-01-01T00:00:00Z', false],
    ['Bool', 'TRUE', 'true', true],
    ['Bool', 'true', 'false', false],
    ['BinaryEquals', 'QmluYXJ5', 'QmluYXJ5', true],
    ['IpAddress', '203.0.113.0/24', '203.0.113.77', true],
    ['IpAddress', '203.0.113.0/24', '203.0.114.1', false],
    ['IpAddress', '127.0.0.1', '::ffff:127.0.0.1', true],
    ['IpAddress', '2001:db8::/32', '2001:db8:1::5', true],
    ['IpAddress', '0.0.0.0/0', '::1', false],
    ['IpAddress', 'nonsense', '1.2.3.4', false],
    ['NotIpAddress', '10.0.0.0/8', '192.168.1.1', true],
    ['ArnEquals', 'arn:aws:s3:::b*', 'arn:aws:s3:::bucket', true],
    ['ArnLike', 'arn:aws:*:::b', 'arn:aws:s3:::b', true],
    ['ArnLike', 'arn:aws:*:b', 'arn:aws:s3:::b', false],
    ['ArnLike', 'arn:aws:iam::*:role/a', 'arn:aws:iam::1:2:role/a', false],
    ['ArnNotEquals', 'arn:aws:s3:::b', 'arn:aws:s3:::c', true],
    ['ArnNotLike', 'arn:aws:s3:::*', 'arn:aws:s3:::c', false],
    ['Null', 'false', 'x', true],
    ['Null', 'true', 'x', false],
  ];
  for (const [operator, values, text, expected] of cases) {
    assert.equal(check(operator, values, key(text)), expected, `${operator} ${String(values)} ~ ${text}`);
  }
});

test('a missing key fails what is positive and satisfies what is negated', () => {
  assert.equal(check('StringEquals', 'a', {}), false);
  assert.equal(check('StringNotEquals', 'a', {}), true);
  assert.equal(check('StringEqualsIfExists', 'a', {}), true);
  assert.equal(check('StringEqualsIfExists', 'a', key('b')), false);
  assert.equal(check('Null', 'true', {}), true);
  assert.equal(check('Null', 'false', {}), false);
  assert.equal(check('ForAllValues:StringEquals', 'a', {}), true);
  assert.equal(check('ForAllValues:StringEquals', 'a', key([])), true);
  assert.equal(check('ForAnyValue:StringEquals', 'a', {}), false);
  assert.equal(check('ForAnyValue:StringEqualsIfExists', 'a', {}), true);
});

test('set operators look at every value of the key', () => {
  assert.equal(check('ForAllValues:StringEquals', ['a', 'b'], key(['a', 'b'])), true);
  assert.equal(check('ForAllValues:StringEquals', ['a'], key(['a', 'b'])), false);
  assert.equal(check('ForAnyValue:StringLike', ['b*'], key(['a', 'bc'])), true);
  assert.equal(check('ForAnyValue:StringNotEquals', ['a'], key(['a', 'b'])), true);
  assert.equal(check('ForAllValues:StringNotEquals', ['a'], key(['a', 'b'])), false);
});

test('variables stand for context keys, literally, with defaults and escapes', () => {
  const context = { ...key('home/ann*'), 'aws:username': 'ann*' };
  assert.equal(check('StringEquals', 'home/${aws:username}', context), true);
  assert.equal(check('StringLike', '${aws:UserName}', { ...key('annX'), 'aws:username': 'ann*' }), false);
  assert.equal(check('StringEquals', "${aws:none, 'nobody'}", key('nobody')), true);
  assert.equal(check('StringEquals', '${aws:none}', key('x')), undefined);
  assert.equal(check('StringNotEquals', '${aws:none}', key('x')), undefined);
  assert.equal(check('StringLike', 'a${*}${?}${$}', key('a*?$')), true);
  assert.equal(check('StringLike', 'a${*}', key('ab')), false);
  assert.equal(check('NumericEquals', '${aws:n}', { ...key('1'), 'aws:n': '1' }), false);
});

test('an operator that does not exist is not compiled', () => {
  assert.equal(compileCondition({ operator: 'StringEqualz', key: 'a', values: [] }, true), undefined);
  assert.equal(compileCondition({ operator: 'ForSome:StringEquals', key: 'a', values: [] }, true), undefined);
});
