import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CrossOriginRule, crossOriginHeaders } from './cross-origin.ts';

const rule = (some: Partial<CrossOriginRule>): CrossOriginRule => ({
  origins: ['https://www.example.com'],
  methods: ['GET'],
  headers: [],
  exposed: [],
  ...some,
});
const ask = (some: object = {}) => ({ origin: 'https://www.example.com', method: 'GET', ...some });

test('the first rule that agrees with all that is asked decides', () => {
  const rules = [
    rule({ methods: ['PUT'], headers: ['*'], exposed: ['etag'], maxAgeSeconds: 60 }),
    rule({ origins: ['*'], methods: ['GET', 'PUT'] }),
  ];
  assert.deepEqual(
    crossOriginHeaders(rules, ask({ method: 'PUT', headers: ['X-Amz-Date', 'content-type'] })),
    {
      'access-control-allow-origin': 'https://www.example.com',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'PUT',
      'access-control-allow-headers': 'x-amz-date, content-type',
      'access-control-expose-headers': 'etag',
      'access-control-max-age': '60',
      vary: 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method',
    },
  );
  const second = crossOriginHeaders(rules, ask({ origin: 'http://other' }));
  assert.equal(second?.['access-control-allow-origin'], '*');
  assert.equal(second?.['access-control-allow-credentials'], undefined);
});

test('an asterisk stands for any text in the middle, and nothing else is a pattern', () => {
  const allows = (pattern: string, origin: string) =>
    crossOriginHeaders([rule({ origins: [pattern] })], ask({ origin })) !== undefined;
  const table: readonly (readonly [string, string, boolean])[] = [
    ['https://*.example.com', 'https://a.b.example.com', true],
    ['https://*.example.com', 'https://.example.com', true],
    ['https://*.example.com', 'https://example.com', false],
    ['https://*.example.com', 'https://a.example.com.evil.net', false],
    ['https://aa*aa', 'https://aaa', false],
    ['https://w.x', 'https://wyx', false],
    ['https://www.example.com', 'HTTPS://WWW.EXAMPLE.COM', false],
    ['*', 'null', true],
  ];
  for (const [pattern, origin, expected] of table)
    assert.equal(allows(pattern, origin), expected, `${pattern} ${origin}`);
});

test('every header that a preflight asks for must be allowed, whatever its case', () => {
  const rules = [rule({ headers: ['X-Amz-*', 'Content-Type'] })];
  const allows = (...headers: string[]) => crossOriginHeaders(rules, ask({ headers })) !== undefined;
  assert.ok(allows());
  assert.ok(allows('x-amz-meta-a', 'CONTENT-TYPE'));
  assert.ok(!allows('x-amz-meta-a', 'authorization'));
});
