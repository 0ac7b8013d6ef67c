/** S3 as the official JS client sees it: objects, conditions, ranges, versions, uploads in parts, listings, policies. */

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import * as S3 from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { BusEvent } from '#services/service.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

let house: TestHouse;
let s3: S3.S3Client;
const events: BusEvent[] = [];

before(async () => {
  house = await createTestHouse();
  listen();
  s3 = createClient();
});
after(() => house.close());

function createClient(): S3.S3Client {
  const { endpoint, region, credentials } = house;
  return new S3.S3Client({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 });
}

/** Keeps what the house publishes, on its way to the rooms that hear it. */
function listen(): void {
  const inner = house.slipway.house as { publish(event: BusEvent): Promise<void> };
  const publish = inner.publish.bind(inner);
  inner.publish = async (event) => {
    events.push(event);
    await publish(event);
  };
}

interface Failure {
  readonly name: string;
  readonly $metadata: { readonly httpStatusCode?: number };
}

async function failure(work: Promise<unknown>): Promise<[string, number | undefined]> {
  try {
    await work;
  } catch (error) {
    return [(error as Failure).name, (error as Failure).$metadata.httpStatusCode];
  }
  assert.fail('it should have been refused');
}

let buckets = 0;
async function createBucket(versioning?: 'Enabled'): Promise<string> {
  const Bucket = `bucket-${++buckets}`;
  await s3.send(new S3.CreateBucketCommand({ Bucket }));
  if (versioning) {
    const VersioningConfiguration = { Status: versioning };
    await s3.send(new S3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
  }
  return Bucket;
}

async function put(Bucket: string, Key: string, Body = Key, more: Partial<S3.PutObjectCommandInput> = {}) {
  return await s3.send(new S3.PutObjectCommand({ Bucket, Key, Body, ...more }));
}

async function textOf(Bucket: string, Key: string, more: Partial<S3.GetObjectCommandInput> = {}) {
  const answer = await s3.send(new S3.GetObjectCommand({ Bucket, Key, ...more }));
  return await answer.Body?.transformToString();
}

test('buckets are made once, found, listed, and deleted only when empty', async () => {
  const Bucket = await createBucket();
  assert.deepEqual(await failure(s3.send(new S3.CreateBucketCommand({ Bucket }))), [
    'BucketAlreadyOwnedByYou',
    409,
  ]);
  assert.deepEqual(await failure(s3.send(new S3.CreateBucketCommand({ Bucket: 'Bad_Name' }))), [
    'InvalidBucketName',
    400,
  ]);
  assert.equal((await s3.send(new S3.HeadBucketCommand({ Bucket }))).BucketRegion, 'us-east-1');
  assert.deepEqual(await failure(s3.send(new S3.HeadBucketCommand({ Bucket: 'no-such-bucket' }))), [
    'NotFound',
    404,
  ]);
  const listed = await s3.send(new S3.ListBucketsCommand({}));
  assert.ok(listed.Buckets?.some((bucket) => bucket.Name === Bucket));
  await put(Bucket, 'x');
  assert.deepEqual(await failure(s3.send(new S3.DeleteBucketCommand({ Bucket }))), ['BucketNotEmpty', 409]);
  await s3.send(new S3.DeleteObjectCommand({ Bucket, Key: 'x' }));
  await s3.send(new S3.DeleteBucketCommand({ Bucket }));
  assert.deepEqual(await failure(s3.send(new S3.ListObjectsV2Command({ Bucket }))), ['NoSuchBucket', 404]);
});

test('an object comes back with its bytes, its headers and its checksum, and is told on the bus', async () => {
  const Bucket = await createBucket();
  const content = randomBytes(200_000);
  const md5 = createHash('md5').update(content).digest('hex');
  const input = {
    Bucket,
    Key: 'dir/Ünï code+%25.bin',
    Body: content,
    ContentType: 'application/x-thing',
    CacheControl: 'no-store',
    ContentDisposition: 'attachment',
    Metadata: { colour: 'green' },
    Tagging: 'team=a&stage=b',
  };
  const written = await s3.send(new S3.PutObjectCommand(input));
  assert.equal(written.ETag, `"${md5}"`);
  assert.equal(written.ServerSideEncryption, 'AES256');
  const { Body, ...read } = await s3.send(
    new S3.GetObjectCommand({ Bucket, Key: input.Key, ChecksumMode: 'ENABLED' }),
  );
  assert.deepEqual(Buffer.from((await Body?.transformToByteArray()) ?? []), content);
  assert.equal(read.ContentLength, content.length);
  assert.equal(read.ContentType, 'application/x-thing');
  assert.equal(read.CacheControl, 'no-store');
  assert.equal(read.ContentDisposition, 'attachment');
  assert.deepEqual(read.Metadata, { colour: 'green' });
  assert.equal(read.TagCount, 2);
  assert.equal(read.ChecksumCRC32, written.ChecksumCRC32);
  assert.ok(read.ChecksumCRC32);
  const event = await until('the event', 5_000, () =>
    events.find(
      (each) =>
        each.detail['bucket'] !== undefined && (each.detail['object'] as { key: string }).key === input.Key,
    ),
  );
  assert.equal(event.source, 'aws.s3');
  assert.equal(event.detailType, 'Object Created');
  assert.equal((event.detail['object'] as { etag: string }).etag, md5);
});

test('a stream of unknown hash is checked by its trailer, and an empty object is an object', async () => {
  const Bucket = await createBucket();
  const body = Readable.from([Buffer.alloc(100_000, 1), Buffer.alloc(50_000, 2)]);
  await s3.send(new S3.PutObjectCommand({ Bucket, Key: 'stream', Body: body, ContentLength: 150_000 }));
  const head = await s3.send(new S3.HeadObjectCommand({ Bucket, Key: 'stream', ChecksumMode: 'ENABLED' }));
  assert.equal(head.ContentLength, 150_000);
  assert.ok(head.ChecksumCRC32);
  await put(Bucket, 'empty', '');
  assert.equal(await textOf(Bucket, 'empty'), '');
});

test('ranges answer 206 with exactly those bytes, and 416 beyond the end', async () => {
  const Bucket = await createBucket();
  const content = randomBytes(300_000);
  await s3.send(new S3.PutObjectCommand({ Bucket, Key: 'k', Body: content }));
  for (const [first, last] of [
    [0, 0],
    [65_530, 65_550],
    [131_072, 200_000],
    [299_999, 299_999],
  ] as const) {
    const answer = await s3.send(
      new S3.GetObjectCommand({ Bucket, Key: 'k', Range: `bytes=${first}-${last}` }),
    );
    assert.equal(answer.$metadata.httpStatusCode, 206);
    assert.equal(answer.ContentRange, `bytes ${first}-${last}/300000`);
    assert.deepEqual(
      Buffer.from((await answer.Body?.transformToByteArray()) ?? []),
      content.subarray(first, last + 1),
    );
  }
  const beyond = s3.send(new S3.GetObjectCommand({ Bucket, Key: 'k', Range: 'bytes=300000-' }));
  assert.deepEqual(await failure(beyond), ['InvalidRange', 416]);
});

test('conditional reads and writes answer 304, 412 and 404', async () => {
  const Bucket = await createBucket();
  const { ETag } = await put(Bucket, 'k', 'one');
  assert.deepEqual((await failure(textOf(Bucket, 'k', { IfNoneMatch: ETag })))[1], 304);
  assert.deepEqual(await failure(textOf(Bucket, 'k', { IfMatch: '"other"' })), ['PreconditionFailed', 412]);
  assert.deepEqual(await failure(put(Bucket, 'k', 'two', { IfNoneMatch: '*' })), ['PreconditionFailed', 412]);
  assert.deepEqual(await failure(put(Bucket, 'k', 'two', { IfMatch: '"other"' })), [
    'PreconditionFailed',
    412,
  ]);
  assert.deepEqual(await failure(put(Bucket, 'gone', 'two', { IfMatch: ETag })), ['NoSuchKey', 404]);
  await put(Bucket, 'k', 'two', { IfMatch: ETag });
  await put(Bucket, 'new', 'first', { IfNoneMatch: '*' });
  assert.equal(await textOf(Bucket, 'k'), 'two');
});

test('of many writers that must be first exactly one is', async () => {
  const Bucket = await createBucket();
  const writers = Array.from({ length: 12 }, (_, i) =>
    put(Bucket, 'lock', `writer ${i}`, { IfNoneMatch: '*' }),
  );
  const settled = await Promise.allSettled(writers);
  const winners = settled.flatMap((each, i) => (each.status === 'fulfilled' ? [i] : []));
  assert.equal(winners.length, 1);
  assert.equal(await textOf(Bucket, 'lock'), `writer ${winners[0]}`);
});

test('versions stay behind overwrites and delete markers', async () => {
  const Bucket = await createBucket('Enabled');
  const one = await put(Bucket, 'k', 'one');
  const two = await put(Bucket, 'k', 'two');
  assert.notEqual(one.VersionId, two.VersionId);
  assert.equal(await textOf(Bucket, 'k', { VersionId: one.VersionId }), 'one');
  const marker = await s3.send(new S3.DeleteObjectCommand({ Bucket, Key: 'k' }));
  assert.equal(marker.DeleteMarker, true);
  assert.deepEqual(await failure(textOf(Bucket, 'k')), ['NoSuchKey', 404]);
  assert.deepEqual(await failure(textOf(Bucket, 'k', { VersionId: marker.VersionId })), [
    'MethodNotAllowed',
    405,
  ]);
  assert.deepEqual(await failure(textOf(Bucket, 'k', { VersionId: 'nonsense' })), ['NoSuchVersion', 404]);
  const url = await getSignedUrl(s3, new S3.GetObjectCommand({ Bucket, Key: 'k' }));
  const { headers } = await fetch(url);
  assert.equal(headers.get('x-amz-delete-marker'), 'true');
  assert.equal(headers.get('x-amz-version-id'), marker.VersionId);
  const listed = await s3.send(new S3.ListObjectVersionsCommand({ Bucket }));
  assert.deepEqual(
    listed.Versions?.map((version) => [version.VersionId, version.IsLatest]),
    [
      [two.VersionId, false],
      [one.VersionId, false],
    ],
  );
  assert.deepEqual(
    listed.DeleteMarkers?.map((each) => [each.VersionId, each.IsLatest]),
    [[marker.VersionId, true]],
  );
  await s3.send(new S3.DeleteObjectCommand({ Bucket, Key: 'k', VersionId: marker.VersionId }));
  assert.equal(await textOf(Bucket, 'k'), 'two');
  await s3.send(
    new S3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Suspended' } }),
  );
  assert.equal((await put(Bucket, 'k', 'three')).VersionId, 'null');
  await put(Bucket, 'k', 'four');
  const after = await s3.send(new S3.ListObjectVersionsCommand({ Bucket }));
  assert.deepEqual(
    after.Versions?.map((version) => version.VersionId),
    ['null', two.VersionId, one.VersionId],
  );
});

test('versions list in pages that split a key', async () => {
  const Bucket = await createBucket('Enabled');
  for (const key of ['a', 'b', 'b', 'b', 'c']) await put(Bucket, key);
  const seen: string[] = [];
  for (let more: Partial<S3.ListObjectVersionsCommandInput> | undefined = {}; more;) {
    const page: S3.ListObjectVersionsCommandOutput = await s3.send(
      new S3.ListObjectVersionsCommand({ Bucket, MaxKeys: 2, ...more }),
    );
    seen.push(...(page.Versions ?? []).map((version) => version.Key ?? ''));
    more = page.IsTruncated
      ? { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker }
      : undefined;
  }
  assert.deepEqual(seen, ['a', 'b', 'b', 'b', 'c']);
});

test('listings roll up, page, encode, and start after', async () => {
  const Bucket = await createBucket();
  for (const key of ['a/1', 'a/2', 'b', 'c/x/1', 'd e+f', 'é']) await put(Bucket, key);
  const list = (more: Partial<S3.ListObjectsV2CommandInput>) =>
    s3.send(new S3.ListObjectsV2Command({ Bucket, ...more }));
  const rolled = await list({ Delimiter: '/' });
  assert.deepEqual(
    rolled.Contents?.map((each) => each.Key),
    ['b', 'd e+f', 'é'],
  );
  assert.deepEqual(
    rolled.CommonPrefixes?.map((each) => each.Prefix),
    ['a/', 'c/'],
  );
  assert.equal(rolled.KeyCount, 5);
  const first = await list({ MaxKeys: 2, Delimiter: '/' });
  assert.equal(first.IsTruncated, true);
  const second = await list({ Delimiter: '/', ContinuationToken: first.NextContinuationToken });
  assert.deepEqual(
    second.CommonPrefixes?.map((each) => each.Prefix),
    ['c/'],
  );
  assert.deepEqual(
    second.Contents?.map((each) => each.Key),
    ['d e+f', 'é'],
  );
  assert.deepEqual(
    (await list({ StartAfter: 'c' })).Contents?.map((each) => each.Key),
    ['c/x/1', 'd e+f', 'é'],
  );
  assert.deepEqual(
    (await list({ Prefix: 'd', EncodingType: 'url' })).Contents?.map((each) => each.Key),
    ['d+e%2Bf'],
  );
  assert.deepEqual(await failure(list({ ContinuationToken: 'made-up' })), ['InvalidArgument', 400]);
  assert.equal((await list({ MaxKeys: 0 })).IsTruncated, false);
  const old = await s3.send(new S3.ListObjectsCommand({ Bucket, Delimiter: '/', MaxKeys: 1 }));
  assert.equal(old.NextMarker, 'a/');
});

test('an upload in parts becomes one object, its parts read by range and by number', async () => {
  const Bucket = await createBucket();
  const parts = [randomBytes(5 * 1024 * 1024), randomBytes(5 * 1024 * 1024), randomBytes(1234)];
  const { UploadId } = await s3.send(new S3.CreateMultipartUploadCommand({ Bucket, Key: 'big' }));
  const done: S3.CompletedPart[] = [];
  for (const [index, Body] of parts.entries()) {
    const PartNumber = index + 1;
    const { ETag } = await s3.send(
      new S3.UploadPartCommand({
        Bucket,
        Key: 'big',
        UploadId,
        PartNumber,
        Body,
        ChecksumAlgorithm: 'CRC64NVME',
      }),
    );
    done.push({ PartNumber, ETag });
  }
  const listed = await s3.send(new S3.ListPartsCommand({ Bucket, Key: 'big', UploadId }));
  assert.deepEqual(
    listed.Parts?.map((part) => part.Size),
    parts.map((part) => part.length),
  );
  const complete = (Parts: S3.CompletedPart[]) =>
    s3.send(
      new S3.CompleteMultipartUploadCommand({ Bucket, Key: 'big', UploadId, MultipartUpload: { Parts } }),
    );
  assert.deepEqual(await failure(complete([...done].reverse())), ['InvalidPartOrder', 400]);
  assert.deepEqual(await failure(complete([{ PartNumber: 1, ETag: '"nonsense"' }])), ['InvalidPart', 400]);
  const answer = await complete(done);
  const digests = Buffer.concat(parts.map((part) => createHash('md5').update(part).digest()));
  assert.equal(answer.ETag, `"${createHash('md5').update(digests).digest('hex')}-3"`);
  assert.deepEqual((await complete(done)).ETag, answer.ETag, 'completing again answers the same');
  const whole = await s3.send(new S3.GetObjectCommand({ Bucket, Key: 'big' }));
  assert.deepEqual(Buffer.from((await whole.Body?.transformToByteArray()) ?? []), Buffer.concat(parts));
  const middle = await s3.send(new S3.GetObjectCommand({ Bucket, Key: 'big', PartNumber: 2 }));
  assert.equal(middle.PartsCount, 3);
  assert.deepEqual(Buffer.from((await middle.Body?.transformToByteArray()) ?? []), parts[1]);
  const across = await s3.send(
    new S3.GetObjectCommand({ Bucket, Key: 'big', Range: 'bytes=5242870-5242890' }),
  );
  assert.deepEqual(
    Buffer.from((await across.Body?.transformToByteArray()) ?? []),
    Buffer.concat(parts).subarray(5_242_870, 5_242_891),
  );
});

test('small parts, unknown uploads and aborted ones are refused', async () => {
  const Bucket = await createBucket();
  const { UploadId } = await s3.send(new S3.CreateMultipartUploadCommand({ Bucket, Key: 'k' }));
  const part = (PartNumber: number) =>
    s3.send(
      new S3.UploadPartCommand({
        Bucket,
        Key: 'k',
        UploadId,
        PartNumber,
        Body: 'x',
        ChecksumAlgorithm: 'CRC64NVME',
      }),
    );
  const Parts = [];
  for (const PartNumber of [1, 2]) Parts.push({ PartNumber, ETag: (await part(PartNumber)).ETag });
  const complete = new S3.CompleteMultipartUploadCommand({
    Bucket,
    Key: 'k',
    UploadId,
    MultipartUpload: { Parts },
  });
  assert.deepEqual(await failure(s3.send(complete)), ['EntityTooSmall', 400]);
  await s3.send(new S3.AbortMultipartUploadCommand({ Bucket, Key: 'k', UploadId }));
  assert.deepEqual(await failure(s3.send(complete)), ['NoSuchUpload', 404]);
  assert.deepEqual(await failure(part(3)), ['NoSuchUpload', 404]);
});

test('copies share bytes, keep or replace metadata, and outlive their source', async () => {
  const Bucket = await createBucket();
  await put(Bucket, 'from here', 'content', { Metadata: { a: '1' }, ContentType: 'text/x' });
  const CopySource = `${Bucket}/from%20here`;
  const copied = await s3.send(new S3.CopyObjectCommand({ Bucket, Key: 'to', CopySource }));
  assert.equal(copied.CopyObjectResult?.ETag, `"${createHash('md5').update('content').digest('hex')}"`);
  await s3.send(new S3.DeleteObjectCommand({ Bucket, Key: 'from here' }));
  const read = await s3.send(new S3.GetObjectCommand({ Bucket, Key: 'to' }));
  assert.equal(await read.Body?.transformToString(), 'content');
  assert.deepEqual([read.Metadata, read.ContentType], [{ a: '1' }, 'text/x']);
  const again = { Bucket, Key: 'to', CopySource: `/${Bucket}/to` };
  assert.deepEqual(await failure(s3.send(new S3.CopyObjectCommand(again))), ['InvalidRequest', 400]);
  await s3.send(new S3.CopyObjectCommand({ ...again, MetadataDirective: 'REPLACE', Metadata: { b: '2' } }));
  assert.deepEqual((await s3.send(new S3.HeadObjectCommand({ Bucket, Key: 'to' }))).Metadata, { b: '2' });
});

test('many objects are deleted at once, and missing ones count as deleted', async () => {
  const Bucket = await createBucket();
  await put(Bucket, 'a');
  const Objects = [{ Key: 'a' }, { Key: 'never' }];
  const answer = await s3.send(new S3.DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  assert.deepEqual(
    answer.Deleted?.map((each) => each.Key),
    ['a', 'never'],
  );
  assert.equal(answer.Errors, undefined);
});

test('a presigned URL reads and writes without credentials', async () => {
  const Bucket = await createBucket();
  const upload = await getSignedUrl(s3, new S3.PutObjectCommand({ Bucket, Key: 'k' }), { expiresIn: 60 });
  assert.equal((await fetch(upload, { method: 'PUT', body: 'by url' })).status, 200);
  const download = await getSignedUrl(s3, new S3.GetObjectCommand({ Bucket, Key: 'k' }), { expiresIn: 60 });
  assert.equal(await (await fetch(download)).text(), 'by url');
  assert.equal((await fetch(`${house.endpoint}/${Bucket}/k`)).status, 403);
});

test('tags, encryption, public access and ownership are kept, and absent settings say so', async () => {
  const Bucket = await createBucket();
  assert.deepEqual(await failure(s3.send(new S3.GetBucketTaggingCommand({ Bucket }))), ['NoSuchTagSet', 404]);
  const TagSet = [{ Key: 'team', Value: 'a' }];
  await s3.send(new S3.PutBucketTaggingCommand({ Bucket, Tagging: { TagSet } }));
  assert.deepEqual((await s3.send(new S3.GetBucketTaggingCommand({ Bucket }))).TagSet, TagSet);
  const rules = (await s3.send(new S3.GetBucketEncryptionCommand({ Bucket })))
    .ServerSideEncryptionConfiguration;
  assert.equal(rules?.Rules?.[0]?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm, 'AES256');
  const layers = put(Bucket, 'k', 'x', { ServerSideEncryption: 'aws:kms:dsse' });
  assert.deepEqual((await failure(layers))[1], 501);
  const absent = s3.send(new S3.GetBucketLifecycleConfigurationCommand({ Bucket }));
  assert.deepEqual(await failure(absent), ['NoSuchLifecycleConfiguration', 404]);
  await put(Bucket, 'k');
  await s3.send(new S3.PutObjectTaggingCommand({ Bucket, Key: 'k', Tagging: { TagSet } }));
  assert.deepEqual((await s3.send(new S3.GetObjectTaggingCommand({ Bucket, Key: 'k' }))).TagSet, TagSet);
  assert.equal((await s3.send(new S3.GetBucketLocationCommand({ Bucket }))).LocationConstraint, undefined);
});

test('a bucket policy can deny even the owner, and public policies are blocked', async () => {
  const Bucket = await createBucket();
  await put(Bucket, 'public/a');
  const statement = {
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:GetObject',
    Resource: `arn:aws:s3:::${Bucket}/*`,
  };
  const policyOf = (more: object) =>
    JSON.stringify({ Version: '2012-10-17', Statement: [{ ...statement, ...more }] });
  const set = (Policy: string) => s3.send(new S3.PutBucketPolicyCommand({ Bucket, Policy }));
  assert.deepEqual(await failure(set('{')), ['MalformedPolicy', 400]);
  assert.deepEqual(await failure(set(policyOf({ Resource: 'arn:aws:s3:::other/*' }))), [
    'MalformedPolicy',
    400,
  ]);
  assert.deepEqual(await failure(set(policyOf({ Effect: 'Allow' }))), ['AccessDenied', 403]);
  await set(policyOf({}));
  assert.equal((await s3.send(new S3.GetBucketPolicyCommand({ Bucket }))).Policy, policyOf({}));
  assert.deepEqual(await failure(textOf(Bucket, 'public/a')), ['AccessDenied', 403]);
  const PublicAccessBlockConfiguration = { RestrictPublicBuckets: true };
  await s3.send(new S3.PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration }));
  await set(policyOf({ Effect: 'Allow' }));
  assert.equal((await fetch(`${house.endpoint}/${Bucket}/public/a`)).status, 403);
  await s3.send(new S3.DeletePublicAccessBlockCommand({ Bucket }));
  await set(policyOf({ Effect: 'Allow' }));
  assert.equal(await (await fetch(`${house.endpoint}/${Bucket}/public/a`)).text(), 'public/a');
  await s3.send(new S3.DeleteBucketPolicyCommand({ Bucket }));
  assert.deepEqual(await failure(s3.send(new S3.GetBucketPolicyCommand({ Bucket }))), [
    'NoSuchBucketPolicy',
    404,
  ]);
});

test('everything is still there after a restart', async () => {
  const Bucket = await createBucket('Enabled');
  const { VersionId } = await put(Bucket, 'k', 'kept');
  await house.restart();
  listen();
  s3 = createClient();
  assert.equal(await textOf(Bucket, 'k', { VersionId }), 'kept');
});
