/** The door, as official clients see it: who is let in, with which words others are refused, and how bodies travel. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import {
  CodePipelineClient,
  GetPipelineCommand,
  PipelineNotFoundException,
  PollForJobsCommand,
  StartPipelineExecutionCommand,
} from '@aws-sdk/client-codepipeline';
import { DeleteObjectsCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import {
  createFakeHouse,
  rootKey,
  sessionKey,
  userKey,
  type FakeHouse,
  type Key,
} from '#test/support/fake-rooms.ts';
import { botoSkip, cliSkip, runBoto, runCli } from '#test/support/other-clients.ts';

let house: FakeHouse;
before(async () => void (house = await createFakeHouse()));
after(() => house.gateway.close(100));

const settings = (key: Key) => ({
  endpoint: house.url,
  region: 'us-east-1',
  credentials: key,
  maxAttempts: 1,
  forcePathStyle: true,
});
const pipelines = (key: Key) => new CodePipelineClient(settings(key));
const objects = (key: Key) => new S3Client(settings(key));
const sts = (key: Key) => new STSClient(settings(key));

interface Failure {
  readonly name: string;
  readonly message: string;
  readonly $metadata: { readonly httpStatusCode?: number; readonly requestId?: string };
}

async function failure(work: Promise<unknown>): Promise<Failure> {
  try {
    await work;
  } catch (error) {
    return error as Failure;
  }
  assert.fail('it should have been refused');
}

test('the root key, a user key and a session are let in', async () => {
  const arns = [];
  for (const key of [rootKey, userKey, sessionKey])
    arns.push((await sts(key).send(new GetCallerIdentityCommand({}))).Arn);
  assert.deepEqual(arns, [
    'arn:aws:iam::123456789012:root',
    'arn:aws:iam::123456789012:user/dana',
    'arn:aws:sts::123456789012:assumed-role/worker/test',
  ]);
});

test('a handler sees who calls, from where, when and under which request id', async () => {
  const answer = await sts(userKey).send(new GetCallerIdentityCommand({}));
  const call = house.calls.at(-1)!;
  assert.equal(call.requestId, answer.$metadata.requestId);
  assert.equal(call.source, '127.0.0.1');
  assert.equal(call.endpoint, house.url);
  assert.match(call.userAgent, /aws-sdk-js/);
  assert.ok(Math.abs(call.at - Date.now()) < 60_000);
  assert.equal(call.principal.type, 'user');
});

test('a wrong secret, an unknown key and bad tokens are refused in the words of each protocol', async () => {
  const wrong = { ...rootKey, secretAccessKey: 'wrong' };
  const unknown = { ...rootKey, accessKeyId: 'AKIAUNKNOWNUNKNOWN00' };
  const expired = { ...sessionKey, sessionToken: 'expired' };
  const altered = { ...sessionKey, sessionToken: 'altered' };
  const misplaced = { ...rootKey, sessionToken: 'x' };
  const cases: readonly (readonly [Key, string, string, string])[] = [
    [wrong, 'InvalidSignatureException', 'SignatureDoesNotMatch', 'SignatureDoesNotMatch'],
    [unknown, 'UnrecognizedClientException', 'InvalidClientTokenId', 'InvalidAccessKeyId'],
    [expired, 'ExpiredTokenException', 'ExpiredToken', 'ExpiredToken'],
    [altered, 'UnrecognizedClientException', 'InvalidClientTokenId', 'InvalidToken'],
    [misplaced, 'UnrecognizedClientException', 'InvalidClientTokenId', 'InvalidToken'],
  ];
  for (const [key, json, query, object] of cases) {
    const names = [
      (await failure(pipelines(key).send(new GetPipelineCommand({ name: 'ok-a' })))).name,
      (await failure(sts(key).send(new GetCallerIdentityCommand({})))).name,
      (await failure(objects(key).send(new GetObjectCommand({ Bucket: 'open', Key: 'k' })))).name,
    ];
    assert.deepEqual(names, [json, query, object]);
  }
});

test('another region is refused by name', async () => {
  const elsewhere = { ...settings(rootKey), region: 'eu-west-1' };
  const error = await failure(
    new CodePipelineClient(elsewhere).send(new GetPipelineCommand({ name: 'ok-a' })),
  );
  assert.equal(error.name, 'InvalidSignatureException');
  assert.match(error.message, /'eu-west-1'.*'us-east-1'/);
  await new STSClient(elsewhere).send(new GetCallerIdentityCommand({}));
});

test('requests without a signature are told so, and anonymous reads need a bucket policy', async () => {
  const target = {
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': 'CodePipeline_20150709.GetPipeline',
  };
  const json = await fetch(house.url, { method: 'POST', headers: target, body: '{"name":"ok-a"}' });
  assert.equal(json.status, 400);
  assert.deepEqual(await json.json(), {
    __type: 'MissingAuthenticationTokenException',
    message: 'Request is missing Authentication Token',
  });
  house.objects.set('public/page', Buffer.from('for all'));
  house.objects.set('open/page', Buffer.from('for some'));
  assert.equal(await (await fetch(`${house.url}/public/page`)).text(), 'for all');
  const closed = await fetch(`${house.url}/open/page`);
  assert.equal(closed.status, 403);
  assert.match(await closed.text(), /<Code>AccessDenied<\/Code>/);
});

test('what no policy allows is denied with the reason, and never reaches the handler', async () => {
  const seen = house.calls.length;
  const error = await failure(pipelines(userKey).send(new GetPipelineCommand({ name: 'other' })));
  assert.equal(error.name, 'AccessDeniedException');
  assert.equal(error.$metadata.httpStatusCode, 400);
  assert.equal(
    error.message,
    'User: arn:aws:iam::123456789012:user/dana is not authorized to perform: codepipeline:GetPipeline on resource: ' +
      'arn:aws:codepipeline:us-east-1:123456789012:other because no identity-based policy allows the ' +
      'codepipeline:GetPipeline action',
  );
  assert.equal(house.calls.length, seen);
  const answer = await pipelines(userKey).send(new GetPipelineCommand({ name: 'ok-one' }));
  assert.equal(answer.pipeline?.name, 'ok-one');
});

test('faults arrive as typed exceptions, gaps say so, bugs say nothing', async () => {
  const missing = await failure(pipelines(rootKey).send(new GetPipelineCommand({ name: 'ok-missing' })));
  assert.ok(missing instanceof PipelineNotFoundException);
  assert.equal(missing.message, "Account '123456789012' does not have a pipeline with name 'ok-missing'");
  assert.match(missing.$metadata.requestId ?? '', /^[0-9a-f-]{36}$/);
  const poll = new PollForJobsCommand({
    actionTypeId: { category: 'Build', owner: 'Custom', provider: 'p', version: '1' },
  });
  const absent = await failure(pipelines(rootKey).send(poll));
  assert.equal(absent.name, 'UnsupportedOperationException');
  assert.equal(
    absent.message,
    'Slipway does not support codepipeline:PollForJobs: custom actions are not built yet',
  );
  const broken = await failure(pipelines(rootKey).send(new GetPipelineCommand({ name: 'broken' })));
  assert.equal(broken.name, 'InternalFailure');
  assert.equal(broken.$metadata.httpStatusCode, 500);
  assert.doesNotMatch(broken.message, /secret/);
});

test('an operation that nobody knows is unknown', async () => {
  const client = pipelines(rootKey);
  client.middlewareStack.add(
    (next) => (args) => {
      (args.request as { headers: Record<string, string> }).headers['x-amz-target'] =
        'CodePipeline_20150709.Fly';
      return next(args);
    },
    { step: 'build' },
  );
  const error = await failure(client.send(new GetPipelineCommand({ name: 'ok-a' })));
  assert.equal(error.name, 'UnknownOperationException');
});

test('calls inside the house pass the same authorization, as the one who called', async () => {
  house.objects.set('open/start', Buffer.from('x'));
  await pipelines(rootKey).send(new StartPipelineExecutionCommand({ name: 'ok-a' }));
  const inner = house.calls.at(-1)!;
  assert.equal(inner.source, 'codepipeline.amazonaws.com');
  assert.equal(inner.principal.type, 'root');
  const denied = house.gateway
    .callerOf({ type: 'anonymous' })
    .send('codepipeline:GetPipeline', { name: 'ok-a' });
  await assert.rejects(denied, { code: 'AccessDeniedException' });
});

test('a service takes on a role that trusts it, and only such a role', async () => {
  const request = { roleArn: 'arn:aws:iam::123456789012:role/worker', sessionName: 'session' };
  const assumed = await house.gateway.assumeRole({ service: 'codepipeline', ...request });
  assert.equal(assumed.credentials.accessKeyId, sessionKey.accessKeyId);
  assert.equal((await assumed.send('codepipeline:GetPipeline', { name: 'ok-b' })).pipeline?.name, 'ok-b');
  assert.equal(house.calls.at(-1)?.source, 'codepipeline.amazonaws.com');
  await assert.rejects(house.gateway.assumeRole({ service: 'codebuild', ...request }), {
    code: 'AccessDeniedException',
    message:
      'User: codebuild.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/worker',
  });
});

test('an event on the bus reaches those who subscribed', async () => {
  const event = {
    id: '1',
    source: 'aws.s3',
    detailType: 'Object Created',
    account: '',
    region: '',
    at: 0,
    resources: [],
    detail: {},
  };
  await house.gateway.publish(event);
  await house.gateway.publish({ ...event, source: 'aws.codebuild' });
  assert.deepEqual(house.heard, [event]);
});

test('objects travel signed, streamed with trailers, and presigned', async () => {
  const content = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index & 0xff));
  const client = objects(rootKey);
  for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const) {
    const Key = `odd key ÿ+%2F!'()*/../${ChecksumAlgorithm}`;
    await client.send(new PutObjectCommand({ Bucket: 'open', Key, Body: content, ChecksumAlgorithm }));
    assert.deepEqual(house.objects.get(`open/${Key}`), content);
    const Body = Readable.from([content.subarray(0, 70_000), content.subarray(70_000)]);
    const streamed = {
      Bucket: 'open',
      Key: `${Key}-stream`,
      Body,
      ContentLength: content.length,
      ChecksumAlgorithm,
    };
    await client.send(new PutObjectCommand(streamed));
    assert.deepEqual(house.objects.get(`open/${Key}-stream`), content);
  }
  const link = await getSignedUrl(client, new GetObjectCommand({ Bucket: 'open', Key: 'page' }), {
    expiresIn: 60,
  });
  assert.equal(await (await fetch(link)).text(), 'for some');
  const altered = await fetch(link.replace('/open/page', '/open/other'));
  assert.equal(altered.status, 403);
  assert.match(await altered.text(), /<Code>SignatureDoesNotMatch<\/Code>.*<StringToSign>AWS4-HMAC-SHA256/s);
  const upload = await getSignedUrl(client, new PutObjectCommand({ Bucket: 'open', Key: 'up' }), {
    expiresIn: 60,
  });
  assert.equal((await fetch(upload, { method: 'PUT', body: 'from a link' })).status, 200);
  assert.equal(house.objects.get('open/up')?.toString(), 'from a link');
});

test('a body that is not what its checksum says is not stored', async () => {
  const client = objects(rootKey);
  const put = { Bucket: 'open', Key: 'bad', Body: 'content' };
  const crc = await failure(client.send(new PutObjectCommand({ ...put, ChecksumCRC32: 'AAAAAA==' })));
  assert.equal(crc.name, 'BadDigest');
  const md5 = createHash('md5').update('other').digest('base64');
  const digest = await failure(client.send(new PutObjectCommand({ ...put, ContentMD5: md5 })));
  assert.equal(digest.name, 'BadDigest');
  const malformed = await failure(client.send(new PutObjectCommand({ ...put, ContentMD5: 'x' })));
  assert.equal(malformed.name, 'InvalidDigest');
  assert.equal(house.objects.has('open/bad'), false);
  const removed = await client.send(
    new DeleteObjectsCommand({ Bucket: 'open', Delete: { Objects: [{ Key: 'a' }, { Key: 'b' }] } }),
  );
  assert.deepEqual(removed.Deleted, [{ Key: 'a' }, { Key: 'b' }]);
});

test('a denied upload is refused before its body', async () => {
  const seen = house.calls.length;
  const put = new PutObjectCommand({ Bucket: 'open', Key: 'denied', Body: Buffer.alloc(1_000_000) });
  assert.equal((await failure(objects(userKey).send(put))).name, 'AccessDenied');
  assert.equal(house.calls.length, seen);
});

test('the server says that it is well, and what it did', async () => {
  const health = await fetch(`${house.url}/_slipway/health`);
  assert.equal(health.status, 200);
  assert.deepEqual(await health.json(), { status: 'ok' });
  const metrics = await (await fetch(`${house.url}/_slipway/metrics`)).text();
  assert.match(
    metrics,
    /^slipway_calls_total\{service="sts",operation="GetCallerIdentity",code="ok"\} \d+$/m,
  );
  assert.equal((await fetch(`${house.url}/_slipway/other`)).status, 404);
});

test('boto3 is let in, refused, and streams as JavaScript does', { skip: botoSkip }, async () => {
  const lines = await runBoto(
    house.url,
    rootKey,
    `
