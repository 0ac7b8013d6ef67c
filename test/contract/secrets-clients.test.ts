/** Secrets as the AWS CLI and boto3 use them. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { botoSkip, cliSkip, runBoto, runCli } from '#test/support/other-clients.ts';

let house: TestHouse;
before(async () => void (house = await createTestHouse()));
after(() => house.close());

test('the AWS CLI creates, reads, updates and deletes a secret', { skip: cliSkip }, async () => {
  const cli = async (...words: string[]) => {
    const { code, stdout, stderr } = await runCli(
      house.endpoint,
      house.credentials,
      'secretsmanager',
      ...words,
    );
    assert.equal(code, 0, stderr);
    return stdout.trim();
  };
  await cli('create-secret', '--name', 'cli', '--secret-string', '{"user":"shop"}');
  await cli('put-secret-value', '--secret-id', 'cli', '--secret-string', 'two');
  const read = ['get-secret-value', '--secret-id', 'cli', '--query', 'SecretString', '--output', 'text'];
  assert.equal(await cli(...read), 'two');
  assert.equal(await cli(...read, '--version-stage', 'AWSPREVIOUS'), '{"user":"shop"}');
  await cli('delete-secret', '--secret-id', 'cli', '--force-delete-without-recovery');
});

test('boto3 pages through secrets and reads bytes', { skip: botoSkip }, async () => {
  const lines = await runBoto(
    house.endpoint,
    house.credentials,
    `
sm = client('secretsmanager')
for i in range(5): sm.create_secret(Name=f'py/{i}', SecretBinary=bytes([i, 255]))
pages = sm.get_paginator('list_secrets').paginate(PaginationConfig={'PageSize': 2})
attempt(lambda: ' '.join(s['Name'] for page in pages for s in page['SecretList'] if s['Name'].startswith('py/')))
attempt(lambda: sm.get_secret_value(SecretId='py/3')['SecretBinary'].hex())
attempt(lambda: sm.get_secret_value(SecretId='none'))
`,
  );
  assert.deepEqual([lines[0]?.ok, lines[1]?.ok], ['py/4 py/3 py/2 py/1 py/0', '03ff']);
  assert.equal(lines[2]?.error, 'ResourceNotFoundException');
});
