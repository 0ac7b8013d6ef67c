/** Encryption at rest as the official JS client sees it, and as somebody sees it who has the disk and the database. */

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as Iam from '@aws-sdk/client-iam';
import { KMS } from '@aws-sdk/client-kms';
import { S3 } from '@aws-sdk/client-s3';
import { sql } from 'kysely';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

let house: TestHouse;
let s3: S3;
let kms: KMS;
let keyArn: string;

before(async () => {
  house = await createTestHouse();
  s3 = clientOf();
  kms = new KMS({
    endpoint: house.endpoint,
    region: house.region,
    credentials: house.credentials,
    maxAttempts: 1,
  });
  keyArn = (await kms.createKey({})).KeyMetadata?.Arn ?? '';
});
after(() => house.close());

type Secret = { readonly accessKeyId: string; readonly secretAccessKey: string };

function clientOf(credentials: Secret = house.credentials): S3 {
  const { endpoint, region } = house;
  return new S3({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 });
}

let users = 0;
async function createUser(...Action: readonly string[]): Promise<{ arn: string; s3: S3 }> {
  const { endpoint, region, credentials } = house;
  const iam = new Iam.IAM({ endpoint, region, credentials, maxAttempts: 1 });
  const UserName = `s3-user-${++users}`;
  const { User } = await iam.createUser({ UserName });
  const Statement = [{ Effect: 'Allow', Action, Resource: '*' }];
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  await iam.putUserPolicy({ UserName, PolicyName: 'p', PolicyDocument });
  const { AccessKey } = await iam.createAccessKey({ UserName });
  const accessKeyId = AccessKey?.AccessKeyId ?? '';
  return {
    arn: User?.Arn ?? '',
    s3: clientOf({ accessKeyId, secretAccessKey: AccessKey?.SecretAccessKey ?? '' }),
  };
}

let buckets = 0;
async function createBucket(): Promise<string> {
  const Bucket = `sealed-${++buckets}`;
  await s3.createBucket({ Bucket });
  return Bucket;
}

interface Refusal {
  readonly name: string;
  readonly message: string;
  readonly $metadata: { readonly httpStatusCode?: number };
}

async function refusal(work: Promise<unknown>): Promise<Refusal> {
  try {
    await work;
  } catch (error) {
    return error as Refusal;
  }
  assert.fail('it should have been refused');
}

async function failure(work: Promise<unknown>): Promise<[string, number | undefined]> {
  const { name, $metadata } = await refusal(work);
  return [name, $metadata.httpStatusCode];
}

async function read(Bucket: string, Key: string, Range?: string, client = s3): Promise<Buffer> {
  const { Body } = await client.getObject({ Bucket, Key, Range });
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

/** Files of the object store, newest names unknown: all of them. */
function blobs(): readonly string[] {
  const folder = join(house.directory, 'data/objects/blobs');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.includes('/'))
    .map((name) => join(folder, name));
}

async function blobOf(bucket: string, key: string): Promise<string> {
  const { pieces } = await rowOf(bucket, key);
  const [piece] = JSON.parse(pieces) as { blobId: string }[];
  const id = piece?.blobId ?? '';
  return join(house.directory, 'data/objects/blobs', id.slice(0, 2), id);
}

async function rowOf(bucket: string, key: string): Promise<{ facts: string; pieces: string; size: number }> {
  const { rows } = await sql<{ facts: string; pieces: string; size: number }>`
    select facts, pieces, size from s3_version where bucket = ${bucket} and object_key = ${key}
  `.execute(house.slipway.house.database.read);
  assert.ok(rows[0]);
  return rows[0];
}

const MARK = 'a text that must not be found on the disk';
const KMS_PUT = { ServerSideEncryption: 'aws:kms' } as const;

