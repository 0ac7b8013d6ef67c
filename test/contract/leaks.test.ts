/**
 * No secret leaves: not in the log at its most talkative, not in the arguments of processes, not in answers after the
 * one that shows it, not in a file that others on the machine can read.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { GetCallerIdentityCommand, GetSessionTokenCommand, STSClient } from '@aws-sdk/client-sts';
import { createLog } from '#base/log.ts';
import { connectBuilds, createBuildRole, spec } from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

const UNTIL_MS = 30_000;

let house: TestHouse;
const lines: string[] = [];
/** What must not be seen, by a name for the message. */
const secrets = new Map<string, string>();
before(async () => {
  house = await createTestHouse({ log: createLog((line) => void lines.push(line), 'debug') });
  secrets.set('the root key', house.credentials.secretAccessKey);
  secrets.set('the master key', readFileSync(join(house.directory, 'data', 'master.key'), 'utf8').trim());
});
after(() => house.close());

function notIn(text: string, where: string): void {
  for (const [name, secret] of secrets) assert.ok(!text.includes(secret), `${name} is in ${where}`);
}

interface Key {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

const settings = (credentials: Key) =>
  ({ endpoint: house.endpoint, region: house.region, credentials, maxAttempts: 1 }) as const;

test('keys, tokens, passwords and the values of builds stay out of the log and of later answers', async () => {
  const { root } = house.slipway;
  await root.send('iam:CreateUser', { UserName: 'user' });
  const { AccessKey: key } = await root.send('iam:CreateAccessKey', { UserName: 'user' });
  secrets.set('a secret key', key?.SecretAccessKey ?? '');
  const { ServiceSpecificCredential: git } = await root.send('iam:CreateServiceSpecificCredential', {
    UserName: 'user',
    ServiceName: 'codecommit.amazonaws.com',
  });
  secrets.set('a git password', git?.ServicePassword ?? '');
  const long = { accessKeyId: key?.AccessKeyId ?? '', secretAccessKey: key?.SecretAccessKey ?? '' };
  const { Credentials: session } = await new STSClient(settings(long)).send(new GetSessionTokenCommand({}));
  secrets.set('a session token', session?.SessionToken ?? '');
  secrets.set('a session key', session?.SecretAccessKey ?? '');

  // Used rightly and wrongly, in every place where a request can carry them.
  const temporary = {
    accessKeyId: session?.AccessKeyId ?? '',
    secretAccessKey: session?.SecretAccessKey ?? '',
    sessionToken: session?.SessionToken ?? '',
  };
  await new STSClient(settings(temporary)).send(new GetCallerIdentityCommand({}));
  await assert.rejects(
    new STSClient(settings({ ...temporary, secretAccessKey: 'wrong' })).send(
      new GetCallerIdentityCommand({}),
    ),
  );
  const basic = Buffer.from(`${git?.ServiceUserName}:${git?.ServicePassword}`).toString('base64');
  secrets.set('a basic header', basic);
  for (const path of ['/v1/repos/none/info/refs?service=git-upload-pack', '/bucket/key', '/v1/repos/x'])
    await fetch(`${house.endpoint}${path}`, { headers: { authorization: `Basic ${basic}` } });
  await fetch(
    `${house.endpoint}/bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=x&X-Amz-Security-Token=` +
      encodeURIComponent(temporary.sessionToken),
  );
  await fetch(`${house.endpoint}/`, {
    method: 'POST',
    body: `Action=x&SecretAccessKey=${long.secretAccessKey}`,
  });

  const answers = JSON.stringify([
    await root.send('iam:ListAccessKeys', { UserName: 'user' }),
    await root.send('iam:ListServiceSpecificCredentials', { UserName: 'user' }),
    await root.send('iam:GetUser', { UserName: 'user' }),
    await root.send('iam:GetAccountAuthorizationDetails', {}).catch(() => ({})),
  ]);
  notIn(answers, 'an answer');
  notIn(lines.join('\n'), 'the log');
  assert.ok(lines.length > 10);
});

test('while git and a build run, no argument or environment that others can read holds a secret', async () => {
  const clients = connectBuilds(house);
  await createBuildRole(clients.iam);
  const { root } = house.slipway;
  await root.send('codecommit:CreateRepository', { repositoryName: 'src' });
  await root.send('codecommit:PutFile', {
    repositoryName: 'src',
    branchName: 'main',
    filePath: 'a',
    fileContent: Buffer.from('x'),
  });
  const value = 'value-of-a-variable-of-a-build';
  secrets.set('the value of a variable', value);
  await clients.createProject('watched', spec(['[ -n "$HIDDEN" ]', 'sleep 2']), {
    source: {
      type: 'CODECOMMIT',
      location: `${house.endpoint}/v1/repos/src`,
      buildspec: spec(['[ -n "$HIDDEN" ]', 'sleep 2']),
    },
  });
  const { id } = await clients.start('watched', {
    environmentVariablesOverride: [{ name: 'HIDDEN', value, type: 'PLAINTEXT' }],
  });
  let seen = '';
  const build = await until('the end of the build', UNTIL_MS, async () => {
    const { stdout } = await promisify(execFile)('ps', ['-eo', 'args', '-ww']);
    seen += stdout;
    const found = await clients.get(id);
    return found.buildComplete ? found : undefined;
  });
  assert.equal(build.buildStatus, 'SUCCEEDED', JSON.stringify(build.phases));
  notIn(seen, 'the arguments of a process');
  assert.doesNotMatch(seen, /\b\d{8}T\d{6}Z[0-9a-f]{64}\b/);
  notIn(lines.join('\n'), 'the log');
});

test('the data directory is private, whatever it was before, and so is every file with a secret', async () => {
  const data = join(house.directory, 'data');
  assert.equal(lstatSync(data).mode & 0o777, 0o700);
  for (const name of [
    'credentials',
    'master.key',
    'keyring.json',
    'slipway.db',
    'slipway.db-wal',
    'slipway.db-shm',
  ])
    assert.equal(lstatSync(join(data, name)).mode & 0o077, 0, name);
  for (const name of readdirSync(data, { withFileTypes: true })) {
    if (name.isFile()) assert.equal(lstatSync(join(data, name.name)).mode & 0o077, 0, name.name);
  }
  // Open before: the command line closes it.
  const wide = join(house.directory, 'wide');
  mkdirSync(wide, { mode: 0o755 });
  writeFileSync(join(wide, 'other'), '');
  const bin = new URL('../../bin/slipway', import.meta.url).pathname;
  const serving = execFile(bin, ['serve', '--data', wide, '--listen', '127.0.0.1:0']);
  await until(
    'slipway to be ready',
    UNTIL_MS,
    async () => readdirSync(wide).includes('endpoint') || undefined,
  );
  serving.kill('SIGTERM');
  assert.equal(lstatSync(wide).mode & 0o777, 0o700);
});