pipelines = client('codepipeline')
attempt(lambda: client('sts').get_caller_identity())
attempt(lambda: pipelines.get_pipeline(name='ok-missing'))
attempt(lambda: pipelines.poll_for_jobs(actionTypeId={'category':'Build','owner':'Custom','provider':'p','version':'1'}))
attempt(lambda: pipelines.get_pipeline(name='x' * 101))
s3 = client('s3')
key = "boto ü +&=?#%25 (1)/../x"
attempt(lambda: s3.put_object(Bucket='open', Key=key, Body=b'hello' * 5000))
attempt(lambda: s3.get_object(Bucket='open', Key=key)['Body'].read().decode()[:5])
attempt(lambda: s3.put_object(Bucket='open', Key='crc64', Body=b'hello', ChecksumAlgorithm='SHA256'))
import urllib.request
link = client('s3', signature_version='s3v4').generate_presigned_url('get_object', Params={'Bucket': 'open', 'Key': key}, ExpiresIn=60)
attempt(lambda: urllib.request.urlopen(link).read().decode()[:5])
other = boto3.client('sts', aws_access_key_id=os.environ['AWS_ACCESS_KEY_ID'], aws_secret_access_key='wrong', config=Config(retries={'max_attempts': 0}))
attempt(lambda: other.get_caller_identity())
`,
  );
  const short = lines.map(({ ok, error, code }) =>
    ok === undefined ? `${error}/${code}` : typeof ok === 'string' ? ok : 'ok',
  );
  assert.deepEqual(short, [
    'ok',
    'PipelineNotFoundException/PipelineNotFoundException',
    'ClientError/UnsupportedOperationException',
    'ValidationException/ValidationException',
    'ok',
    'hello',
    'ok',
    'hello',
    'ClientError/SignatureDoesNotMatch',
  ]);
  assert.deepEqual(house.objects.get('open/boto ü +&=?#%25 (1)/../x'), Buffer.from('hello'.repeat(5000)));
});

test('boto3 with a wrong clock corrects it from our Date header', { skip: botoSkip }, async () => {
  const lines = await runBoto(
    house.url,
    rootKey,
    `
