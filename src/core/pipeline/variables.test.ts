/** References to variables: what they are, how they resolve, and that no value can break what it is put into. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { referencesIn, resolveJson, resolveText } from './variables.ts';

const lookup = (namespace: string, key: string) =>
  namespace === 'Source' && key === 'CommitMessage' ? 'say "hi"\nnow' : undefined;

test('a value may hold several references, and the text around them stays', () => {
  const values = (namespace: string, key: string) => `${namespace}/${key}`;
  assert.deepEqual(resolveText('a #{x.y} b #{z.w}!', values), { text: 'a x/y b z/w!' });
});

test('a reference without a value is named as it was written', () => {
  assert.deepEqual(resolveText('v-#{Nope.Key}', lookup), { missing: '#{Nope.Key}' });
});

test('a commit message with quotes and newlines cannot break the JSON it is put into', () => {
  const resolved = resolveJson('[{"name":"M","value":"#{Source.CommitMessage}"}]', lookup);
  assert.ok('text' in resolved);
  assert.deepEqual(JSON.parse(resolved.text), [{ name: 'M', value: 'say "hi"\nnow' }]);
});

test('what is not a namespace and a key is malformed', () => {
  assert.deepEqual(referencesIn('#{Nope} #{a.b} #{a.b.c}'), {
    references: [{ text: '#{a.b}', namespace: 'a', key: 'b' }],
    malformed: ['#{Nope}', '#{a.b.c}'],
  });
});

test('resolving never throws and leaves values without references as they are', () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      const resolved = resolveText(value, lookup);
      if (!value.includes('#{')) assert.deepEqual(resolved, { text: value });
      resolveJson(value, lookup);
    }),
  );
});

test('JSON that nests without end is taken as text', () => {
  const deep = `${'['.repeat(50_000)}"#{Source.CommitMessage}"${']'.repeat(50_000)}`;
  const resolved = resolveJson(deep, lookup);
  assert.ok('text' in resolved && resolved.text.includes('say "hi"'));
});
