import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesAttributes, matchesBody, parseFilterPolicy, parseJson } from './filter-policy.ts';

/** After the examples of "Filter policy constraints" and "String value matching" in the SNS developer guide. */
const attributes = {
  customer_interests: { type: 'String.Array', text: '["rugby", "football", null, true]' },
  price_usd: { type: 'Number', text: '100.50' },
  store: { type: 'String', text: 'example_corp' },
  raw: { type: 'Binary', text: undefined },
};

function accepts(policy: object): boolean {
  const parsed = parseFilterPolicy(JSON.stringify(policy), 'MessageAttributes');
  assert.ok('pattern' in parsed, JSON.stringify(parsed));
  return matchesAttributes(parsed.pattern, attributes);
}

test('a policy over attributes: every key must match, by one of its values', () => {
  assert.ok(accepts({ store: ['example_corp'], price_usd: [{ numeric: ['>=', 100] }] }));
  assert.ok(accepts({ customer_interests: ['baseball', 'rugby'] }));
  assert.ok(accepts({ price_usd: [100.5] }));
  assert.ok(accepts({ store: [{ 'anything-but': ['other'] }] }));
  assert.ok(accepts({ encrypted: [{ exists: false }] }));
  assert.ok(accepts({ $or: [{ store: ['other'] }, { price_usd: [{ numeric: ['<', 200] }] }] }));
  assert.ok(!accepts({ store: ['example_corp'], encrypted: [{ exists: true }] }));
  assert.ok(!accepts({ price_usd: ['100.50'] }));
  assert.ok(!accepts({ customer_interests: ['rug'] }));
  assert.ok(!accepts({ raw: [{ exists: true }] }));
});

test('a policy over the body may be nested, and matches nothing that is not a JSON object', () => {
  const parsed = parseFilterPolicy('{"store":{"name":[{"prefix":"ex"}]}}', 'MessageBody');
  assert.ok('pattern' in parsed);
  assert.ok(matchesBody(parsed.pattern, parseJson('{"store":{"name":"example"}}')));
  assert.ok(!matchesBody(parsed.pattern, parseJson('{"store":{"name":"other"}}')));
  assert.ok(!matchesBody(parsed.pattern, parseJson('plain text')));
  assert.ok(!matchesBody(parsed.pattern, parseJson('[1]')));
});

test('the limits of filter policies', () => {
  const many = Object.fromEntries([1, 2, 3, 4, 5, 6].map((key) => [`k${key}`, ['a']]));
  assert.deepEqual(parseFilterPolicy(JSON.stringify(many), 'MessageAttributes'), {
    error: 'Filter policy can not have more than 5 keys',
  });
  const wide = Array.from({ length: 13 }, (_, index) => `v${index}`);
  assert.deepEqual(parseFilterPolicy(JSON.stringify({ a: wide, b: wide }), 'MessageAttributes'), {
    error: 'Filter policy is too complex',
  });
  assert.ok('error' in parseFilterPolicy('{"a":{"b":["c"]}}', 'MessageAttributes'));
  assert.ok('error' in parseFilterPolicy('{"a":"b"}', 'MessageAttributes'));
  assert.ok('error' in parseFilterPolicy('no json', 'MessageBody'));
});
