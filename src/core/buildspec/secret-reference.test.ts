import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSecretReference, valueInSecret } from './secret-reference.ts';

const ARN = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf';

test('a reference has an id and up to three fields, of which some may be empty', () => {
  assert.deepEqual(parseSecretReference('db'), { id: 'db' });
  assert.deepEqual(parseSecretReference('db:password'), { id: 'db', key: 'password' });
  assert.deepEqual(parseSecretReference('db::AWSPREVIOUS'), { id: 'db', stage: 'AWSPREVIOUS' });
  assert.deepEqual(parseSecretReference('db:k::v1'), { id: 'db', key: 'k', version: 'v1' });
  assert.deepEqual(parseSecretReference(ARN), { id: ARN });
  assert.deepEqual(parseSecretReference(`${ARN}:k:S`), { id: ARN, key: 'k', stage: 'S' });
});

test('what is no reference is none', () => {
  for (const text of ['', ':k', 'db:k:S:v', 'db:k:::', 'arn:aws:secretsmanager:us-east-1']) {
    assert.equal(parseSecretReference(text), undefined, text);
  }
});

test('a key gives its text, and other values as JSON', () => {
  assert.equal(valueInSecret('{"a":"x","b":5}', 'a'), 'x');
  assert.equal(valueInSecret('{"a":"x","b":5}', 'b'), '5');
  assert.equal(valueInSecret('{"a":"x"}', 'toString'), undefined);
  assert.equal(valueInSecret('plain', 'a'), undefined);
});
