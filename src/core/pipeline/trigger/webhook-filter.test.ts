import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { filterFault, passFilters } from './webhook-filter.ts';
import { parseJsonPath, selectValues } from './webhook-path.ts';

const BODY = {
  ref: 'refs/heads/main',
  forced: false,
  size: 2,
  before: null,
  commits: [
    { id: 'a', files: ['x'] },
    { id: 'b', files: ['y', 'z'] },
  ],
  'odd name': { 'a.b': 1 },
};

function select(text: string, body: unknown = BODY): unknown {
  const path = parseJsonPath(text);
  if (!path) return 'no path';
  const selected = selectValues(path, body);
  return selected.type === 'values' ? selected.values : selected.type;
}

test('paths choose members, elements, all of them, and at any depth', () => {
  const cases: [string, unknown][] = [
    ['$', [BODY]],
    ['$.ref', ['refs/heads/main']],
    ["$['ref']", ['refs/heads/main']],
    ['$["odd name"][\'a.b\']', [1]],
    ['$.commits[0].id', ['a']],
    ['$.commits[-1].id', ['b']],
    ['$.commits[*].id', ['a', 'b']],
    ['$.commits.*.files[0]', ['x', 'y']],
    ['$..id', ['a', 'b']],
    ['$..files[*]', ['x', 'y', 'z']],
    ['$..[0]', [BODY.commits[0], 'x', 'y']],
    ['$.none', []],
    ['$.ref.length', []],
    ['$.commits[7]', []],
    ['$.constructor', []],
    ['$.__proto__', []],
    ['$.commits.length', []],
  ];
  for (const [path, expected] of cases) assert.deepEqual(select(path), expected, path);
});

test('what is not such a path is no path', () => {
  const wrong = [
    ...[
      '',
      'ref',
      '.ref',
      '$ref',
      '$.',
      '$..',
      '$...a',
      '$.[0]',
      '$[',
      '$[]',
      '$[a]',
      '$[0',
      "$['a]",
      '$.a b',
    ],
    ...[
      '$.a[?(@.b)]',
      '$.a[(@.length-1)]',
      '$.a[0:2]',
      '$.a[0,1]',
      '$.a.length()',
      '$.a[1e3]',
      '$[99999999999]',
    ],
  ];
  for (const path of wrong) assert.equal(parseJsonPath(path), undefined, path);
});

test('parsing never throws, and what was parsed selects from anything', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 150 }), fc.jsonValue(), (text, body) => {
      for (const path of [parseJsonPath(text), parseJsonPath(`$${text}`)]) {
        if (path) selectValues(path, body);
      }
    }),
  );
});

test('bodies made to take long are refused, however deep or wide', () => {
  const wide = JSON.parse(`[${'[1,1,1],'.repeat(100_000)}0]`) as unknown;
  assert.equal(select('$..*..*..*..*', wide), 'exceeded');
  const deep = JSON.parse('[0,'.repeat(100_000) + '1' + ']'.repeat(100_000)) as unknown;
  assert.equal(select('$..[0]..[0]..[0]', deep), 'exceeded');
  assert.deepEqual(select('$[0]', deep), [0]);
});

const passes = (filters: Parameters<typeof passFilters>[0], configuration = { Branch: 'main' }) =>
  passFilters(filters, configuration, BODY);

test('all filters must pass, and values are compared as text', () => {
  const branch = { jsonPath: '$.ref', matchEquals: 'refs/heads/{Branch}' };
  assert.equal(passes([]), 'passed');
  assert.equal(passes([branch]), 'passed');
  assert.equal(passes([branch], { Branch: 'other' }), 'ignored');
  assert.equal(passes([branch, { jsonPath: '$.forced', matchEquals: 'false' }]), 'passed');
  assert.equal(passes([branch, { jsonPath: '$.size', matchEquals: '3' }]), 'ignored');
  assert.equal(passes([{ jsonPath: '$.commits[*].id', matchEquals: 'b' }]), 'passed');
  assert.equal(passes([{ jsonPath: '$.commits', matchEquals: '[object Object]' }]), 'ignored');
  assert.equal(passes([{ jsonPath: '$.before' }]), 'passed');
  assert.equal(passes([{ jsonPath: '$.after' }]), 'ignored');
});

test('a value in a setting is text, not a pattern of a replacement', () => {
  assert.equal(passFilters([{ jsonPath: '$', matchEquals: '{A}' }], { A: '$&' }, '$&'), 'passed');
});

test('filters that cannot be kept say why', () => {
  assert.match(filterFault({ jsonPath: '$.a[?(@.b)]' }, {}) ?? '', /is not a JSON path/);
  assert.match(
    filterFault({ jsonPath: '$.a', matchEquals: '{Nope}' }, { Branch: 'main' }) ?? '',
    /'\{Nope\}'/,
  );
  assert.match(filterFault({ jsonPath: '$.a', matchEquals: '{constructor}' }, {}) ?? '', /constructor/);
  assert.equal(
    filterFault({ jsonPath: '$.a', matchEquals: '{Branch}-{Branch}' }, { Branch: 'main' }),
    undefined,
  );
  assert.equal(passes([{ jsonPath: '$.ref', matchEquals: '{Gone}' }]), 'ignored');
});
