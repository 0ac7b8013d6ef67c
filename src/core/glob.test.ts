import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { matchesGlob, parseGlob } from './glob.ts';

function matches(pattern: string, path: string): boolean {
  const glob = parseGlob(pattern);
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
