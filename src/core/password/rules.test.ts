import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_RULES, isExpired, passwordFault } from './rules.ts';

test('without a policy: eight characters of three kinds, and no name', () => {
  const fault = (password: string) => passwordFault(DEFAULT_RULES, password, ['Ann-Lee-2']);
  assert.equal(fault('aB3aB3a'), 'Password should have a minimum length of 8');
  assert.match(fault('abcdefgh1') ?? '', /at least 3 of/);
  assert.equal(fault('abcdefG1'), undefined);
  assert.equal(fault('abcdef-1'), undefined);
  assert.match(fault('ann-lee-2') ?? '', /should not be the name/);
});

test('a policy asks for each kind by name', () => {
  const strict = {
    ...DEFAULT_RULES,
    kindsMin: 0,
    symbols: true,
    numbers: true,
    uppercase: true,
    lowercase: true,
  };
  const fault = (password: string) => passwordFault(strict, password, []);
  assert.equal(fault('abcdefg1!'), 'Password should have at least one uppercase letter');
  assert.equal(fault('ABCDEFG1!'), 'Password should have at least one lowercase letter');
  assert.equal(fault('abcdefgH!'), 'Password should have at least one number');
  assert.equal(fault('abcdefgH1'), 'Password should have at least one symbol');
  assert.equal(fault('abcdefgH1!'), undefined);
});

test('passwords expire at the end of their last day', () => {
  const rules = { ...DEFAULT_RULES, ageDaysMax: 90 };
  assert.equal(isExpired(rules, 0, 90 * 86_400_000 - 1), false);
  assert.equal(isExpired(rules, 0, 90 * 86_400_000), true);
  assert.equal(isExpired(DEFAULT_RULES, 0, Number.MAX_SAFE_INTEGER), false);
});
