/** Names, staging labels, passwords, filters and public policies of secrets. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isFault } from '#base/fault.ts';
import { isFaulty, parsePolicy } from '#core/policy/parse.ts';
import { createSecretFilter } from './filter.ts';
import { isSecretName, parseSecretId } from './name.ts';
import { createPassword, type PasswordInput } from './password.ts';
import { isPublicPolicy } from './public-policy.ts';
import { CURRENT, labelsByVersion, moveStage, placeStages, PREVIOUS, type Stages } from './stages.ts';

const PREFIX = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:';

test('a name means itself, an ARN of ours its secret, and any other ARN nothing', () => {
  assert.deepEqual(parseSecretId('a/b', PREFIX), { name: 'a/b' });
  const arn = `${PREFIX}a-AbCdEf`;
  assert.deepEqual(parseSecretId(arn, PREFIX), { arn, name: 'a-AbCdEf' });
  assert.equal(parseSecretId(arn.replace('123456789012', '999999999999'), PREFIX), undefined);
  assert.ok(isSecretName('A/b_+=.@!-1'));
  for (const name of ['', 'a b', 'a:b', 'ä', 'a'.repeat(513)]) assert.ok(!isSecretName(name));
});

const versions = fc.constantFrom('v1', 'v2', 'v3', 'v4');
const labels = fc.constantFrom(CURRENT, PREVIOUS, 'AWSPENDING', 'mine');

test('whatever is placed and moved, there is one current version, and what was current is previous', () => {
  const step = fc.oneof(
    fc.record({ version: versions, labels: fc.array(labels, { minLength: 1, maxLength: 3 }) }),
    fc.record({
      stage: labels,
      from: fc.option(versions, { nil: undefined }),
      to: fc.option(versions, { nil: undefined }),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      let stages: Stages = placeStages(new Map(), 'v0', []);
      for (const each of steps) {
        const former = stages.get(CURRENT);
        const before = stages;
        try {
          stages =
            'version' in each ? placeStages(stages, each.version, each.labels) : moveStage(stages, each);
        } catch (error) {
          if (!isFault(error, 'InvalidParameterException')) throw error;
          assert.equal(stages, before);
        }
        assert.ok(stages.has(CURRENT));
        if (stages.get(CURRENT) !== former) assert.equal(stages.get(PREVIOUS), former);
        const listed = [...labelsByVersion(stages).values()].flat();
        assert.equal(listed.length, new Set(listed).size);
      }
    }),
  );
});

test('a label is moved only by who knows where it is', () => {
  const stages: Stages = new Map([
    [CURRENT, 'v2'],
    [PREVIOUS, 'v1'],
  ]);
  const refused = (move: Parameters<typeof moveStage>[1]) =>
    assert.throws(() => moveStage(stages, move), { code: 'InvalidParameterException' });
  refused({ stage: CURRENT });
  refused({ stage: CURRENT, to: 'v1' });
  refused({ stage: CURRENT, from: 'v1', to: 'v1' });
  refused({ stage: CURRENT, from: 'v2' });
  refused({ stage: 'mine', from: 'v2' });
  assert.deepEqual(
    [...moveStage(stages, { stage: CURRENT, from: 'v2', to: 'v1' })],
    [
      [CURRENT, 'v1'],
      [PREVIOUS, 'v2'],
    ],
  );
  assert.deepEqual([...moveStage(stages, { stage: PREVIOUS, from: 'v1' })], [[CURRENT, 'v2']]);
  assert.equal(moveStage(stages, { stage: CURRENT, to: 'v2' }).get(PREVIOUS), 'v1');
  const many = Array.from({ length: 20 }, (_, i) => `l${i}`);
  assert.throws(() => placeStages(stages, 'v3', [...many, 'one more']), { code: 'LimitExceededException' });
});

test('a password has its length, nothing that is excluded, and one of each type', () => {
  const inputs = fc.record<PasswordInput>({
    PasswordLength: fc.integer({ min: 5, max: 64 }),
    ExcludeNumbers: fc.boolean(),
    ExcludePunctuation: fc.boolean(),
    ExcludeUppercase: fc.boolean(),
    ExcludeLowercase: fc.boolean(),
    IncludeSpace: fc.boolean(),
    ExcludeCharacters: fc.constantFrom('', 'abc', 'AB01!', '0123456789'),
  });
  fc.assert(
    fc.property(inputs, fc.nat(), (input, seed) => {
      let state = seed;
      const pick = (count: number) => (state = (state * 1103515245 + 12345) & 0x7fffffff) % count;
      let password: string;
      try {
        password = createPassword(input, pick);
      } catch (error) {
        if (!isFault(error, 'InvalidRequestException')) throw error;
        return;
      }
      assert.equal(password.length, input.PasswordLength);
      for (const character of input.ExcludeCharacters ?? '') assert.ok(!password.includes(character));
      assert.equal(/[A-Z]/.test(password), input.ExcludeUppercase !== true);
      assert.equal(/[a-z]/.test(password), input.ExcludeLowercase !== true);
      assert.equal(/[0-9]/.test(password), input.ExcludeNumbers !== true);
      assert.equal(/[^A-Za-z0-9 ]/.test(password), input.ExcludePunctuation !== true);
      assert.equal(password.includes(' '), input.IncludeSpace === true);
    }),
  );
});

test('filters of one key are alternatives, and those of several must all hold', () => {
  const secret = {
    name: 'shop/db',
    description: 'Main database',
    tags: { team: 'Shop' },
    region: 'us-east-1',
  };
  const fits = (...filters: Parameters<typeof createSecretFilter>[0]) => createSecretFilter(filters)(secret);
  assert.ok(fits());
  assert.ok(fits({ Key: 'name', Values: ['x', 'shop/'] }, { Key: 'description', Values: ['data'] }));
  assert.ok(!fits({ Key: 'name', Values: ['SHOP'] }));
  assert.ok(fits({ Key: 'all', Values: ['main shop'] }) === false);
  assert.ok(fits({ Key: 'all', Values: ['SHOP'] }));
  assert.ok(!fits({ Key: 'name', Values: ['!shop'] }));
  assert.ok(fits({ Key: 'tag-key', Values: ['te'] }) && !fits({ Key: 'tag-value', Values: ['shop'] }));
  assert.throws(() => fits({ Key: 'name', Values: [] }), { code: 'InvalidParameterException' });
});

test('a policy is public when it lets everybody in without saying who', () => {
  const isPublic = (statement: object) => {
    const policy = parsePolicy(
      JSON.stringify({
        Version: '2012-10-17',
        Statement: { Effect: 'Allow', Action: '*', Resource: '*', ...statement },
      }),
      'resource',
    );
    assert.ok(!isFaulty(policy));
    return isPublicPolicy(policy);
  };
  assert.ok(isPublic({ Principal: '*' }));
  assert.ok(isPublic({ Principal: { AWS: ['*'] } }));
  for (const operator of ['StringNotEquals', 'StringEqualsIfExists', 'ForAllValues:StringEquals']) {
    assert.ok(isPublic({ Principal: '*', Condition: { [operator]: { 'aws:PrincipalAccount': '1' } } }));
  }
  assert.ok(isPublic({ Principal: '*', Condition: { Bool: { 'aws:SecureTransport': 'true' } } }));
  assert.ok(isPublic({ Principal: '*', Condition: { IpAddress: { 'aws:SourceIp': '0.0.0.0/0' } } }));
  assert.ok(!isPublic({ Principal: '*', Condition: { StringEquals: { 'aws:PrincipalAccount': '1' } } }));
  assert.ok(!isPublic({ Effect: 'Deny', Principal: '*' }));
  assert.ok(!isPublic({ Principal: { AWS: 'arn:aws:iam::123456789012:root' } }));
});
