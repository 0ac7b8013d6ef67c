import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { matchesGlob, parseGlob, type GlobDialect } from './glob.ts';

function matches(pattern: string, path: string, dialect?: GlobDialect): boolean {
  const glob = parseGlob(pattern, dialect);
  assert.ok(glob);
  return matchesGlob(glob, path);
}

test('patterns match as the artifact rules of a buildspec say', () => {
  const cases: [string, string, boolean][] = [
    ['**/*', 'a', true],
    ['**/*', 'a/b/.c', true],
    ['dir/*', 'dir/a', true],
    ['dir/*', 'dir/a/b', false],
    ['dir/**/*', 'dir/a', true],
    ['dir/**/*', 'dir/a/b/c', true],
    ['dir/**', 'dir/a/b', true],
    ['**/*.map', 'x.map', true],
    ['**/*.map', 'a/b/x.map', true],
    ['**/*.map', 'a/b/x.mapp', false],
    ['**/test/**', 'a/test/b', true],
    ['**/test/**', 'atest/b', false],
    ['my-build*', 'my-build1', true],
    ['target/*.jar', 'target/app.jar', true],
    ['*.{js,css}', 'x.css', true],
    ['*.{js,css}', 'x.html', false],
    ['a?c', 'abc', true],
    ['a?c', 'a/c', false],
    ['[a-c]x', 'bx', true],
    ['[!a-c]x', 'bx', false],
    ['[', '[', true],
    ['a{b', 'a{b', true],
    ['a', 'ab', false],
  ];
  for (const [pattern, path, expected] of cases) {
    assert.equal(matches(pattern, path), expected, `${pattern} ${path}`);
  }
});

test('a path without special characters matches exactly itself', () => {
  const name = fc.stringMatching(/^[a-z.]{1,6}$/);
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), fc.array(name, { minLength: 1 }), (a, b) => {
      const [left, right] = [a.join('/'), b.join('/')];
      assert.equal(matches(left, right), left === right);
      assert.ok(matches('**/*', left));
      assert.ok(matches(`**/${a.at(-1)}`, left));
    }),
  );
});

test('a pattern made to explode is matched in no time, and too many alternatives are refused', () => {
  assert.equal(matches('*a'.repeat(200) + 'b', 'a'.repeat(2000)), false);
  assert.equal(parseGlob('{a,b}'.repeat(20)), undefined);
  assert.equal(parseGlob('x'.repeat(2000)), undefined);
});

test('in the dialect of triggers a backslash escapes, and ** crosses components anywhere', () => {
  const cases: [string, string, boolean][] = [
    ['main', 'main', true],
    ['main', 'Main', false],
    ['feature/**', 'feature/a/b', true],
    ['feature/**', 'feature', false],
    ['feature/x*', 'feature/x1', true],
    ['feature/x*', 'feature/x1/y', false],
    ['feature/x**', 'feature/x1/y', true],
    ['a**z', 'a/b/z', true],
    ['**/x', 'x', true],
    ['**/x', 'a/b/x', true],
    ['**.md', 'docs/a.md', true],
    ['*.md', 'docs/a.md', false],
    ['docs/**', 'docs/.hidden', true],
    ['v?.0', 'v1.0', true],
    ['v?.0', 'v/.0', false],
    ['v[0-9].*', 'v1.2', true],
    ['v[!0-9].*', 'v1.2', false],
    ['{main,release/*}', 'release/1', true],
    ['{main,release/*}', 'maine', false],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['\\{a,b\\}', '{a,b}', true],
    ['{a\\,b,c}', 'a,b', true],
    ['{a\\,b,c}', 'b', false],
    ['a\\\\b', 'a\\b', true],
    ['\\[a]', '[a]', true],
    ['a\\', 'a\\', true],
  ];
  for (const [pattern, path, expected] of cases) {
    assert.equal(matches(pattern, path, 'trigger'), expected, `${pattern} ${path}`);
  }
});

/** The same language by trying everything: slow, and plain enough to be believed. */
function slowly(pattern: string, path: string, isStart = true): boolean {
  if (pattern === '') return path === '';
  if (pattern.startsWith('\\') && pattern.length > 1) {
    return path[0] === pattern[1] && slowly(pattern.slice(2), path.slice(1), false);
  }
  if (isStart && pattern.startsWith('**/')) {
    const rests = [path, ...[...path].flatMap((each, i) => (each === '/' ? [path.slice(i + 1)] : []))];
    return rests.some((rest) => slowly(pattern.slice(3), rest));
  }
  const [first = ''] = pattern;
  if (pattern.startsWith('**') || first === '*') {
    const length = pattern.startsWith('**') ? 2 : 1;
    const segment = length === 2 ? path.length : path.split('/')[0]?.length;
    for (let i = 0; i <= (segment ?? 0); i++)
      if (slowly(pattern.slice(length), path.slice(i), false)) return true;
    return false;
  }
  const fits = first === '?' ? path !== '' && path[0] !== '/' : path[0] === first;
  return fits && slowly(pattern.slice(1), path.slice(1), first === '/');
}

test('the fast matcher and the slow one agree on every pattern of triggers', () => {
  const pattern = fc
    .array(fc.constantFrom('a', 'b', '/', '*', '**', '**/', '?', '\\*', '\\a'), { maxLength: 8 })
    .map((parts) => parts.join(''))
    // What three and more stars in a row mean is nobody's question.
    .filter((text) => !text.includes('***'));
  const path = fc.array(fc.constantFrom('a', 'b', '/', '*'), { maxLength: 8 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(pattern, path, (left, right) => {
      assert.equal(matches(left, right, 'trigger'), slowly(left, right));
    }),
    { numRuns: 2000 },
  );
});

test('a spent budget ends the matching', () => {
  const glob = parseGlob('**a'.repeat(80), 'trigger');
  assert.ok(glob);
  const budget = { left: 1000 };
  assert.equal(matchesGlob(glob, 'a'.repeat(4000), budget), false);
  assert.ok(budget.left < 0);
});
