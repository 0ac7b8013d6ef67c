/** `slipway keys` on a real data directory: what was sealed before, an access key and an object, works on after everything. */

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { IAM } from '@aws-sdk/client-iam';
import { S3 } from '@aws-sdk/client-s3';
import { STS } from '@aws-sdk/client-sts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

const SLIPWAY = resolve(import.meta.dirname, '../../bin/slipway');
const TEXT = 'sealed long ago';

let house: TestHouse;
const environment: Record<string, string> = {};
let user: { readonly accessKeyId: string; readonly secretAccessKey: string };

const data = () => join(house.directory, 'data');
const client = (credentials = house.credentials) => {
  const { endpoint, region } = house;
  return { endpoint, region, credentials, maxAttempts: 1, forcePathStyle: true };
};
const keys = (...parameters: string[]) =>
  execFileSync(SLIPWAY, ['keys', ...parameters, '--data', data()], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: house.directory, ...environment },
  });

before(async () => {
  house = await createTestHouse({ serverEnvironment: environment });
  const iam = new IAM(client());
  await iam.createUser({ UserName: 'ann' });
  const { AccessKey: key } = await iam.createAccessKey({ UserName: 'ann' });
  user = { accessKeyId: key?.AccessKeyId ?? '', secretAccessKey: key?.SecretAccessKey ?? '' };
  await new S3(client()).createBucket({ Bucket: 'sealed' });
  await new S3(client()).putObject({ Bucket: 'sealed', Key: 'a', Body: TEXT });
});
after(() => house.close());

async function assertReadable(): Promise<void> {
  const { Arn } = await new STS(client(user)).getCallerIdentity({});
  assert.equal(Arn, `arn:aws:iam::${house.account}:user/ann`);
  const { Body } = await new S3(client()).getObject({ Bucket: 'sealed', Key: 'a' });
  assert.equal(await Body?.transformToString(), TEXT);
}

/** Of another server for this directory, which looks at the keys before it touches anything. */
function refusal(): string {
  const { status, stderr } = spawnSync(SLIPWAY, ['serve', '--listen', '127.0.0.1:0', '--data', data()], {
    encoding: 'utf8',
    timeout: 30_000,
    env: { PATH: process.env['PATH'], HOME: house.directory, ...environment },
  });
  assert.equal(status, 1);
  return stderr;
}

test('keys rotate and move to a file and back while the server runs, and all stays readable', async () => {
  assert.match(keys('status'), /^root key [0-9a-f]{16}, from .*master\.key\nkey v1, .*founding key.*; seals/);
  assert.match(keys('rotate'), /^Key [0-9a-f]{16} seals from the next start/);
  await assertReadable();
  await house.restart();
  await assertReadable();
  const path = join(house.directory, 'root.key');
  assert.match(keys('rewrap', '--to-file', path), /Start servers with SLIPWAY_KEY_FILE=/);
  await assertReadable();
  assert.ok(!existsSync(join(data(), 'master.key')));
  assert.match(refusal(), /There is no root key/);
  environment['SLIPWAY_KEY_FILE'] = path;
  await house.restart();
  await assertReadable();
  const other = join(house.directory, 'other.key');
  keys('rewrap', '--to-file', other);
  assert.match(refusal(), /does not open .*Nothing was changed/);
  delete environment['SLIPWAY_KEY_FILE'];
  environment['SLIPWAY_KEY_COMMAND'] = `cat ${other}`;
  assert.equal(JSON.parse(keys('status', '--json')).keys.length, 2);
  keys('rewrap');
  delete environment['SLIPWAY_KEY_COMMAND'];
  await house.restart();
  await assertReadable();
});

test('a directory without an installation is said to be none', () => {
  const { status, stderr } = spawnSync(SLIPWAY, ['keys', 'rotate', '--data', house.directory], {
    encoding: 'utf8',
  });
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^slipway: .* holds no installation yet\. Start the server once with: slipway serve\n$/,
  );
});
