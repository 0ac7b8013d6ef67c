/** Inputs and outputs as records show them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadModel } from './model.ts';
import { showMembers, withoutHidden } from './shown.ts';

function shapeOf(service: string, operation: string, side: 'input' | 'output') {
  return loadModel(service).operations.get(operation)?.[side];
}

test('members are in lower camel case, times are texts, bytes and streams are left out', () => {
  const output = {
    AccessKey: { UserName: 'ann', AccessKeyId: 'AKIA1', CreateDate: new Date(0), SecretAccessKey: 'x' },
  };
  assert.deepEqual(showMembers(shapeOf('iam', 'CreateAccessKey', 'output'), output).value, {
    accessKey: {
      userName: 'ann',
      accessKeyId: 'AKIA1',
      secretAccessKey: 'HIDDEN_DUE_TO_SECURITY_REASONS',
      createDate: '1970-01-01T00:00:00.000Z',
    },
  });
  const put = { Bucket: 'files', Key: 'a', Body: Buffer.from('secret content') };
  assert.deepEqual(showMembers(shapeOf('s3', 'PutObject', 'input'), put).value, {
    bucket: 'files',
    key: 'a',
  });
  assert.equal(showMembers(shapeOf('iam', 'GetUser', 'input'), {}).value, undefined);
});

test('plaintexts, passwords, tokens and secret keys of maps are hidden, whatever the table says', () => {
  const text = (service: string, operation: string, side: 'input' | 'output', value: object) =>
    JSON.stringify(showMembers(shapeOf(service, operation, side), value).value);
  const secret = 'S3cretS3cret';
  const cases = [
    text('kms', 'Decrypt', 'output', { KeyId: 'k', Plaintext: Buffer.from(secret) }),
    text('kms', 'Encrypt', 'input', { KeyId: 'k', Plaintext: Buffer.from(secret) }),
    text('kms', 'GenerateDataKey', 'output', { KeyId: 'k', Plaintext: Buffer.from(secret) }),
    text('iam', 'CreateLoginProfile', 'input', { UserName: 'ann', Password: secret }),
    text('iam', 'ChangePassword', 'input', { OldPassword: secret, NewPassword: secret }),
    text('sts', 'AssumeRole', 'output', { Credentials: { SessionToken: secret, SecretAccessKey: secret } }),
    text('codebuild', 'ImportSourceCredentials', 'input', { token: secret, serverType: 'GITHUB' }),
    text('codebuild', 'StartBuild', 'input', {
      projectName: 'p',
      environmentVariablesOverride: [{ name: 'DB', value: secret, type: 'PLAINTEXT' }],
    }),
    text('codepipeline', 'PutWebhook', 'input', {
      webhook: { name: 'w', authenticationConfiguration: { SecretToken: secret } },
    }),
    text('codepipeline', 'PollForJobs', 'input', { queryParam: { ApiKey: secret } }),
  ];
  for (const shown of cases) {
    assert.equal(
      shown.includes(secret) || shown.includes(Buffer.from(secret).toString('base64')),
      false,
      shown,
    );
  }
});

test('what is too large is left out as a whole', () => {
  const value = { policyDocument: 'x'.repeat(200_000), PolicyDocument: 'x'.repeat(200_000), PolicyName: 'p' };
  assert.deepEqual(showMembers(shapeOf('iam', 'PutUserPolicy', 'input'), value).value, {
    omitted: true,
    reason: 'FIELD_SIZE_LIMIT_EXCEEDED',
  });
});

test('hidden texts leave messages, whole and cut', () => {
  const hidden = new Set(['0123456789abcdefghij', 'short1']);
  assert.equal(withoutHidden('at 0123456789abcdefghij and short1.', hidden), 'at *** and ***.');
  assert.equal(withoutHidden('cut 0123456789abcdefgh…', hidden), 'cut ***…');
  assert.equal(withoutHidden('nothing 0123', hidden), 'nothing 0123');
});
