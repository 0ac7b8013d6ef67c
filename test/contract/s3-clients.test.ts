/** S3 as the AWS CLI and boto3 use it, unmodified; and who learns what when permissions are missing. */

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import * as S3 from '@aws-sdk/client-s3';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { botoSkip, cliSkip, runBoto, runCli } from '#test/support/other-clients.ts';

let house: TestHouse;
before(async () => void (house = await createTestHouse()));
after(() => house.close());

async function cli(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(house.endpoint, house.credentials, ...args);
  assert.equal(code, 0, `aws ${args.join(' ')}: ${stderr}`);
  return stdout;
}

test('aws s3: make, copy, list, sync, move, remove', { skip: cliSkip }, async () => {
  const folder = join(house.directory, 'files');
  mkdirSync(join(folder, 'sub dir'), { recursive: true });
  const big = randomBytes(9 * 1024 * 1024);
  writeFileSync(join(folder, 'big.bin'), big);
  writeFileSync(join(folder, 'sub dir', 'ä+b.txt'), 'small');
  await cli('s3', 'mb', 's3://cli-bucket');
  await cli('s3', 'sync', folder, 's3://cli-bucket/copy', '--no-progress');
  const listed = await cli('s3', 'ls', '--recursive', 's3://cli-bucket/');
  assert.match(listed, /9437184 copy\/big\.bin\n.* 5 copy\/sub dir\/ä\+b\.txt/);
  assert.match(await cli('s3', 'ls', 's3://cli-bucket/copy/'), /PRE sub dir\//);
  await cli('s3', 'cp', '--no-progress', 's3://cli-bucket/copy/big.bin', join(folder, 'back.bin'));
  assert.deepEqual(readFileSync(join(folder, 'back.bin')), big);
  await cli('s3', 'mv', '--no-progress', 's3://cli-bucket/copy/sub dir/ä+b.txt', 's3://cli-bucket/moved.txt');
  assert.equal(await cli('s3', 'cp', 's3://cli-bucket/moved.txt', '-'), 'small');
  const again = await cli('s3', 'sync', folder, 's3://cli-bucket/copy', '--no-progress', '--dryrun');
  assert.doesNotMatch(again, /big\.bin/, 'what is there already is not sent again');
  await cli('s3', 'rb', '--force', 's3://cli-bucket');
  assert.doesNotMatch(await cli('s3', 'ls'), /cli-bucket/);
});

test('boto3: uploads in parts with every checksum, ranges, errors', { skip: botoSkip }, async () => {
  const lines = await runBoto(
    house.endpoint,
    house.credentials,
    `
import hashlib, io
s3 = client('s3')
s3.create_bucket(Bucket='boto')
for algorithm in ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256']:
    try:
        s3.put_object(Bucket='boto', Key=algorithm, Body=b'content', ChecksumAlgorithm=algorithm)
    except botocore.exceptions.MissingDependencyException:
        continue
    answer = s3.get_object(Bucket='boto', Key=algorithm, ChecksumMode='ENABLED')
    assert answer['Body'].read() == b'content'
    assert answer['Checksum' + algorithm]
parts = [os.urandom(5 * 1024 * 1024), b'tail']
upload = s3.create_multipart_upload(Bucket='boto', Key='parts', ChecksumAlgorithm='SHA256')['UploadId']
done = []
for number, part in enumerate(parts, 1):
    answer = s3.upload_part(Bucket='boto', Key='parts', UploadId=upload, PartNumber=number, Body=part, ChecksumAlgorithm='SHA256')
    done.append({'PartNumber': number, 'ETag': answer['ETag'], 'ChecksumSHA256': answer['ChecksumSHA256']})
whole = s3.complete_multipart_upload(Bucket='boto', Key='parts', UploadId=upload, MultipartUpload={'Parts': done})
assert whole['ChecksumSHA256'].endswith('-2'), whole
assert whole['ChecksumType'] == 'COMPOSITE'
assert s3.get_object(Bucket='boto', Key='parts')['Body'].read() == b''.join(parts)
s3.upload_fileobj(io.BytesIO(parts[0] + parts[0]), 'boto', 'file')
assert s3.get_object(Bucket='boto', Key='file', Range='bytes=5242879-5242880')['Body'].read() == parts[0][-1:] + parts[0][:1]
attempt(lambda: s3.get_object(Bucket='boto', Key='none'))
attempt(lambda: s3.get_object(Bucket='none-such', Key='none'))
attempt(lambda: s3.put_object(Bucket='boto', Key='bad', Body=b'x', ContentMD5='AAAAAAAAAAAAAAAAAAAAAA=='))
keys = [page['Key'] for part in s3.get_paginator('list_objects_v2').paginate(Bucket='boto', PaginationConfig={'PageSize': 2}) for page in part['Contents']]
print(json.dumps({'ok': ' '.join(keys)}))
signed = client('s3', signature_version='s3v4').generate_presigned_url('get_object', Params={'Bucket': 'boto', 'Key': 'CRC32'})
print(json.dumps({'ok': signed}))
`,
  );
  assert.deepEqual(
    lines.slice(0, 3).map((line) => [line.code, line.status]),
    [
      ['NoSuchKey', 404],
      ['NoSuchBucket', 404],
      ['BadDigest', 400],
    ],
  );
  assert.match(String(lines[3]?.ok), /CRC32 .*SHA256 file parts$/);
  assert.equal(await (await fetch(String(lines[4]?.ok))).text(), 'content');
});

test('a missing key is 404 to who may list, and the refusal of s3:ListBucket to others', async () => {
  const { root } = house.slipway;
  await root.send('s3:CreateBucket', { Bucket: 'guarded' });
  await root.send('s3:PutObject', { Bucket: 'guarded', Key: 'team/a', Body: Buffer.from('a') });
  const keyOf = async (UserName: string, Statement: readonly object[]) => {
    await root.send('iam:CreateUser', { UserName });
    const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
    await root.send('iam:PutUserPolicy', { UserName, PolicyName: 's3', PolicyDocument });
    const { AccessKey } = await root.send('iam:CreateAccessKey', { UserName });
    return { accessKeyId: AccessKey?.AccessKeyId ?? '', secretAccessKey: AccessKey?.SecretAccessKey ?? '' };
  };
  const read = { Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::guarded/team/*' };
  const list = {
    Effect: 'Allow',
    Action: 's3:ListBucket',
    Resource: 'arn:aws:s3:::guarded',
    Condition: { StringLike: { 's3:prefix': 'team/*' } },
  };
  const clientOf = (credentials: { accessKeyId: string; secretAccessKey: string }) =>
    new S3.S3Client({
      endpoint: house.endpoint,
      region: house.region,
      credentials,
      forcePathStyle: true,
      maxAttempts: 1,
    });
  const reader = clientOf(await keyOf('reader', [read]));
  const lister = clientOf(await keyOf('lister', [read, list]));
  const get = async (client: S3.S3Client, Key: string) => {
    try {
      const answer = await client.send(new S3.GetObjectCommand({ Bucket: 'guarded', Key }));
      return await answer.Body?.transformToString();
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`;
    }
  };
  assert.equal(await get(reader, 'team/a'), 'a');
  assert.match((await get(reader, 'team/none')) ?? '', /^AccessDenied: .*s3:ListBucket/);
  assert.match((await get(reader, 'other')) ?? '', /^AccessDenied: .*s3:GetObject/);
  const names = async (Prefix: string) => {
    const answer = await lister.send(new S3.ListObjectsV2Command({ Bucket: 'guarded', Prefix }));
    return answer.Contents?.map((each) => each.Key);
  };
  assert.deepEqual(await names('team/'), ['team/a']);
  await assert.rejects(names('other/'), { name: 'AccessDenied' });
  const { Errors = [] } = await reader.send(
    new S3.DeleteObjectsCommand({ Bucket: 'guarded', Delete: { Objects: [{ Key: 'team/a' }] } }),
  );
  assert.deepEqual(
    Errors.map((each) => [each.Key, each.Code]),
    [['team/a', 'AccessDenied']],
  );
});

test('a large body passes through without being held', async () => {
  const s3 = new S3.S3Client({
    endpoint: house.endpoint,
    region: house.region,
    credentials: house.credentials,
    forcePathStyle: true,
  });
  await s3.send(new S3.CreateBucketCommand({ Bucket: 'large' }));
  const block = randomBytes(1024 * 1024);
  const blocks = 192;
  const hash = createHash('md5');
  for (let i = 0; i < blocks; i++) hash.update(block);
  const before = process.memoryUsage().rss;
  let highest = before;
  const watch = setInterval(() => (highest = Math.max(highest, process.memoryUsage().rss)), 10);
  const Body = Readable.from(Array(blocks).fill(block), { objectMode: false });
  const ContentLength = blocks * block.length;
  const { ETag } = await s3.send(new S3.PutObjectCommand({ Bucket: 'large', Key: 'k', Body, ContentLength }));
  clearInterval(watch);
  assert.equal(ETag, `"${hash.digest('hex')}"`);
  assert.ok(highest - before < 128 * 1024 * 1024, `memory grew by ${highest - before} bytes`);
});
