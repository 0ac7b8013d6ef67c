import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Json, matchesEvent } from './match.ts';
import { parseEventPattern } from './parse.ts';
import { cpuMs } from '#test/support/cpu-time.ts';

export function matches(pattern: Json, event: Json): boolean {
  const parsed = parseEventPattern(JSON.stringify(pattern));
  assert.ok('pattern' in parsed, `${JSON.stringify(pattern)}: ${JSON.stringify(parsed)}`);
  return matchesEvent(parsed.pattern, event);
}

/** A pattern, what it matches, and what it does not; after AWS's page on comparison operators and event-ruler's examples. */
const table: readonly {
  readonly pattern: Json;
  readonly matches: readonly Json[];
  readonly others: readonly Json[];
}[] = [
  {
    pattern: { source: ['aws.ec2'], 'detail-type': ['EC2 Instance State-change Notification'] },
    matches: [{ source: 'aws.ec2', 'detail-type': 'EC2 Instance State-change Notification', detail: {} }],
    others: [{ source: 'aws.ec2', 'detail-type': 'other' }, { source: 'aws.ec2' }, { source: 'AWS.EC2' }],
  },
  {
    pattern: { detail: { state: ['terminated', 'stopped'] } },
    matches: [{ detail: { state: 'stopped', more: 1 } }, { detail: { state: ['running', 'terminated'] } }],
    others: [{ detail: { state: 'running' } }, { detail: 'stopped' }, { state: 'stopped' }, { detail: null }],
  },
  { pattern: { a: [300] }, matches: [{ a: 300 }, { a: 3.0e2 }], others: [{ a: '300' }, { a: 301 }] },
  { pattern: { a: [null] }, matches: [{ a: null }], others: [{ a: '' }, { a: 'null' }, {}, { a: [] }] },
  { pattern: { a: [''] }, matches: [{ a: '' }], others: [{ a: null }, {}, { a: ' ' }] },
  { pattern: { a: [true] }, matches: [{ a: true }], others: [{ a: 'true' }, { a: false }] },
  { pattern: { a: [{ prefix: 'us-' }] }, matches: [{ a: 'us-east-1' }], others: [{ a: 'eu-us-' }, { a: 1 }] },
  {
    pattern: { a: [{ prefix: { 'equals-ignore-case': 'EventB' } }] },
    matches: [{ a: 'EVENTBRIDGE' }, { a: 'eventbus' }],
    others: [{ a: 'an event bus' }],
  },
  { pattern: { a: [{ suffix: '.png' }] }, matches: [{ a: 'x.png' }], others: [{ a: '.png.jpg' }] },
  {
    pattern: { a: [{ suffix: { 'equals-ignore-case': '.png' } }] },
    matches: [{ a: 'x.PNG' }],
    others: [{ a: 'x.jpg' }],
  },
  {
    pattern: { a: [{ 'equals-ignore-case': 'alice' }] },
    matches: [{ a: 'ALICE' }],
    others: [{ a: 'alice ' }],
  },
  {
    pattern: { a: [{ wildcard: 'dir/*.png' }] },
    matches: [{ a: 'dir/a/b.png' }, { a: 'dir/.png' }],
    others: [{ a: 'dir/.png ' }, { a: 'dirt/a.png' }, { a: 'dir.png' }],
  },
  {
    pattern: { a: [{ wildcard: '*\\**\\\\' }] },
    matches: [{ a: 'a*b\\' }, { a: '*\\' }],
    others: [{ a: 'ab\\' }],
  },
  {
    pattern: { a: [{ wildcard: 'ab*ba' }] },
    matches: [{ a: 'abba' }, { a: 'abxba' }],
    others: [{ a: 'aba' }],
  },
  {
    pattern: {
      a: [{ numeric: ['>', 0, '<=', 5] }],
      b: [{ numeric: ['<', 10] }],
      c: [{ numeric: ['=', 3.018e2] }],
    },
    matches: [
      { a: 5, b: -1, c: 301.8 },
      { a: 0.5, b: 9.99, c: 301.8 },
    ],
    others: [
      { a: 0, b: 1, c: 301.8 },
      { a: 5.1, b: 1, c: 301.8 },
      { a: 1, b: 10, c: 301.8 },
      { a: '1', b: 1, c: 301.8 },
    ],
  },
  {
    pattern: { a: [{ cidr: '10.0.0.0/24' }] },
    matches: [{ a: '10.0.0.255' }],
    others: [{ a: '10.0.1.0' }, { a: 'ten' }, { a: 10 }],
  },
  {
    pattern: { a: [{ cidr: '2001:db8::/32' }] },
    matches: [{ a: '2001:db8:1::1' }],
    others: [{ a: '2001:db9::' }],
  },
  {
    pattern: { a: [{ 'anything-but': 'initializing' }] },
    matches: [{ a: 'running' }, { a: 1 }, { a: null }, { a: ['initializing', 'running'] }],
    others: [{ a: 'initializing' }, {}, { a: ['initializing'] }],
  },
  {
    pattern: { a: [{ 'anything-but': [100, 200] }] },
    matches: [{ a: 300 }, { a: '100' }],
    others: [{ a: 100 }],
  },
  {
    pattern: { a: [{ 'anything-but': { prefix: 'init' } }] },
    matches: [{ a: 'run' }],
    others: [{ a: 'initial' }],
  },
  {
    pattern: { a: [{ 'anything-but': { suffix: ['.png', '.jpg'] } }] },
    matches: [{ a: 'x.txt' }],
    others: [{ a: 'x.png' }, { a: 'x.jpg' }],
  },
  {
    pattern: { a: [{ 'anything-but': { 'equals-ignore-case': ['initializing', 'stopped'] } }] },
    matches: [{ a: 'run' }],
    others: [{ a: 'INITIALIZING' }, { a: 'Stopped' }],
  },
  {
    pattern: { a: [{ 'anything-but': { wildcard: '*/lib/*' } }] },
    matches: [{ a: '/usr/bin/x' }],
    others: [{ a: '/usr/lib/x' }],
  },
  {
    pattern: { detail: { state: [{ exists: true }] } },
    matches: [{ detail: { state: 'x' } }, { detail: { state: null } }],
    others: [{ detail: {} }, {}, { detail: { state: { inner: 1 } } }],
  },
  {
    pattern: { source: ['x'], detail: { state: [{ exists: false }] } },
    matches: [{ source: 'x', detail: {} }, { source: 'x' }, { source: 'x', detail: { state: { inner: 1 } } }],
    others: [{ source: 'x', detail: { state: null } }, { detail: {} }],
  },
  {
    pattern: { a: [{ exists: false }, 'x'] },
    matches: [{}, { a: 'x' }],
    others: [{ a: 'y' }],
  },
  {
    pattern: { $or: [{ a: [1] }, { b: [{ numeric: ['<=', 5] }] }, { c: { d: ['x'] } }] },
    matches: [{ a: 1 }, { b: 4, a: 2 }, { c: { d: 'x' } }],
    others: [{ a: 2 }, { b: 6 }, { c: 'x' }],
  },
  {
    pattern: { s: ['x'], detail: { $or: [{ a: [1] }, { b: [2], $or: [{ c: [3] }, { d: [4] }] }] } },
    matches: [
      { s: 'x', detail: { a: 1 } },
      { s: 'x', detail: { b: 2, d: 4 } },
    ],
    others: [
      { s: 'x', detail: { b: 2 } },
      { s: 'y', detail: { a: 1 } },
    ],
  },
  {
    // Not of the form of an or: a field that happens to be called so.
    pattern: { $or: [{ prefix: 'x' }, { suffix: 'y' }] },
    matches: [{ $or: 'xa' }, { $or: 'ay' }],
    others: [{ x: 1 }],
  },
  {
    pattern: { employees: { firstName: ['Anna'], lastName: ['Smith'] } },
    matches: [{ employees: [{ firstName: 'Anna', lastName: 'Smith' }] }],
    others: [
      {
        employees: [
          { firstName: 'John', lastName: 'Smith' },
          { firstName: 'Anna', lastName: 'Doe' },
        ],
      },
    ],
  },
  {
    // An or in between does not loosen what one element must hold.
    pattern: { $or: [{ e: { a: [1] } }, { x: [1] }], e: { b: [2] } },
    matches: [{ e: [{ a: 1, b: 2 }] }, { x: 1, e: [{ a: 3 }, { b: 2 }] }],
    others: [{ e: [{ a: 1 }, { b: 2 }] }],
  },
  {
    pattern: { e: { b: [{ exists: false }] } },
    matches: [{ e: [{ a: 1 }, { c: 1 }] }, { e: [] }],
    others: [{ e: [{ a: 1 }, { b: 1 }] }],
  },
];

