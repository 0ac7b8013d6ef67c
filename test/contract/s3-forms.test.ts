/** Uploads by a form of a browser: signed by boto3 and by hand, obeyed to the letter, and everything that is forged. */

import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import * as S3 from '@aws-sdk/client-s3';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { botoSkip, runBoto } from '#test/support/other-clients.ts';

let house: TestHouse;
let s3: S3.S3;
const Bucket = 'uploads';
before(async () => {
  house = await createTestHouse();
  const { endpoint, region, credentials } = house;
  s3 = new S3.S3({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 });
  await s3.createBucket({ Bucket });
});
after(() => house.close());

type Fields = Record<string, string>;
const HOUR_MS = 3_600_000;

function sign(
  conditions: readonly unknown[],
  fields: Fields,
  secret = house.credentials.secretAccessKey,
  expiresIn = HOUR_MS,
): Fields {
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const credential = `${house.credentials.accessKeyId}/${date.slice(0, 8)}/${house.region}/s3/aws4_request`;
  const proof: Fields = {
    'x-amz-algorithm': 'AWS4-HMAC-SHA256',
    'x-amz-credential': credential,
    'x-amz-date': date,
  };
  const all = [
    { bucket: Bucket },
    ...Object.entries(proof).map(([name, value]) => ({ [name]: value })),
    ...conditions,
  ];
  const expiration = new Date(Date.now() + expiresIn).toISOString();
  const policy = Buffer.from(JSON.stringify({ expiration, conditions: all })).toString('base64');
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const key = ['s3', 'aws4_request'].reduce(
    hmac,
    hmac(hmac(`AWS4${secret}`, date.slice(0, 8)), house.region),
  );
  return { ...fields, ...proof, policy, 'x-amz-signature': hmac(key, policy).toString('hex') };
}