test('no object rests in plain, whatever it asks for', async () => {
  const Bucket = await createBucket();
  for (const [Key, more] of [
    ['plain', {}],
    ['own', { ServerSideEncryption: 'AES256' }],
    ['default-key', KMS_PUT],
    ['key', { ...KMS_PUT, SSEKMSKeyId: keyArn }],
  ] as const) {
    await s3.putObject({ Bucket, Key, Body: MARK, ...more });
    assert.equal((await read(Bucket, Key)).toString(), MARK);
  }
  assert.ok(blobs().length >= 4);
  for (const path of blobs()) assert.ok(!readFileSync(path).includes(MARK), path);
});

test('answers name the encryption and the key, and the entity tag of a KMS object tells nothing', async () => {
  const Bucket = await createBucket();
  const put = await s3.putObject({ Bucket, Key: 'k', Body: MARK, ...KMS_PUT, SSEKMSKeyId: keyArn });
  assert.deepEqual(
    [put.ServerSideEncryption, put.SSEKMSKeyId, put.BucketKeyEnabled],
    ['aws:kms', keyArn, undefined],
  );
  assert.notEqual(put.ETag, `"${createHash('md5').update(MARK).digest('hex')}"`);
  for (const answer of [
    await s3.headObject({ Bucket, Key: 'k' }),
    await s3.getObject({ Bucket, Key: 'k' }),
  ]) {
    assert.deepEqual(
      [answer.ServerSideEncryption, answer.SSEKMSKeyId, answer.ETag],
      ['aws:kms', keyArn, put.ETag],
    );
  }
  const own = await s3.putObject({ Bucket, Key: 'own', Body: MARK, ...KMS_PUT });
  const managed = await kms.describeKey({ KeyId: 'alias/aws/s3' });
  assert.equal(own.SSEKMSKeyId, managed.KeyMetadata?.Arn);
  const keyAlone = s3.putObject({ Bucket, Key: 'x', Body: 'x', SSEKMSKeyId: keyArn });
  assert.deepEqual(await failure(keyAlone), ['InvalidArgument', 400]);
  const layers = s3.putObject({ Bucket, Key: 'x', Body: 'x', ServerSideEncryption: 'aws:kms:dsse' });
  assert.deepEqual(await failure(layers), ['NotImplemented', 501]);
});

test('every range of a large KMS object opens, and so does one that came in parts', async () => {
  const Bucket = await createBucket();
  const content = randomBytes(11 * 1024 ** 2 + 17);
  const Key = 'large';
  const { UploadId } = await s3.createMultipartUpload({
    Bucket,
    Key,
    ChecksumAlgorithm: 'CRC32',
    ...KMS_PUT,
    SSEKMSKeyId: keyArn,
  });
  const Parts = [];
  for (const [index, end] of [5 * 1024 ** 2, 10 * 1024 ** 2, content.length].entries()) {
    const Body = content.subarray(index * 5 * 1024 ** 2, end);
    const part = await s3.uploadPart({ Bucket, Key, UploadId, PartNumber: index + 1, Body });
    assert.equal(part.SSEKMSKeyId, keyArn);
    Parts.push({ PartNumber: index + 1, ETag: part.ETag });
  }
  const done = await s3.completeMultipartUpload({ Bucket, Key, UploadId, MultipartUpload: { Parts } });
  assert.deepEqual([done.ServerSideEncryption, done.SSEKMSKeyId], ['aws:kms', keyArn]);
  assert.ok((await read(Bucket, Key)).equals(content));
  for (const [first, last] of [
    [0, 0],
    [65_535, 65_536],
    [5 * 1024 ** 2 - 1, 5 * 1024 ** 2 + 1],
    [content.length - 1, content.length - 1],
  ] as const) {
    const part = await read(Bucket, Key, `bytes=${first}-${last}`);
    assert.ok(part.equals(content.subarray(first, last + 1)), `${first}-${last}`);
  }
});