test('the documented examples match what they say', () => {
  for (const { pattern, matches: yes, others } of table) {
    for (const event of yes) {
      assert.equal(matches(pattern, event), true, `${JSON.stringify(pattern)} ${JSON.stringify(event)}`);
    }
    for (const event of others) {
      assert.equal(matches(pattern, event), false, `${JSON.stringify(pattern)} ${JSON.stringify(event)}`);
    }
  }
});

test('what is no pattern is refused, with reason and place', () => {
  const refusals: readonly (readonly [string, string])[] = [
    ['', 'Expected a JSON value at line 1, column 1'],
    ['[]', 'Filter is not an object at line 1, column 1'],
    ['{}', 'Empty objects are not allowed at line 1, column 1'],
    ['{"source": "x"}', '"source" must be an object or an array at line 1, column 12'],
    ['{"a": []}', 'Empty arrays are not allowed at line 1, column 7'],
    ['{"a": {}}', 'Empty objects are not allowed at line 1, column 7'],
    ['{"a": [[1]]}', 'Arrays inside arrays are not allowed at line 1, column 8'],
    ['{"a": [1]', "Expected ',' or '}' at line 1, column 10"],
    ['{"a": [1]}x', 'Unexpected text after the JSON value at line 1, column 11'],
    ['{"a": [01]}', 'Expected a JSON value at line 1, column 8'],
    ["{'a': [1]}", 'Expected a field name at line 1, column 2'],
    ['{\n "a": [{"nope": 1}]}', 'Unrecognized match type nope at line 2, column 8'],
    ['{"a": [{"prefix": 1}]}', 'prefix match pattern must be a string at line 1, column 19'],
    [
      '{"a": [{"prefix": "x", "suffix": "y"}]}',
      'Only one key allowed in match expression at line 1, column 8',
    ],
    ['{"a": [{"wildcard": "a**b"}]}', 'Consecutive wildcard characters at pos 1 at line 1, column 21'],
    ['{"a": [{"wildcard": "a\\\\b"}]}', 'Invalid escape character at pos 2 at line 1, column 21'],
    ['{"a": [{"numeric": [">", 5, "<", 5]}]}', 'Bottom must be less than top at line 1, column 20'],
    [
      '{"a": [{"numeric": ["<", 5, ">", 1]}]}',
      'Unrecognized numeric range operator: "<" at line 1, column 20',
    ],
    ['{"a": [{"numeric": ["=", "5"]}]}', 'Value of numeric must be a number at line 1, column 20'],
    [
      '{"a": [{"numeric": ["=", 5000000001]}]}',
      'Value must be between -5000000000 and 5000000000, inclusive at line 1, column 20',
    ],
    ['{"a": [{"cidr": "10.0.0.1"}]}', 'Malformed CIDR, one \'/\' required: "10.0.0.1" at line 1, column 17'],
    ['{"a": [{"exists": "yes"}]}', 'exists match pattern must be either true or false. at line 1, column 19'],
    [
      '{"a": [{"anything-but": [1, "x"]}]}',
      'Inside anything but list, either all values are number or string at line 1, column 25',
    ],
    ['{"a": [{"anything-but": {"prefix": ""}}]}', 'Null prefix/suffix not allowed at line 1, column 36'],
    [
      '{"a": [{"anything-but": {"cidr": "x"}}]}',
      'Unsupported anything-but pattern: cidr at line 1, column 25',
    ],
    [
      '{"a": [1], "$or": [{"a": [2]}, {"b": [1]}]}',
      'Path `a` cannot be allowed multiple times at line 1, column 1',
    ],
  ];
  for (const [text, error] of refusals) assert.deepEqual(parseEventPattern(text), { error }, text);
});