async function post(fields: Fields, file: string | Buffer = 'hello', name = 'a b.txt') {
  const form = new FormData();
  for (const [key, value] of Object.entries(fields)) form.append(key, value);
  form.append('file', new Blob([new Uint8Array(Buffer.from(file))]), name);
  form.append('submit', 'Upload');
  const answer = await fetch(`${house.endpoint}/${Bucket}`, {
    method: 'POST',
    body: form,
    redirect: 'manual',
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}
const contentOf = async (Key: string) => {
  const found = await s3.getObject({ Bucket, Key });
  return { ...found, text: await found.Body?.transformToString() };
};
const ANY_KEY = ['starts-with', '$key', ''];

test('a form puts an object with what its fields say', async () => {
  const fields = {
    key: 'user/${filename}',
    'Content-Type': 'text/plain',
    'x-amz-meta-note': 'n',
    acl: 'private',
  };
  const conditions = [
    ['starts-with', '$key', 'user/'],
    ['starts-with', '$Content-Type', 'text/'],
    ['starts-with', '$x-amz-meta-note', ''],
    { acl: 'private' },
  ];
  const answer = await post(sign(conditions, fields));
  assert.equal(answer.status, 204, answer.text);
  assert.match(answer.headers.get('location') ?? '', /\/uploads\/user\/a%20b\.txt$/);
  const { text, ContentType, Metadata, ETag } = await contentOf('user/a b.txt');
  assert.deepEqual([text, ContentType, Metadata], ['hello', 'text/plain', { note: 'n' }]);
  assert.equal(answer.headers.get('etag'), ETag);
});

test('a long file arrives whole, whatever its bytes', async () => {
  const file = Buffer.concat([randomBytes(3_000_000), Buffer.from('\r\n--'), randomBytes(1000)]);
  const answer = await post(sign([ANY_KEY], { key: 'long' }), file);
  assert.equal(answer.status, 204, answer.text);
  const found = await s3.getObject({ Bucket, Key: 'long' });
  assert.ok(file.equals((await found.Body?.transformToByteArray()) ?? new Uint8Array()));
});

test('the answer is as the form asks', async () => {
  const open = (name: string) => [ANY_KEY, ['starts-with', `$${name}`, '']];
  const created = await post(
    sign(open('success_action_status'), { key: '<k>', success_action_status: '201' }),
  );
  assert.equal(created.status, 201);
  assert.match(
    created.text,
    /<PostResponse><Location>.*<Bucket>uploads<\/Bucket><Key>&#60;k&#62;<\/Key><ETag>/,
  );
  const redirect = 'https://app.example.com/done?x=1';
  const sent = await post(
    sign(open('success_action_redirect'), { key: 'k', success_action_redirect: redirect }),
  );
  assert.equal(sent.status, 303);
  assert.match(
    sent.headers.get('location') ?? '',
    /^https:\/\/app\.example\.com\/done\?x=1&bucket=uploads&key=k&etag=%22/,
  );
  const odd = await post(
    sign(open('success_action_redirect'), { key: 'k', success_action_redirect: 'javascript:alert(1)' }),
  );
  assert.equal(odd.status, 204);
});

test('what breaks the policy is refused, and nothing is kept', async () => {
  const range = ['content-length-range', 2, 5];
  const cases: readonly (readonly [string, Fields, number, RegExp, string?])[] = [
    ['prefix', sign([['starts-with', '$key', 'user/']], { key: 'no' }), 403, /Policy Condition failed/],
    ['extra', sign([ANY_KEY], { key: 'no', 'x-amz-meta-a': 'b' }), 403, /Extra input fields: x-amz-meta-a/],
    ['expired', sign([ANY_KEY], { key: 'no' }, undefined, -1), 403, /Policy expired/],
    ['long', sign([ANY_KEY, range], { key: 'no' }), 400, /EntityTooLarge/, 'sixsix'],
    ['short', sign([ANY_KEY, range], { key: 'no' }), 400, /EntityTooSmall/, 'x'],
    ['secret', sign([ANY_KEY], { key: 'no' }, 'wrong'), 403, /SignatureDoesNotMatch/],
    [
      'changed',
      {
        ...sign([ANY_KEY], { key: 'no' }),
        policy: sign([ANY_KEY, ['starts-with', '$acl', '']], {})['policy'] ?? '',
      },
      403,
      /SignatureDoesNotMatch/,
    ],
    [
      'bucket',
      sign([{ bucket: 'other' }, ANY_KEY], { key: 'no', bucket: 'other' }),
      403,
      /Policy Condition failed/,
    ],
    ['unsigned', { key: 'no' }, 403, /AccessDenied/],
    ['half', { key: 'no', 'x-amz-signature': 'x' }, 400, /field named &#39;policy&#39;|field named 'policy'/],
    ['old', { key: 'no', policy: 'x', AWSAccessKeyId: 'a', signature: 'b' }, 400, /not supported/],
    ['no key', sign([], {}), 400, /field named/],
    ['no policy', { ...sign([ANY_KEY], { key: 'no' }), policy: '' }, 403, /SignatureDoesNotMatch/],
    [
      'acl',
      sign([ANY_KEY, { acl: 'public-read' }], { key: 'no', acl: 'public-read' }),
      400,
      /AccessControlListNotSupported/,
    ],
    [
      'class',
      sign([ANY_KEY, { 'x-amz-storage-class': 'GLACIER' }], { key: 'no', 'x-amz-storage-class': 'GLACIER' }),
      400,
      /InvalidStorageClass/,
    ],
    [
      'tags',
      sign([ANY_KEY, ['starts-with', '$tagging', '']], { key: 'no', tagging: '<Tagging/>' }),
      501,
      /NotImplemented/,
    ],
  ];
  for (const [name, fields, status, message, file] of cases) {
    const answer = await post(fields, file);
    assert.equal(answer.status, status, `${name}: ${answer.text}`);
    assert.match(answer.text, message, name);
  }
  await assert.rejects(s3.headObject({ Bucket, Key: 'no' }), { name: 'NotFound' });
});

test('a form that breaks off keeps nothing', async () => {
  const body = '--XX\r\nContent-Disposition: form-data; name="key"\r\n\r\nk2';
  const answer = await fetch(`${house.endpoint}/${Bucket}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'multipart/form-data; boundary=XX' },
  });
  assert.equal(answer.status, 400);
  assert.match(await answer.text(), /MalformedPOSTRequest/);
});

test('boto3 signs a form that is taken', { skip: botoSkip }, async () => {
  const script = `
attempt(lambda: json.dumps(client('s3', signature_version='s3v4').generate_presigned_post('uploads', 'from-boto3', Fields={'x-amz-meta-a': 'b'},
  Conditions=[{'x-amz-meta-a': 'b'}, ['content-length-range', 1, 100]])))`;
  const [line] = await runBoto(house.endpoint, house.credentials, script);
  const { fields } = JSON.parse(String(line?.ok)) as { fields: Fields };
  const answer = await post(fields);
  assert.equal(answer.status, 204, answer.text);
  assert.deepEqual((await contentOf('from-boto3')).Metadata, { a: 'b' });
});
