/** What browsers and their owners find: pages of other origins, and access control lists that nobody else is on. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as S3 from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

let house: TestHouse;
let s3: S3.S3;
const Bucket = 'site';
const page = 'https://app.example.com';
before(async () => {
  house = await createTestHouse();
  const { endpoint, region, credentials } = house;
  s3 = new S3.S3({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 });
  await s3.createBucket({ Bucket });
  await s3.putObject({ Bucket, Key: 'a.txt', Body: 'hello' });
});
after(() => house.close());

const preflight = (path: string, headers: Record<string, string>) =>
  fetch(house.endpoint + path, { method: 'OPTIONS', headers });
const asking = (method: string, headers?: string) => ({
  origin: page,
  'access-control-request-method': method,
  ...(headers && { 'access-control-request-headers': headers }),
});

test('rules of other origins are kept as they were given, and wrong ones are refused', async () => {
  await assert.rejects(s3.getBucketCors({ Bucket }), { name: 'NoSuchCORSConfiguration' });
  const CORSRules: S3.CORSRule[] = [
    {
      ID: 'app',
      AllowedOrigins: ['https://*.example.com'],
      AllowedMethods: ['GET', 'PUT'],
      AllowedHeaders: ['x-amz-*', 'content-type'],
      ExposeHeaders: ['ETag'],
      MaxAgeSeconds: 600,
    },
  ];
  await s3.putBucketCors({ Bucket, CORSConfiguration: { CORSRules } });
  assert.deepEqual((await s3.getBucketCors({ Bucket })).CORSRules, CORSRules);
  const put = (rule: Partial<S3.CORSRule>) =>
    s3.putBucketCors({
      Bucket,
      CORSConfiguration: { CORSRules: [{ AllowedOrigins: ['*'], AllowedMethods: ['GET'], ...rule }] },
    });
  await assert.rejects(put({ AllowedMethods: ['PATCH'] }), { name: 'InvalidRequest', message: /PATCH/ });
  await assert.rejects(put({ AllowedOrigins: ['http://*.*.x'] }), {
    name: 'InvalidRequest',
    message: /more than one wildcard/,
  });
  await assert.rejects(put({ AllowedOrigins: [] }), { name: 'MalformedXML' });
});

test('a browser hears before a request whether its page may make it', async () => {
  const allowed = await preflight('/site/a.txt', asking('PUT', 'X-Amz-Date,Content-Type'));
  assert.equal(allowed.status, 200);
  assert.equal(allowed.headers.get('access-control-allow-origin'), page);
  assert.equal(allowed.headers.get('access-control-allow-methods'), 'GET, PUT');
  assert.equal(allowed.headers.get('access-control-allow-headers'), 'x-amz-date, content-type');
  assert.equal(allowed.headers.get('access-control-max-age'), '600');
  const refusals: readonly (readonly [string, Record<string, string>, number, RegExp])[] = [
    ['/site/a.txt', asking('DELETE'), 403, /No rule of the bucket allows/],
    ['/site/a.txt', asking('GET', 'authorization'), 403, /No rule/],
    ['/site/a.txt', { ...asking('GET'), origin: 'https://example.com.evil.net' }, 403, /No rule/],
    ['/none/a.txt', asking('GET'), 403, /CORS is not enabled for this bucket/],
    ['/', asking('GET'), 403, /CORS is not enabled/],
    ['/site/a.txt', { 'access-control-request-method': 'GET' }, 400, /Origin request header needed/],
    ['/site/a.txt', { origin: page }, 400, /Access-Control-Request-Method/],
    ['/site/a.txt', asking('GET', Array.from({ length: 300 }, (_, i) => `x-${i}`).join()), 400, /Too many/],
  ];
  for (const [path, headers, status, message] of refusals) {
    const answer = await preflight(path, headers);
    assert.equal(answer.status, status, path);
    assert.match(await answer.text(), message);
    assert.equal(answer.headers.get('access-control-allow-origin'), null);
  }
});

test('answers to pages of other origins say that they may be read, also refusals', async () => {
  const url = await getSignedUrl(s3, new S3.GetObjectCommand({ Bucket, Key: 'a.txt' }));
  const answer = await fetch(url, { headers: { origin: page } });
  assert.equal(await answer.text(), 'hello');
  assert.equal(answer.headers.get('access-control-allow-origin'), page);
  assert.equal(answer.headers.get('access-control-expose-headers'), 'ETag');
  const stranger = await fetch(url, { headers: { origin: 'https://other.net' } });
  assert.equal(stranger.status, 200);
  assert.equal(stranger.headers.get('access-control-allow-origin'), null);
  const denied = await fetch(`${house.endpoint}/site/a.txt`, { headers: { origin: page } });
  assert.equal(denied.status, 403);
  assert.equal(denied.headers.get('access-control-allow-origin'), page);
  await s3.deleteBucketCors({ Bucket });
  assert.equal((await preflight('/site/a.txt', asking('GET'))).status, 403);
});

test('the owner’s own list may be set, and every other is refused', async () => {
  const owners = await s3.getBucketAcl({ Bucket });
  assert.deepEqual(
    owners.Grants?.map(({ Permission }) => Permission),
    ['FULL_CONTROL'],
  );
  await s3.putBucketAcl({ Bucket, ACL: 'private' });
  await s3.putBucketAcl({ Bucket, AccessControlPolicy: { Owner: owners.Owner, Grants: owners.Grants } });
  await s3.putObjectAcl({ Bucket, Key: 'a.txt', ACL: 'bucket-owner-full-control' });
  const refused = { name: 'AccessControlListNotSupported' };
  await assert.rejects(s3.putBucketAcl({ Bucket, ACL: 'public-read' }), refused);
  await assert.rejects(s3.putBucketAcl({ Bucket, GrantRead: 'id="abc"' }), refused);
  await assert.rejects(s3.putObjectAcl({ Bucket, Key: 'a.txt', ACL: 'public-read-write' }), refused);
  await assert.rejects(s3.putObject({ Bucket, Key: 'b', Body: 'x', ACL: 'public-read' }), refused);
  await assert.rejects(s3.putObject({ Bucket, Key: 'b', Body: 'x', GrantRead: 'id="abc"' }), refused);
  const strangers = {
    Grantee: { Type: 'Group' as const, URI: 'http://acs.amazonaws.com/groups/global/AllUsers' },
    Permission: 'READ' as const,
  };
  await assert.rejects(
    s3.putBucketAcl({ Bucket, AccessControlPolicy: { Owner: owners.Owner, Grants: [strangers] } }),
    refused,
  );
  await assert.rejects(s3.putObjectAcl({ Bucket, Key: 'none', ACL: 'private' }), { name: 'NoSuchKey' });
});
