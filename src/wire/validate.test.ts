/** Violations in AWS's words, and the patterns of all tables against hostile values. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '#base/fault.ts';
import { loadModel, services } from './model.ts';
import { matchesPattern } from './pattern.ts';
import { validateInput } from './validate.ts';

function violation(service: string, name: string, input: Record<string, unknown>): string {
  const model = loadModel(service);
  const operation = model.operations.get(name);
  assert.ok(operation);
  try {
    validateInput(model, operation, input);
    return 'valid';
  } catch (error) {
    assert.ok(isFault(error), 'must be a fault');
    return `${error.code}: ${error.message}`;
  }
}

const failed = 'failed to satisfy constraint';

test('a missing member is null that must not be null', () => {
  assert.equal(
    violation('codepipeline', 'GetPipeline', {}),
    `ValidationException: 1 validation error detected: Value null at 'name' ${failed}: Member must not be null`,
  );
});

test('several violations are counted, with paths that number list members from one', () => {
  const action = { name: 'a', actionTypeId: { category: 'Foo', owner: 'AWS', provider: 'S3', version: '1' } };
  const stages = [
    { name: 'ok', actions: [] },
    { name: 'b c', actions: [action] },
  ];
  const pipeline = { name: 'p', roleArn: 'arn:aws:iam::123456789012:role/r', stages };
  assert.equal(
    violation('codepipeline', 'CreatePipeline', { pipeline }),
    'ValidationException: 2 validation errors detected: ' +
      `Value 'b c' at 'pipeline.stages.2.member.name' ${failed}: ` +
      'Member must satisfy regular expression pattern: [A-Za-z0-9.@\\-_]+; ' +
      `Value 'Foo' at 'pipeline.stages.2.member.actions.1.member.actionTypeId.category' ${failed}: ` +
      'Member must satisfy enum value set: [Source, Build, Deploy, Test, Invoke, Approval, Compute]',
  );
});

test('lengths and ranges have their own words', () => {
  assert.equal(
    violation('sts', 'GetAccessKeyInfo', { AccessKeyId: 'x' }),
    `ValidationException: 1 validation error detected: Value 'x' at 'accessKeyId' ${failed}: ` +
      'Member must have length greater than or equal to 16',
  );
  assert.equal(
    violation('codepipeline', 'ListPipelines', { maxResults: 1001 }),
    `ValidationException: 1 validation error detected: Value '1001' at 'maxResults' ${failed}: ` +
      'Member must have value less than or equal to 1000',
  );
});

test('scalar items are named by their list, keys and values by their map', () => {
  const grant = { KeyId: 'k', GranteePrincipal: 'g', Operations: ['Sign', 'X'] };
  assert.ok(
    violation('kms', 'CreateGrant', grant).startsWith(
      `ValidationException: 1 validation error detected: Value '[Sign, X]' at 'operations' ${failed}: ` +
        'Member must satisfy constraint: [Member must satisfy enum value set: [Decrypt, Encrypt, ',
    ),
  );
  assert.equal(
    violation('codecommit', 'TagResource', { resourceArn: 'a', tags: { '': 'v' } }),
    `ValidationException: 1 validation error detected: Value '{=v}' at 'tags' ${failed}: ` +
      'Map keys must satisfy constraint: [Member must have length less than or equal to 128, ' +
      'Member must have length greater than or equal to 1]',
  );
});

test('violations appear under the code that the service uses', () => {
  assert.match(
    violation('codebuild', 'BatchGetBuilds', { ids: [] }),
    /^InvalidInputException: 1 validation error/,
  );
  assert.match(violation('logs', 'CreateLogGroup', {}), /^InvalidParameterException: 1 validation error/);
  assert.match(
    violation('s3', 'GetObject', { Bucket: 'b', Key: '' }),
    /^InvalidArgument: 1 validation error/,
  );
  assert.match(
    violation('s3', 'DeleteObjects', { Bucket: 'b', Delete: {} }),
    /^SerializationException: 1 validation/,
  );
  assert.match(
    violation('codedeploy-commands', 'PollHostCommand', {}),
    /^ClientException: 1 validation error/,
  );
});

test('some services have a code for each member', () => {
  const required = 'RepositoryNameRequiredException: The repository name is required.';
  assert.equal(violation('codecommit', 'CreateRepository', {}), required);
  assert.equal(violation('codecommit', 'CreateRepository', { repositoryName: '' }), required);
  assert.match(
    violation('codecommit', 'CreateRepository', { repositoryName: 'a b' }),
    /^InvalidRepositoryNameException: /,
  );
  assert.match(violation('codedeploy', 'CreateApplication', {}), /^ApplicationNameRequiredException: /);
});

test('secrets are not shown, long values are cut', () => {
  const passwords = violation('iam', 'ChangePassword', { OldPassword: '\u0001secret', NewPassword: 'ok' });
  assert.match(passwords, /Value '\*\*\*' at 'oldPassword'/);
  assert.doesNotMatch(passwords, /secret/);
  const long = violation('codepipeline', 'GetPipeline', { name: 'x'.repeat(1_000_000) });
  assert.ok(long.length < 3000);
});

test('lengths count code points of strings and bytes of blobs', () => {
  const ship = '\u{1f6a2}';
  assert.equal(
    violation('codecommit', 'TagResource', { resourceArn: 'a', tags: { [ship.repeat(128)]: 'v' } }),
    'valid',
  );
  const content = new Uint8Array(4097);
  assert.match(
    violation('kms', 'Encrypt', { KeyId: 'k', Plaintext: content }),
    /length less than or equal to 4096/,
  );
});

test('violations are counted up to a limit', () => {
  const tags = Array.from({ length: 1000 }, () => ({}));
  assert.match(
    violation('codepipeline', 'TagResource', { resourceArn: 'arn:aws:x', tags }),
    /: 2\d validation errors/,
  );
});

test('patterns hold for the whole value', () => {
  assert.equal(matchesPattern('[a-z]+', 'abc'), true);
  assert.equal(matchesPattern('[a-z]+', 'abc\n'), false);
  assert.equal(matchesPattern('AWS|ThirdParty', 'AWSx'), false);
  assert.equal(matchesPattern('^[\\.\\-_/#A-Za-z0-9]+$', 'a/b#c'), true);
});

test('no pattern of any table can be made slow', () => {
  const patterns = new Set<string>();
  for (const service of services()) {
    for (const shape of loadModel(service).shapes.values()) {
      if (shape.type === 'string' && shape.pattern) patterns.add(shape.match ?? shape.pattern);
    }
  }
  assert.ok(patterns.size > 100);
  const pumps = ['a', '-', ' ', '\t', '1', ':', '/', '.', 'a-', 'a ', '-a', '/a', 'a.', '|a1b', 'arn:aws:'];
  const starts = ['', 'arn:aws', 'arn:aws:events:a:', 'arn:aws:iam::123456789012:', '/', 'a', ' '];
  const started = process.hrtime.bigint();
  for (const pattern of patterns) {
    for (const start of starts) {
      for (const pump of pumps) {
        matchesPattern(pattern, `${start}${pump.repeat(Math.floor(4000 / pump.length))}\u0000`);
        matchesPattern(pattern, `${start}${pump.repeat(100_000)}\u0000`);
      }
    }
  }
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  // About 3 s for 30,000 values; one exponential pattern would not end at all.
  assert.ok(seconds < 60, `${seconds} s for all patterns`);
});
