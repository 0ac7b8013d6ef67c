/** JSON and YAML as data with places; texts that are neither, and texts that are made to hurt. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readPlaced } from './placed-document.ts';

const YAML = `# a comment
name: web
stages:
  - name: S1
    actions: [{ name: A }, { name: B }]
`;

test('YAML is data, and everything in it has a place', () => {
  const { value, faults, placeOf } = readPlaced(YAML);
  assert.deepEqual(faults, []);
  assert.deepEqual(value, { name: 'web', stages: [{ name: 'S1', actions: [{ name: 'A' }, { name: 'B' }] }] });
  assert.deepEqual(placeOf(['name']), { line: 2, column: 7 }, 'a text is pointed at itself');
  assert.deepEqual(placeOf(['stages']), { line: 3, column: 1 }, 'a list at its name');
  assert.deepEqual(placeOf(['stages', 0]), { line: 4, column: 5 });
  assert.deepEqual(placeOf(['stages', 0, 'actions', 1, 'name']), { line: 5, column: 36 });
});

test('what does not exist is where it ought to be', () => {
  const { placeOf } = readPlaced(YAML);
  assert.deepEqual(placeOf(['stages', 0, 'onFailure', 'result']), { line: 4, column: 5 });
  assert.deepEqual(placeOf(['nothing']), { line: 2, column: 1 });
});

test('JSON is data too', () => {
  const { value, faults, placeOf } = readPlaced('{\n\t"a": [1, {"b": null}]\n}\n');
  assert.deepEqual(faults, []);
  assert.deepEqual(value, { a: [1, { b: null }] });
  assert.deepEqual(placeOf(['a', 1, 'b']), { line: 2, column: 17 });
});

test('what YAML takes and JSON does not is a fault in a text that looks like JSON', () => {
  assert.deepEqual(readPlaced('{\n  "a": 1,\n}').faults, [
    { message: 'This is not JSON: Expected double-quoted property name', place: { line: 3, column: 1 } },
  ]);
  assert.deepEqual(readPlaced('{\n  "a": [1').faults[0]?.place, { line: 2, column: 10 });
});

test('a text that cannot be read says where', () => {
  assert.deepEqual(readPlaced('a: 1\na: 2\n').faults, [
    { message: 'Map keys must be unique', place: { line: 2, column: 1 } },
  ]);
  assert.deepEqual(readPlaced('a: [1\nb: 2\n').faults[0]?.place.line, 2);
});

test('an alias stands for what its anchor names, and is placed where it stands', () => {
  const { value, placeOf } = readPlaced('a: &x { b: 1 }\nc: *x\n');
  assert.deepEqual(value, { a: { b: 1 }, c: { b: 1 } });
  assert.equal(placeOf(['c']).line, 2);
});

test('aliases of aliases, and endless nesting, end', () => {
  const lines = Array.from({ length: 30 }, (_, index) => {
    const before = `*a${index - 1}`;
    return `a${index}: &a${index} [${index === 0 ? 'x' : Array(10).fill(before).join(', ')}]`;
  });
  const hostile = {
    bomb: lines.join('\n'),
    nested: '['.repeat(20_000),
    circle: 'a: &a [*a]',
    huge: ' '.repeat(6_000_000),
  };
  for (const [name, text] of Object.entries(hostile)) assert.equal(readPlaced(text).faults.length, 1, name);
});

test('every JSON text is read as what it is, and no text throws', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      assert.deepEqual(
        readPlaced(JSON.stringify(value, undefined, 2)).value,
        JSON.parse(JSON.stringify(value)),
      );
    }),
  );
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void readPlaced(text).placeOf(['a', 0])));
});