import botocore.auth, datetime
real = botocore.auth.get_current_datetime
shifted = lambda *args, **kwargs: real(*args, **kwargs) - datetime.timedelta(minutes=10)
botocore.auth.get_current_datetime = shifted
attempt(lambda: client('codepipeline').get_pipeline(name='ok-a'))
attempt(lambda: client('sts').get_caller_identity())
`,
  );
  assert.deepEqual(
    lines.map(({ code, status }) => [code, status]),
    [
      ['InvalidSignatureException', 400],
      ['SignatureDoesNotMatch', 403],
    ],
  );
  assert.match(lines[0]?.message ?? '', /^Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z/);
});

test('the AWS CLI is let in and refused in the same words', { skip: cliSkip }, async () => {
  const identity = await runCli(house.url, sessionKey, 'sts', 'get-caller-identity', '--output', 'json');
  assert.equal(identity.code, 0, identity.stderr);
  assert.equal(JSON.parse(identity.stdout).Arn, 'arn:aws:sts::123456789012:assumed-role/worker/test');
  const denied = await runCli(house.url, userKey, 'codepipeline', 'get-pipeline', '--name', 'other');
  assert.notEqual(denied.code, 0);
  assert.match(denied.stderr, /\(AccessDeniedException\).*because no identity-based policy allows/s);
});