test('a field written twice counts as its last writing', () => {
  const parsed = parseEventPattern('{"a": ["x"], "a": ["y"]}');
  assert.ok('pattern' in parsed);
  assert.equal(matchesEvent(parsed.pattern, { a: 'y' }), true);
  assert.equal(matchesEvent(parsed.pattern, { a: 'x' }), false);
});

test('more than a thousand combinations of $or are refused', () => {
  const branches = (prefix: string) => Array.from({ length: 10 }, (_, i) => ({ [`${prefix}${i}`]: [1] }));
  const nested = (depth: number): Json =>
    depth === 0 ? { z: [1] } : { $or: branches(`f${depth}-`), [`n${depth}`]: nested(depth - 1) };
  assert.ok('pattern' in parseEventPattern(JSON.stringify(nested(3))));
  assert.deepEqual(parseEventPattern(JSON.stringify(nested(4))), {
    error: '$or makes more than 1000 rule combinations at line 1, column 1',
  });
});

test('names of the language itself are ordinary fields', () => {
  assert.equal(matches({ constructor: [{ exists: true }] }, {}), false);
  const proto = JSON.parse('{"__proto__": ["x"]}') as Json;
  assert.equal(matches(proto, JSON.parse('{"__proto__": "x"}') as Json), true);
  assert.equal(matches(proto, {}), false);
});

test('hostile patterns and events take linear time', () => {
  const started = cpuMs();
  const pattern = { a: [{ wildcard: `${'*a'.repeat(900)}*${'a'.repeat(900)}b*` }] };
  assert.equal(matches(pattern, { a: 'a'.repeat(250_000) }), false);
  const many = Array.from({ length: 50_000 }, () => 'ab');
  assert.equal(matches({ a: [{ wildcard: '*a*c*' }, { 'anything-but': 'ab' }] }, { a: many }), false);
  const deep = (depth: number): Json => (depth === 0 ? { x: 1 } : [deep(depth - 1), deep(depth - 1)]);
  assert.equal(matches({ a: { x: [2] } }, { a: deep(14) }), false);
  assert.ok('error' in parseEventPattern(`${'{"a":'.repeat(1000)}[1]${'}'.repeat(1000)}`));
  assert.ok(cpuMs() - started < 1000);
});
