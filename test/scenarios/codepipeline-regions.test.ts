/** Actions in other regions and under roles of their own: scenarios 70 and 71. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { KMS } from '@aws-sdk/client-kms';
import { action, createWorkshop, SITE, type Workshop } from '#test/support/actions.ts';

const ACCOUNT = '123456789012';
const roleArn = (name: string) => `arn:aws:iam::${ACCOUNT}:role/${name}`;

let workshop: Workshop;
let kms: KMS;

before(async () => {
  workshop = await createWorkshop();
  const { endpoint, region, credentials } = workshop.house;
  kms = new KMS({ endpoint, region, credentials, maxAttempts: 1 });
  await workshop.pipelines.s3.createBucket({
    Bucket: 'artifacts-eu',
    CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' },
  });
});
after(async () => {
  kms.destroy();
  await workshop.close();
});

const put = (name: string, folder: string, more: Parameters<typeof action>[2] = {}) =>
  action(name, 'Deploy/S3', {
    inputArtifacts: SITE,
    configuration: { BucketName: 'site', Extract: 'true', ObjectKey: folder },
    ...more,
  });

const document = (...statements: readonly object[]) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: statements.map((statement) => ({ Effect: 'Allow', ...statement })),
  });

test('scenario 70: inputs are copied to the store of the region, under its key', async () => {
  const { pipelines, ends, run, text } = workshop;
  const { LocationConstraint } = await pipelines.s3.getBucketLocation({ Bucket: 'artifacts-eu' });
  assert.equal(LocationConstraint, 'eu-west-1');
  const { KeyMetadata } = await kms.createKey({});
  const actions = [put('PutFar', 'far', { region: 'eu-west-1' }), put('PutNear', 'near')];
  const first = await pipelines.create('regions', [{ name: 'S2', actions }], {
    artifactStore: undefined,
    artifactStores: {
      'us-east-1': { type: 'S3', location: 'artifacts' },
      'eu-west-1': {
        type: 'S3',
        location: 'artifacts-eu',
        encryptionKey: { id: KeyMetadata?.Arn ?? '', type: 'KMS' },
      },
    },
  });
  await ends('regions', first, 'Succeeded');
  assert.equal(await text('site', 'far/index.html'), 'one');
  assert.equal(await text('site', 'near/index.html'), 'one');
  const made = (await run('regions', first, 'Fetch')).output?.outputArtifacts?.[0]?.s3location;
  assert.equal(made?.bucket, 'artifacts');
  const copy = await pipelines.s3.headObject({ Bucket: 'artifacts-eu', Key: made?.key });
  assert.equal(copy.ServerSideEncryption, 'aws:kms');
  assert.equal(copy.SSEKMSKeyId, KeyMetadata?.Arn);
});

test('scenario 70: a region without a store is refused at definition', async () => {
  const { pipelines } = workshop;
  const actions = [put('PutFar', 'far', { region: 'eu-west-1' })];
  await assert.rejects(
    pipelines.create('storeless', [{ name: 'S2', actions }], {
      artifactStore: undefined,
      artifactStores: { 'us-east-1': { type: 'S3', location: 'artifacts' } },
    }),
    { name: 'InvalidStructureException' },
  );
});

test('an action whose service would have to live in another region is refused at definition', async () => {
  const run = action('Run', 'Compute/Commands', {
    inputArtifacts: SITE,
    commands: ['true'],
    region: 'eu-west-1',
  });
  const refused = workshop.pipelines.create('elsewhere', [{ name: 'S2', actions: [run] }], {
    artifactStore: undefined,
    artifactStores: {
      'us-east-1': { type: 'S3', location: 'artifacts' },
      'eu-west-1': { type: 'S3', location: 'artifacts-eu' },
    },
  });
  await assert.rejects(refused, {
    name: 'InvalidActionDeclarationException',
    message: /in action 'Run' is not available in region EU_WEST_1/,
  });
});

test('scenario 71: an action role works with the policies of key and bucket, and not without', async () => {
  const { pipelines, ends, error, text } = workshop;
  const { iam, s3 } = pipelines;
  await iam.createRole({
    RoleName: 'deployer',
    AssumeRolePolicyDocument: document({ Principal: { AWS: roleArn('pipeline') }, Action: 'sts:AssumeRole' }),
  });
  await iam.putRolePolicy({
    RoleName: 'deployer',
    PolicyName: 'site',
    PolicyDocument: document({ Action: 's3:PutObject', Resource: 'arn:aws:s3:::site/*' }),
  });
  const { KeyMetadata } = await kms.createKey({});
  const KeyId = KeyMetadata?.Arn ?? '';
  const owner = { Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: 'kms:*', Resource: '*' };
  const deployer = { AWS: roleArn('deployer') };
  const runOnce = async (name: string, arn = roleArn('deployer')) => {
    const first = await pipelines.create(
      name,
      [{ name: 'S2', actions: [put('Put', name, { roleArn: arn })] }],
      { artifactStore: { type: 'S3', location: 'artifacts', encryptionKey: { id: KeyId, type: 'KMS' } } },
    );
    return first;
  };
  const denied = async (name: string, arn?: string) => {
    const first = await runOnce(name, arn);
    await ends(name, first, 'Failed');
    return error(name, first, 'Put');
  };

  assert.match(await denied('nothing'), /^PermissionError: .*role\/deployer.* s3:GetObject on .*artifacts\//);
  const Policy = document({
    Principal: deployer,
    Action: 's3:GetObject',
    Resource: 'arn:aws:s3:::artifacts/*',
  });
  await s3.putBucketPolicy({ Bucket: 'artifacts', Policy });
  assert.match(await denied('bucket-only'), /^PermissionError: .*kms:Decrypt/);
  await kms.putKeyPolicy({
    KeyId,
    Policy: document(owner, { Principal: deployer, Action: 'kms:Decrypt', Resource: '*' }),
  });
  const first = await runOnce('both');
  await ends('both', first, 'Succeeded');
  assert.equal(await text('site', 'both/index.html'), 'one');

  const stranger = 'arn:aws:iam::210987654321:role/deployer';
  assert.match(
    await denied('stranger', stranger),
    /^PermissionError: .*AssumeRole on role arn:aws:iam::210987654321:/,
  );
});