test('who may not use the key may neither write nor read with it; the service’s own key is for everybody', async () => {
  const Bucket = await createBucket();
  const [none, reader] = [await createUser('s3:*'), await createUser('s3:*', 'kms:Decrypt')];
  const secret = { Bucket, Key: 'k', Body: MARK, ...KMS_PUT, SSEKMSKeyId: keyArn };
  const written = await refusal(none.s3.putObject(secret));
  assert.deepEqual(
    [written.name, written.$metadata.httpStatusCode, written.message],
    [
      'AccessDenied',
      403,
      `User: ${none.arn} is not authorized to perform: kms:GenerateDataKey on resource: ${keyArn} because no identity-based policy allows the kms:GenerateDataKey action`,
    ],
  );
  await s3.putObject(secret);
  const refused = await refusal(none.s3.getObject({ Bucket, Key: 'k' }));
  assert.equal(refused.name, 'AccessDenied');
  assert.match(refused.message, /kms:Decrypt on resource: .* because no identity-based policy allows/);
  assert.equal((await read(Bucket, 'k', undefined, reader.s3)).toString(), MARK);
  assert.deepEqual(await failure(reader.s3.putObject(secret)), ['AccessDenied', 403]);
  await none.s3.putObject({ Bucket, Key: 'own', Body: MARK, ...KMS_PUT });
  assert.equal((await read(Bucket, 'own', undefined, none.s3)).toString(), MARK);
  assert.equal((await none.s3.headObject({ Bucket, Key: 'k' })).SSEKMSKeyId, keyArn, 'metadata needs no key');
  const checksum = none.s3.headObject({ Bucket, Key: 'k', ChecksumMode: 'ENABLED' });
  assert.equal((await failure(checksum))[1], 403);
});

test('a disabled or deleted key locks its objects, and one that comes back opens them again', async () => {
  const Bucket = await createBucket();
  const { KeyMetadata } = await kms.createKey({});
  const KeyId = KeyMetadata?.KeyId ?? '';
  await s3.putObject({ Bucket, Key: 'k', Body: MARK, ...KMS_PUT, SSEKMSKeyId: KeyId });
  await kms.disableKey({ KeyId });
  assert.deepEqual(await failure(s3.getObject({ Bucket, Key: 'k' })), ['KMS.DisabledException', 400]);
  await kms.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 });
  assert.deepEqual(await failure(s3.getObject({ Bucket, Key: 'k' })), ['KMS.KMSInvalidStateException', 400]);
  await kms.cancelKeyDeletion({ KeyId });
  await kms.enableKey({ KeyId });
  assert.equal((await read(Bucket, 'k')).toString(), MARK);
  const nowhere = s3.putObject({ Bucket, Key: 'x', Body: 'x', ...KMS_PUT, SSEKMSKeyId: 'alias/nothing' });
  assert.deepEqual(await failure(nowhere), ['KMS.NotFoundException', 400]);
});

test('a bucket’s default encryption is taken where the request says nothing, and its bucket key widens the context', async () => {
  const Bucket = await createBucket();
  const rule = (
    SSEAlgorithm: 'aws:kms' | 'AES256',
    KMSMasterKeyID: string | undefined,
    BucketKeyEnabled: boolean,
  ) => ({
    Bucket,
    ServerSideEncryptionConfiguration: {
      Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm, KMSMasterKeyID }, BucketKeyEnabled }],
    },
  });
  await s3.putBucketEncryption(rule('aws:kms', keyArn, true));
  const { ServerSideEncryptionConfiguration } = await s3.getBucketEncryption({ Bucket });
  assert.deepEqual(ServerSideEncryptionConfiguration?.Rules, [
    {
      ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: keyArn },
      BucketKeyEnabled: true,
    },
  ]);
  const put = await s3.putObject({ Bucket, Key: 'k', Body: MARK });
  assert.deepEqual(
    [put.ServerSideEncryption, put.SSEKMSKeyId, put.BucketKeyEnabled],
    ['aws:kms', keyArn, true],
  );
  assert.equal((await read(Bucket, 'k')).toString(), MARK);
  const own = await s3.putObject({ Bucket, Key: 'own', Body: MARK, ServerSideEncryption: 'AES256' });
  assert.deepEqual([own.ServerSideEncryption, own.SSEKMSKeyId], ['AES256', undefined]);
  assert.deepEqual(await failure(s3.putBucketEncryption(rule('AES256', keyArn, false))), [
    'InvalidArgument',
    400,
  ]);
  await s3.deleteBucketEncryption({ Bucket });
  assert.equal((await s3.putObject({ Bucket, Key: 'k', Body: MARK })).ServerSideEncryption, 'AES256');
});

