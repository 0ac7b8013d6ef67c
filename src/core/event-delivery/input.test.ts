import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inputFor, type Occasion, unknownPlaceholder } from './input.ts';
import { parseJsonPath, valueAt } from './json-path.ts';

const occasion: Occasion = {
  event: JSON.stringify({
    id: 'e-1',
    source: 'aws.ec2',
    detail: {
      instance: 'i-0123',
      state: 'RUNNING',
      count: 3,
      tags: ['a', { 'b-c': null }],
      quote: 'say "hi"',
    },
  }),
  rule: { name: 'my-rule', arn: 'arn:aws:events:us-east-1:123456789012:rule/my-rule' },
  acceptedAt: Date.parse('2024-01-02T03:04:05.678Z'),
};
const paths = { instance: '$.detail.instance', state: '$.detail.state', nowhere: '$.detail.nowhere' };
const fill = (template: string, more: Record<string, string> = {}) =>
  inputFor({ type: 'template', paths: { ...paths, ...more }, template }, occasion);

test('a target gets the event, a constant or a part', () => {
  assert.equal(inputFor(undefined, occasion), occasion.event);
  assert.equal(inputFor({ type: 'constant', text: '{"a": 1}' }, occasion), '{"a": 1}');
  assert.equal(inputFor({ type: 'path', path: '$.detail.tags' }, occasion), '["a",{"b-c":null}]');
  assert.equal(inputFor({ type: 'path', path: '$.detail.state' }, occasion), '"RUNNING"');
  assert.equal(inputFor({ type: 'path', path: '$.detail.nowhere' }, occasion), '');
});

test('templates are filled as the examples of AWS show', () => {
  assert.equal(fill('"<instance> is in state <state>"'), '"i-0123 is in state RUNNING"');
  assert.equal(
    fill('{"instance": <instance>, "state": "<state>"}'),
    '{"instance": "i-0123", "state": "RUNNING"}',
  );
  assert.equal(
    fill('{"n": <n>, "all": <all>}', { n: '$.detail.count', all: '$.detail.tags' }),
    '{"n": 3, "all": ["a",{"b-c":null}]}',
  );
  assert.equal(fill('Instance <instance> (<nowhere>)'), 'Instance i-0123 ()');
  assert.equal(fill('<instance>'), '"i-0123"');
  assert.equal(fill('{"a": "b \\" <state>"}'), '{"a": "b \\" RUNNING"}');
  assert.equal(fill('"<quote>"', { quote: '$.detail.quote' }), '"say "hi""');
  assert.equal(fill('{"q": <quote>}', { quote: '$.detail.quote' }), '{"q": "say \\"hi\\""}');
});

test('reserved variables tell of rule and event', () => {
  assert.equal(
    fill(
      '{"r": <aws.events.rule-arn>, "n": "<aws.events.rule-name>", "t": <aws.events.event.ingestion-time>}',
    ),
    '{"r": "arn:aws:events:us-east-1:123456789012:rule/my-rule", "n": "my-rule", "t": "2024-01-02T03:04:05.678Z"}',
  );
  assert.equal(fill('{"e": <aws.events.event>}'), '{"e": {"id":"e-1","source":"aws.ec2"}}');
  assert.equal(fill('<aws.events.event.json>'), occasion.event);
});

test('a variable that nobody defines is found', () => {
  assert.equal(unknownPlaceholder('<instance> <aws.events.event>', paths), undefined);
  assert.equal(unknownPlaceholder('<instance> <else>', paths), 'else');
});

test('paths', () => {
  const json = { a: { 'b-c': [{ d: 1 }] }, 'x y': 2 };
  const table: readonly (readonly [string, unknown])[] = [
    ['$', json],
    ['$.a.b-c[0].d', 1],
    ["$['x y']", 2],
    ['$.a.b-c[1]', undefined],
    ['$.constructor', undefined],
    ['$.a.b-c.length', undefined],
  ];
  for (const [text, expected] of table) {
    const path = parseJsonPath(text);
    assert.ok(path, text);
    assert.deepEqual(valueAt(path, json), expected, text);
  }
  for (const text of ['', 'a', '$a', '$.', '$..a', '$[x]', '$.a[*]', '$.a b', `$${'.a'.repeat(200)}`]) {
    assert.equal(parseJsonPath(text), undefined, text);
  }
});
