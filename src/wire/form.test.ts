/** Forms as the query services read them: order, gaps, enormous indices, bounds. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readForm } from './form.ts';
import { loadModel } from './model.ts';
import { parseQueryString } from './query-string.ts';

function read(service: string, operation: string, form: string): Record<string, unknown> {
  const input = loadModel(service).operations.get(operation)?.input;
  assert.ok(input);
  return readForm(input, parseQueryString(form));
}

test('lists are read in the order of their numbers, whatever order they are sent in', () => {
  const form = 'Tags.member.10.Key=c&Tags.member.2.Key=b&Tags.member.1.Key=a&Tags.member.1.Value=x+y%26';
  assert.deepEqual(read('iam', 'TagUser', form), {
    Tags: [{ Key: 'a', Value: 'x y&' }, { Key: 'b' }, { Key: 'c' }],
  });
});

test('an enormous index costs nothing', () => {
  const form = 'Tags.member.999999999.Key=a&Tags.member.0.Key=b&Tags.member.-1.Key=c&Tags.member.x.Key=d';
  assert.deepEqual(read('iam', 'TagUser', form), { Tags: [{ Key: 'a' }] });
});

test('an empty list is sent as an empty value', () => {
  assert.deepEqual(read('iam', 'TagUser', 'UserName=u&Tags='), { UserName: 'u', Tags: [] });
});

test('maps are entries with keys and values, by the names that the service gives them', () => {
  const form =
    'Message=m&MessageAttributes.entry.1.Name=__proto__&MessageAttributes.entry.1.Value.DataType=String' +
    '&MessageAttributes.entry.1.Value.StringValue=s';
  const { MessageAttributes: attributes } = read('sns', 'Publish', form);
  assert.deepEqual(Object.entries(attributes as object), [
    ['__proto__', { DataType: 'String', StringValue: 's' }],
  ]);
});

test('values of a wrong type are refused by name', () => {
  const code = 'SerializationException';
  assert.throws(() => read('sts', 'AssumeRole', 'DurationSeconds=1e3'), {
    code,
    message: 'The value of DurationSeconds is not a valid integer.',
  });
  assert.throws(() => read('sts', 'AssumeRole', 'RoleArn.x=1'), {
    code,
    message: 'RoleArn must be one value.',
  });
});

test('forms are bounded in parameters and in depth', () => {
  const many = Array.from({ length: 10_001 }, (_, index) => `Tags.member.${index}.Key=a`).join('&');
  assert.throws(() => read('iam', 'TagUser', many), { message: 'More than 10000 parameters.' });
  const deep = `Tags${'.a'.repeat(100_000)}=1`;
  assert.throws(() => read('iam', 'TagUser', deep), /nested deeper than 32 levels/);
});

test('escapes must be percent-encoded UTF-8', () => {
  for (const form of ['A=%', 'A=%zz', 'A=%ff', '%=1']) {
    assert.throws(() => parseQueryString(form), { code: 'SerializationException' });
  }
});

test('the first value of a repeated name counts', () => {
  assert.deepEqual(
    [...parseQueryString('&a=1&&a=2&b&=c')],
    [
      ['a', '1'],
      ['b', ''],
      ['', 'c'],
    ],
  );
});