test('a key policy may bind the key to S3 and to one bucket', async () => {
  const [mine, other] = [await createBucket(), await createBucket()];
  const user = await createUser('s3:*');
  const account = { AWS: `arn:aws:iam::${house.account}:root` };
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Principal: account, Action: 'kms:*', Resource: '*' },
      {
        Effect: 'Allow',
        Principal: { AWS: user.arn },
        Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
        Resource: '*',
        Condition: {
          StringEquals: { 'kms:ViaService': 's3.us-east-1.amazonaws.com' },
          StringLike: { 'kms:EncryptionContext:aws:s3:arn': `arn:aws:s3:::${mine}/*` },
        },
      },
    ],
  });
  const SSEKMSKeyId = (await kms.createKey({ Policy })).KeyMetadata?.Arn;
  await user.s3.putObject({ Bucket: mine, Key: 'k', Body: MARK, ...KMS_PUT, SSEKMSKeyId });
  const elsewhere = user.s3.putObject({ Bucket: other, Key: 'k', Body: MARK, ...KMS_PUT, SSEKMSKeyId });
  assert.deepEqual(await failure(elsewhere), ['AccessDenied', 403]);
  const forged = Buffer.from(JSON.stringify({ 'aws:s3:arn': `arn:aws:s3:::${mine}/x` })).toString('base64');
  const lying = {
    Bucket: other,
    Key: 'k',
    Body: MARK,
    ...KMS_PUT,
    SSEKMSKeyId,
    SSEKMSEncryptionContext: forged,
  };
  assert.deepEqual(await failure(user.s3.putObject(lying)), ['InvalidArgument', 400]);
});

test('a copy is encrypted as its destination wants it, under who copies', async () => {
  const Bucket = await createBucket();
  await s3.putObject({ Bucket, Key: 'a', Body: MARK });
  const CopySource = `${Bucket}/a`;
  const sealed = await s3.copyObject({ Bucket, Key: 'b', CopySource, ...KMS_PUT, SSEKMSKeyId: keyArn });
  assert.equal(sealed.SSEKMSKeyId, keyArn);
  assert.equal((await read(Bucket, 'b')).toString(), MARK);
  assert.notEqual(await blobOf(Bucket, 'a'), await blobOf(Bucket, 'b'));
  const back = await s3.copyObject({ Bucket, Key: 'c', CopySource: `${Bucket}/b` });
  assert.equal(back.ServerSideEncryption, 'AES256');
  assert.equal((await s3.headObject({ Bucket, Key: 'c' })).ServerSideEncryption, 'AES256');
  assert.equal(back.CopyObjectResult?.ETag, (await s3.headObject({ Bucket, Key: 'a' })).ETag);
  const stranger = await createUser('s3:*');
  const stolen = stranger.s3.copyObject({ Bucket, Key: 'd', CopySource: `${Bucket}/b` });
  assert.deepEqual(await failure(stolen), ['AccessDenied', 403]);
  const anew = await s3.copyObject({ Bucket, Key: 'a', CopySource, ...KMS_PUT, SSEKMSKeyId: keyArn });
  assert.equal(anew.SSEKMSKeyId, keyArn, 'onto itself, encrypted anew');
  assert.equal((await read(Bucket, 'a')).toString(), MARK);
});

