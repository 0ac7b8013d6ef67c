/** Wildcards against a slow reference, and against patterns made to hurt. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileGlob, matchesGlob, type GlobToken } from './glob.ts';

const tokensOf = (pattern: string): GlobToken[] =>
  [...pattern].map((one) => (one === '*' ? 'star' : one === '?' ? 'one' : { literal: one }));
const matches = (pattern: string, text: string) => matchesGlob(compileGlob(tokensOf(pattern)), text);

/** Slow and obvious. */
function reference(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  const [head, rest] = [pattern[0], pattern.slice(1)];
  if (head === '*') return reference(rest, text) || (text !== '' && reference(pattern, text.slice(1)));
  return text !== '' && (head === '?' || head === text[0]) && reference(rest, text.slice(1));
}

test('a star is any run and a question mark is one character', () => {
  assert.equal(matches('*', ''), true);
  assert.equal(matches('a*c', 'abbc'), true);
  assert.equal(matches('a*c', 'abcd'), false);
  assert.equal(matches('a?c', 'abc'), true);
  assert.equal(matches('a?c', 'ac'), false);
  assert.equal(matches('ab*ba', 'aba'), false, 'the ends of a pattern do not share characters');
  assert.equal(matches('*?b?*', 'xaby'), true);
});

test('matching agrees with a slow reference', () => {
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
  const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 });
  fc.assert(
    fc.property(pattern, text, (p, t) => matches(p, t) === reference(p, t)),
    { numRuns: 3000 },
  );
});

test('runs with question marks longer than a machine word are found', () => {
  const run = `${'a'.repeat(40)}?${'b'.repeat(40)}`;
  assert.equal(matches(`*${run}*`, `aaa${'a'.repeat(40)}c${'b'.repeat(40)}bbb`), true);
  assert.equal(matches(`*${run}*`, `aaa${'a'.repeat(39)}cc${'b'.repeat(39)}bbb`), false);
});

test('hostile patterns end: by backtracking, these would not within a lifetime', () => {
  const text = 'a'.repeat(50_000);
  const hostile = [
    '*a'.repeat(3000) + 'b',
    `*${'a'.repeat(3000)}b*`,
    '*?a'.repeat(2000) + 'b',
    `*${'a?'.repeat(1500)}b*`,
  ];
  for (const pattern of hostile) assert.equal(matches(pattern, text), false);
});
