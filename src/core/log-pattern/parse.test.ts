/** The documented examples of the CloudWatch Logs user guide as tables, properties, and hostile patterns and events. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '#base/fault.ts';
import { parseLogPattern } from './parse.ts';
import { cpuMs } from '#test/support/cpu-time.ts';

const REQUESTS = [
  '[ERROR 400] BAD REQUEST',
  '[ERROR 401] UNAUTHORIZED REQUEST',
  '[ERROR 419] MISSING ARGUMENTS',
  '[ERROR 420] INVALID ARGUMENTS',
  '[ERROR 500] INTERNAL SERVER ERROR',
];

const TRAIL = JSON.stringify({
  eventType: 'UpdateTrail',
  sourceIPAddress: '111.111.111.111',
  arrayKey: ['value', 'another value'],
  objectList: [
    { name: 'a', id: 1 },
    { name: 'b', id: 2 },
  ],
  SomeObject: null,
  ThisFlag: true,
  'odd name': 'x',
  latency: 500,
});

const USERS = JSON.stringify({
  user: { id: 1, email: 'John.Stiles@example.com' },
  users: [
    { id: 2, email: 'John.Doe@example.com' },
    { id: 3, email: 'Jane.Doe@example.com' },
  ],
  actions: ['GET', 'PUT', 'DELETE'],
  coordinates: [
    [0, 1, 2],
    [4, 5, 6],
    [7, 8, 9],
  ],
});

const APACHE = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534';

function matching(pattern: string, messages: readonly string[]): number[] {
  const parsed = parseLogPattern(pattern);
  return messages.flatMap((message, index) => (parsed.matches(message) ? [index] : []));
}

const TERMS: readonly [pattern: string, messages: readonly string[], expected: readonly number[]][] = [
  ['ERROR', REQUESTS, [0, 1, 2, 3, 4]],
  ['error', REQUESTS, []],
  ['ERROR ARGUMENTS', REQUESTS, [2, 3]],
  ['?ERROR ?ARGUMENTS', REQUESTS, [0, 1, 2, 3, 4]],
  ['?BAD ?MISSING', REQUESTS, [0, 2]],
  ['?BAD ?MISSING INVALID', REQUESTS, [3]],
  ['"INTERNAL SERVER ERROR"', REQUESTS, [4]],
  ['ERROR -ARGUMENTS', REQUESTS, [0, 1, 4]],
  ['-ARGUMENTS', REQUESTS, [0, 1, 4]],
  ['', REQUESTS, [0, 1, 2, 3, 4]],
  ['" "', REQUESTS, [0, 1, 2, 3, 4]],
  ['%AUTHORIZED%', REQUESTS, [1]],
  ['%4[12]\\d%', REQUESTS, [2, 3]],
  ['%^\\[ERROR.4.[01]\\]%', ['[ERROR 400]', '[ERROR_400] x', 'a [ERROR 400]'], [0, 1]],
  ['%colou?r%', ['color', 'colour', 'colouur'], [0, 1]],
  ['%gray|grey%', ['gray', 'grey', 'gry'], [0, 1]],
  ['%10\\.10\\.0\\.1%', ['10.10.0.1', '10x10.0.1'], [0]],
  ['%a{3,5}%', ['aa', 'aaa'], [1]],
  ['%^[hc]at%', ['hat', 'cat', 'that'], [0, 1]],
  ['ERROR -%4\\d\\d%', REQUESTS, [4]],
];

for (const [pattern, messages, expected] of TERMS) {
  test(`text: ${pattern || 'nothing'}`, () => assert.deepEqual(matching(pattern, messages), expected));
}

const JSON_PATTERNS: readonly [pattern: string, message: string, expected: boolean][] = [
  ['{ $.eventType = "UpdateTrail" }', TRAIL, true],
  ['{ $.eventType = UpdateTrail }', TRAIL, true],
  ['{ $.eventType = "Update*" }', TRAIL, true],
  ['{ $.eventType = *Trail }', TRAIL, true],
  ['{ $.eventType = "Trail*" }', TRAIL, false],
  ['{ $.sourceIPAddress != 123.123.* }', TRAIL, true],
  ['{ $.sourceIPAddress != 111.111.* }', TRAIL, false],
  ['{ $.sourceIPAddress = %111\\.111% }', TRAIL, true],
  ['{ $.arrayKey[0] = "value" }', TRAIL, true],
  ['{ $.arrayKey[*] = "another value" }', TRAIL, true],
  ['{ $.objectList[1].id = 2 }', TRAIL, true],
  ['{ $.objectList[2].id = 2 }', TRAIL, false],
  ['{ $.objectList[*].id > 1 }', TRAIL, true],
  ['{ $.SomeObject IS NULL }', TRAIL, true],
  ['{ $.SomeOtherObject IS NULL }', TRAIL, false],
  ['{ $.SomeOtherObject NOT EXISTS }', TRAIL, true],
  ['{ $.SomeObject NOT EXISTS }', TRAIL, false],
  ['{ $.ThisFlag IS TRUE }', TRAIL, true],
  ['{ $.ThisFlag IS FALSE }', TRAIL, false],
  ['{ $.["odd name"] = x }', TRAIL, true],
  ['{ $.latency >= 500 }', TRAIL, true],
  ['{ $.latency < 10e2 }', TRAIL, true],
  ['{ $.latency > +1000 }', TRAIL, false],
  ['{ $.latency = 5* }', TRAIL, true],
  ['{ $.latency = 5e2 }', TRAIL, true],
  ['{ $.latency = * }', TRAIL, true],
  ['{ $.absent = * }', TRAIL, false],
  ['{ $.absent != 1 }', TRAIL, false],
  ['{ $.arrayKey = 1 }', TRAIL, false],
  ['{ $.arrayKey != 1 }', TRAIL, false],
  ['{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }', USERS, true],
  ['{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }', USERS, false],
  [
    '{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch" && $.actions[2] = "nonmatch" }',
    USERS,
    true,
  ],
  [
    '{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch") && $.actions[2] = "nonmatch" }',
    USERS,
    false,
  ],
  ['{ $.a = 1 }', 'no JSON', false],
  ['{ $.a = 1 }', '[{"a":1}]', false],
  ['{$.foo = bar || $.foo = baz }', '{"foo":"baz"}', true],
];

for (const [pattern, message, expected] of JSON_PATTERNS) {
  test(`JSON: ${pattern}`, () => assert.equal(parseLogPattern(pattern).matches(message), expected));
}

const FIELDS: readonly [pattern: string, message: string, expected: boolean][] = [
  ['[ip, user, username, timestamp, request, status_code, bytes]', APACHE, true],
  ['[ip, user, username, timestamp, request =*.html*, status_code = 4*, bytes]', APACHE, true],
  ['[ip, user, username, timestamp, request, status_code = 200, bytes]', APACHE, false],
  ['[..., request =*.html*, status_code = 4*, bytes]', APACHE, true],
  ['[ip, user, ..., status_code, bytes]', APACHE, true],
  ['[ip, user, ...]', APACHE, true],
  ['[ip, user]', APACHE, false],
  ['[..., bytes > 1000]', APACHE, true],
  ['[..., bytes > 2000]', APACHE, false],
  ['[..., status_code = 4* && status_code != 403, bytes]', APACHE, true],
  [
    '[ip, user, username, timestamp, request =*.html*, status_code = 404 || status_code = 410, bytes]',
    APACHE,
    true,
  ],
  ['[ip=%127\\.0\\.0\\.[0-9]%, ...]', APACHE, true],
  ['[w1=ERROR, w2]', 'ERROR message', true],
  ['[w1=ERROR, w2]', 'ERROR WARN message', false],
  ['[w1=ERROR || w1=WARN, w2]', 'WARN message', true],
  ['[w1!=ERROR && w1!=WARN, w2]', 'INFO message', true],
];

for (const [pattern, message, expected] of FIELDS) {
  test(`fields: ${pattern} on ${message.slice(0, 20)}`, () =>
    assert.equal(parseLogPattern(pattern).matches(message), expected));
}

test('values are extracted by the names of the pattern', () => {
  assert.deepEqual(parseLogPattern('[..., request=*.html*, status_code=4*,]').extract(APACHE), {
    $1: '127.0.0.1',
    $2: 'Prod',
    $3: 'frank',
    $4: '10/Oct/2000:13:25:15 -0700',
    $request: 'GET /index.html HTTP/1.0',
    $status_code: '404',
    $7: '1534',
  });
  const json = parseLogPattern('{ $.latency > 1 && $.absent NOT EXISTS }');
  assert.deepEqual(json.extract(TRAIL), { '$.latency': '500' });
  assert.equal(json.valueOf(TRAIL, '$.objectList[1].name'), 'b');
  assert.equal(json.valueOf(TRAIL, 'latency'), undefined);
});

test('what is no pattern is refused, with the place', () => {
  const misformed = [
    ...['"open', '%open', '%a!b%', '%(a)%', '%a{999}%', '%a%%b%', 'a"b"', '%a% %b% %c%', '%\\bx%', '%[%'],
    ...['{', '{ }', '{ $ = 1 }', '{ $.a }', '{ $.a = }', '{ $.a > x }', '{ $.a = 1', '{ $.a = 1 } x'],
    ...['{ ($.a = 1 }', '{ $.a = 1 && }', '{ a = 1 }', '{ $.a EXISTS }', '{ $.a IS NOT NULL }'],
    ...['[', '[a', '[a, ..., b, ...]', '[a = ]', '[a=1 && b=2]', '[a] x', '[a b]'],
    ...[`{ ${'('.repeat(200)}$.a = 1${')'.repeat(200)} }`, 'x'.repeat(1025)],
  ];
  for (const pattern of misformed) {
    assert.throws(
      () => parseLogPattern(pattern),
      (error) =>
        error instanceof Fault &&
        error.code === 'InvalidParameterException' &&
        error.message.startsWith('Invalid filter pattern: '),
      pattern,
    );
  }
});

test('any text is a pattern or is refused, and a pattern answers for any event', () => {
  const signs = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '$',
    '.',
    '=',
    '&&',
    '||',
    '"',
    '%',
    '*',
    ' ',
    'a',
    '1',
    ',',
  );
  const texts = fc.oneof(
    fc.string(),
    fc.array(signs, { maxLength: 30 }).map((all) => all.join('')),
  );
  fc.assert(
    fc.property(texts, fc.oneof(fc.string(), fc.json()), (text, message) => {
      try {
        const pattern = parseLogPattern(text);
        assert.equal(typeof pattern.matches(message), 'boolean');
        pattern.extract(message);
      } catch (error) {
        assert.ok(error instanceof Fault, String(error));
      }
    }),
  );
});

test('a quoted term is a part of the event, whatever it holds', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 200 }), fc.string(), fc.string(), (term, a, b) => {
      const pattern = parseLogPattern(`"${term.replace(/["\\]/g, '\\$&')}"`);
      assert.ok(pattern.matches(a + term + b));
      assert.equal(pattern.matches(a), term.trim() === '' || a.includes(term));
    }),
  );
});

test('a value in JSON equals itself and nothing shorter', () => {
  const plain = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,20}$/);
  fc.assert(
    fc.property(plain, plain, (name, value) => {
      const message = JSON.stringify({ [name]: value });
      assert.ok(parseLogPattern(`{ $.${name} = ${value} }`).matches(message));
      assert.ok(parseLogPattern(`{ $.${name} = "${value.slice(0, 3)}*" }`).matches(message));
      assert.equal(parseLogPattern(`{ $.${name} != ${value} }`).matches(message), false);
      assert.equal(parseLogPattern(`{ $.${name} = ${value}x }`).matches(message), false);
    }),
  );
});

test('hostile patterns and events cost time in proportion to the event', () => {
  const long = 'a'.repeat(200_000);
  const cases: [string, string][] = [
    ['%a*a*a*a*a*a*a*a*b%', long.slice(0, 20_000)],
    ['{ $.a = a*a*a*a*a*a*a*a*a*b }', JSON.stringify({ a: long })],
    ['[a, ...]', '[ '.repeat(100_000)],
    ['[a, ...]', '" '.repeat(100_000)],
    [`{ $${'[*]'.repeat(300)} = 1 }`, `{"a":${'['.repeat(200)}1${']'.repeat(200)}}`],
  ];
  for (const [pattern, message] of cases) {
    const from = cpuMs();
    parseLogPattern(pattern).matches(message);
    assert.ok(cpuMs() - from < 2_000, `${pattern} took ${cpuMs() - from} ms`);
  }
});

test('what a pattern says that it needs is in every message that matches', () => {
  assert.equal(parseLogPattern('ERROR -disk ?full').needs, 'ERROR');
  assert.equal(parseLogPattern('%E.*R% "disk full"').needs, 'disk full');
  for (const pattern of [
    '',
    '" "',
    '?ERROR ?WARN',
    '-ERROR',
    '%ERROR%',
    '{ $.a = "ERROR" }',
    '[a = ERROR]',
  ]) {
    assert.equal(parseLogPattern(pattern).needs, undefined, pattern);
  }
  const word = fc.constantFrom('a', 'b', 'ab', 'ba');
  const term = fc.tuple(fc.constantFrom('', '?', '-'), word).map(([sign, text]) => sign + text);
  fc.assert(
    fc.property(fc.array(term, { maxLength: 4 }), fc.array(word, { maxLength: 4 }), (terms, words) => {
      const pattern = parseLogPattern(terms.join(' '));
      const message = words.join(' ');
      assert.ok(!pattern.matches(message) || message.includes(pattern.needs ?? ''));
    }),
  );
});