test('a bucket policy that refuses what is not encrypted with KMS is obeyed, also by uploads in parts', async () => {
  const Bucket = await createBucket();
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'DenyUnEncryptedObjectUploads',
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:PutObject',
        Resource: `arn:aws:s3:::${Bucket}/*`,
        Condition: { StringNotEquals: { 's3:x-amz-server-side-encryption': 'aws:kms' } },
      },
    ],
  });
  await s3.putBucketPolicy({ Bucket, Policy });
  assert.deepEqual(await failure(s3.putObject({ Bucket, Key: 'k', Body: 'x' })), ['AccessDenied', 403]);
  const weak = s3.putObject({ Bucket, Key: 'k', Body: 'x', ServerSideEncryption: 'AES256' });
  assert.deepEqual(await failure(weak), ['AccessDenied', 403]);
  await s3.putObject({ Bucket, Key: 'k', Body: 'x', ...KMS_PUT });
  assert.deepEqual(await failure(s3.createMultipartUpload({ Bucket, Key: 'm' })), ['AccessDenied', 403]);
  const { UploadId } = await s3.createMultipartUpload({
    Bucket,
    Key: 'm',
    ChecksumAlgorithm: 'CRC32',
    ...KMS_PUT,
  });
  const { ETag } = await s3.uploadPart({ Bucket, Key: 'm', UploadId, PartNumber: 1, Body: 'part' });
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
  await s3.completeMultipartUpload({ Bucket, Key: 'm', UploadId, MultipartUpload });
  assert.equal((await read(Bucket, 'm')).toString(), 'part');
  const stranger = s3.uploadPart({ Bucket, Key: 'm', UploadId: 'nothing', PartNumber: 1, Body: 'part' });
  assert.deepEqual(await failure(stranger), ['AccessDenied', 403]);
});

test('altered, exchanged and cut bytes on the disk are never answered as content', async () => {
  const Bucket = await createBucket();
  const size = 200_000;
  for (const way of [{}, { ...KMS_PUT, SSEKMSKeyId: keyArn }]) {
    const names = ['a', 'b'];
    for (const Key of names) await s3.putObject({ Bucket, Key, Body: randomBytes(size), ...way });
    const [a, b] = [await blobOf(Bucket, 'a'), await blobOf(Bucket, 'b')];
    const whole = readFileSync(a);
    const altered = Buffer.from(whole);
    altered[size / 2] = (altered[size / 2] as number) ^ 1;
    const frame = 64 * 1024 + 16;
    const exchanged = Buffer.concat([
      whole.subarray(frame, 2 * frame),
      whole.subarray(0, frame),
      whole.subarray(2 * frame),
    ]);
    for (const bytes of [altered, exchanged, whole.subarray(0, 2 * frame)]) {
      writeFileSync(a, bytes);
      await assert.rejects(read(Bucket, 'a'));
    }
    copyFileSync(b, a);
    await assert.rejects(read(Bucket, 'a'), 'another object’s bytes');
    writeFileSync(a, whole);
    assert.equal((await read(Bucket, 'a')).length, size);
  }
});

test('who can write the database cannot pass off one object, or its data key, as another', async () => {
  const Bucket = await createBucket();
  const way = { ...KMS_PUT, SSEKMSKeyId: keyArn };
  await s3.putObject({ Bucket, Key: 'public', Body: MARK, ...way });
  await s3.putObject({ Bucket, Key: 'secret', Body: MARK.toUpperCase(), ...way });
  const secret = await rowOf(Bucket, 'secret');
  await house.slipway.house.database.transaction(async (transaction) => {
    await sql`
      update s3_version set facts = ${secret.facts}, pieces = ${secret.pieces}, size = ${secret.size}
      where bucket = ${Bucket} and object_key = 'public'
    `.execute(transaction);
  });
  const { name } = await refusal(s3.getObject({ Bucket, Key: 'public' }));
  assert.equal(name, 'KMS.InvalidCiphertextException');
});

test('what was written before a restart and a rotation of its key is read after them', async () => {
  const Bucket = await createBucket();
  await s3.putObject({ Bucket, Key: 'k', Body: MARK, ...KMS_PUT, SSEKMSKeyId: keyArn });
  await kms.rotateKeyOnDemand({ KeyId: keyArn });
  await house.restart();
  s3 = clientOf();
  assert.equal((await read(Bucket, 'k')).toString(), MARK);
});
