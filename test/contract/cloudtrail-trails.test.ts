/**
 * Trails with a clock that moves three hours in a moment: files and digests arrive in the bucket, and the AWS CLI's own
 * `cloudtrail validate-logs` finds them whole, and finds what was changed, removed or slipped in.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { CloudTrail } from '@aws-sdk/client-cloudtrail';
import { S3 } from '@aws-sdk/client-s3';
import { createFakeClock, type FakeClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { createSlipway, type Slipway } from '#slipway';
import { cliSkip, runCli } from '#test/support/other-clients.ts';

const ACCOUNT = '123456789012';
const REGION = 'us-east-1';
const BUCKET = 'audit-files';
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const TRAIL = `arn:aws:cloudtrail:${REGION}:${ACCOUNT}:trail/main`;

let directory: string;
let clock: FakeClock;
let slipway: Slipway;
let cloudtrail: CloudTrail;
let s3: S3;
let startedAt: number;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'slipway-trails-'));
  // It ends at the real time, so that what signs requests by the real clock is believed then.
  clock = createFakeClock(Date.now() - 3 * HOUR_MS - 20 * MINUTE_MS);
  slipway = await createSlipway({
    directory,
    host: '127.0.0.1',
    port: 0,
    account: ACCOUNT,
    region: REGION,
    runtime: 'process',
    environment: {},
    clock,
    log: silentLog,
  });
  const settings = {
    endpoint: slipway.url,
    region: REGION,
    credentials: { ...slipway.rootKey },
    maxAttempts: 1,
    forcePathStyle: true,
  };
  cloudtrail = new CloudTrail(settings);
  s3 = new S3(settings);
});
after(async () => {
  await slipway.close(0);
  rmSync(directory, { recursive: true, force: true });
});

/** Minute by minute, so that everything happens when it is due. */
async function pass(milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= MINUTE_MS) {
    clock.advance(Math.min(left, MINUTE_MS));
    await slipway.house.engine.idle();
  }
}

async function keys(part: string): Promise<readonly string[]> {
  const { Contents: contents = [] } = await slipway.root.send('s3:ListObjectsV2', { Bucket: BUCKET });
  return contents.map(({ Key: key = '' }) => key).filter((key) => key.includes(part));
}

interface Recorded {
  readonly eventName: string;
  readonly eventCategory: string;
  readonly requestParameters: Readonly<Record<string, string>> | null;
}

async function recordsIn(key: string): Promise<readonly Recorded[]> {
  const { Body: body } = await s3.getObject({ Bucket: BUCKET, Key: key });
  const content = gunzipSync((await body?.transformToByteArray()) ?? Buffer.alloc(0));
  return (JSON.parse(content.toString()) as { Records: Recorded[] }).Records;
}

function bucketPolicy(trail: string): string {
  const principal = { Service: 'cloudtrail.amazonaws.com' };
  const source = { 'aws:SourceArn': trail };
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: principal,
        Action: 's3:GetBucketAcl',
        Resource: `arn:aws:s3:::${BUCKET}`,
        Condition: { StringEquals: source },
      },
      {
        Effect: 'Allow',
        Principal: principal,
        Action: 's3:PutObject',
        Resource: `arn:aws:s3:::${BUCKET}/AWSLogs/${ACCOUNT}/*`,
        Condition: { StringEquals: { ...source, 's3:x-amz-acl': 'bucket-owner-full-control' } },
      },
    ],
  });
}

test('a trail needs a bucket whose policy lets it write', async () => {
  const { root } = slipway;
  const create = () =>
    root.send('cloudtrail:CreateTrail', {
      Name: 'main',
      S3BucketName: BUCKET,
      EnableLogFileValidation: true,
      TagsList: [{ Key: 'team', Value: 'audit' }],
    });
  await assert.rejects(create(), { code: 'S3BucketDoesNotExistException' });
  await root.send('s3:CreateBucket', { Bucket: BUCKET });
  await assert.rejects(create(), { code: 'InsufficientS3BucketPolicyException' });
  await root.send('s3:PutBucketPolicy', { Bucket: BUCKET, Policy: bucketPolicy(`${TRAIL}-not`) });
  await assert.rejects(create(), { code: 'InsufficientS3BucketPolicyException' });
  await root.send('s3:PutBucketPolicy', { Bucket: BUCKET, Policy: bucketPolicy(TRAIL) });
  assert.deepEqual(await create(), {
    Name: 'main',
    S3BucketName: BUCKET,
    IncludeGlobalServiceEvents: true,
    IsMultiRegionTrail: false,
    TrailARN: TRAIL,
    LogFileValidationEnabled: true,
    IsOrganizationTrail: false,
  });
  await assert.rejects(create(), { code: 'TrailAlreadyExistsException' });
  await assert.rejects(root.send('cloudtrail:CreateTrail', { Name: 'a..b', S3BucketName: BUCKET }), {
    code: 'InvalidTrailNameException',
  });
  await assert.rejects(root.send('cloudtrail:GetTrail', { Name: 'other' }), {
    code: 'TrailNotFoundException',
  });
});

test('a new trail is silent until logging starts, and delivers every five minutes then', async () => {
  const { root } = slipway;
  assert.equal((await root.send('cloudtrail:GetTrailStatus', { Name: 'main' })).IsLogging, false);
  await pass(10 * MINUTE_MS);
  assert.deepEqual(await keys('/CloudTrail/'), []);
  startedAt = clock.now();
  await root.send('cloudtrail:StartLogging', { Name: TRAIL });
  await root.send('codecommit:CreateRepository', { repositoryName: 'watched' });
  await pass(6 * MINUTE_MS);
  const [file, ...others] = await keys('/CloudTrail/');
  assert.deepEqual(others, []);
  assert.match(
    file ?? '',
    /^AWSLogs\/123456789012\/CloudTrail\/us-east-1\/\d{4}\/\d\d\/\d\d\/123456789012_CloudTrail_us-east-1_\d{8}T\d{4}Z_\w{16}\.json\.gz$/,
  );
  const status = await root.send('cloudtrail:GetTrailStatus', { Name: 'main' });
  assert.equal(status.IsLogging, true);
  assert.equal(status.LatestDeliveryError, undefined);
  assert.ok(status.LatestDeliveryTime);
});

test('objects are recorded for the trail that selects them, and only for it', async () => {
  const { root } = slipway;
  await root.send('s3:CreateBucket', { Bucket: 'source-files' });
  const selector = {
    ReadWriteType: 'WriteOnly' as const,
    IncludeManagementEvents: true,
    DataResources: [
      { Type: 'AWS::S3::Object', Values: ['arn:aws:s3:::source-files/in/', `arn:aws:s3:::${BUCKET}/`] },
    ],
  };
  await root.send('cloudtrail:PutEventSelectors', { TrailName: 'main', EventSelectors: [selector] });
  assert.deepEqual(await root.send('cloudtrail:GetEventSelectors', { TrailName: 'main' }), {
    TrailARN: TRAIL,
    EventSelectors: [{ ...selector, ExcludeManagementEventSources: [] }],
  });
  for (const key of ['in/a.zip', 'out/b.zip'])
    await root.send('s3:PutObject', { Bucket: 'source-files', Key: key, Body: Buffer.from('x') });
  await root.send('cloudtrail:DescribeTrails', {});
  await assert.rejects(
    root.send('cloudtrail:PutEventSelectors', {
      TrailName: 'main',
      EventSelectors: [{ DataResources: [{ Type: 'AWS::Lambda::Function', Values: ['arn:aws:lambda'] }] }],
    }),
    { code: 'InvalidEventSelectorsException' },
  );
  await pass(64 * MINUTE_MS);
  const { Events: events = [] } = await root.send('cloudtrail:LookupEvents', {
    LookupAttributes: [{ AttributeKey: 'EventName', AttributeValue: 'PutObject' }],
  });
  assert.deepEqual(events, []);
});

test('hours pass; a stopped trail delivers what is left, and one last digest', async () => {
  const { root } = slipway;
  await pass(HOUR_MS);
  await root.send('codecommit:DeleteRepository', { repositoryName: 'watched' });
  await root.send('cloudtrail:StopLogging', { Name: 'main' });
  clock.advance(5_000);
  await root.send('codecommit:CreateRepository', { repositoryName: 'unwatched' });
  await pass(HOUR_MS);
  // From here on the time is nearly the real one.
  const records = (await Promise.all((await keys('/CloudTrail/')).map(recordsIn))).flat();
  const names = records.map(({ eventName }) => eventName);
  assert.ok(names.includes('CreateRepository') && names.includes('DeleteRepository'));
  assert.equal(names.filter((name) => name === 'CreateRepository').length, 1);
  // Only what changes something was selected since.
  assert.equal(names.includes('DescribeTrails'), false);
  const data = records.filter(({ eventCategory }) => eventCategory === 'Data');
  assert.deepEqual(
    data.map(({ requestParameters }) => [requestParameters?.['bucketName'], requestParameters?.['key']]),
    [['source-files', 'in/a.zip']],
  );
  assert.equal((await keys('/CloudTrail-Digest/')).length, 3);
  const [key] = (await cloudtrail.listPublicKeys({ StartTime: new Date(startedAt) })).PublicKeyList ?? [];
  assert.match(key?.Fingerprint ?? '', /^[0-9a-f]{32}$/);
});

/** What the CLI says, and with which exit code. */
async function validate(): Promise<{ readonly code: number; readonly text: string }> {
  const from = new Date(startedAt - MINUTE_MS).toISOString();
  const until = new Date(clock.now() + MINUTE_MS).toISOString();
  const range = ['--start-time', from, '--end-time', until, '--verbose'];
  const command = ['cloudtrail', 'validate-logs', '--trail-arn', TRAIL, ...range];
  const { code, stdout, stderr } = await runCli(slipway.url, { ...slipway.rootKey }, ...command);
  return { code, text: stdout + stderr };
}

/** Does something to one object, looks, and puts it back. */
async function disturbed(key: string, disturb: () => Promise<unknown>) {
  const { Body: body, Metadata: metadata } = await s3.getObject({ Bucket: BUCKET, Key: key });
  const bytes = (await body?.transformToByteArray()) ?? Buffer.alloc(0);
  await disturb();
  const found = await validate();
  await s3.putObject({
    Bucket: BUCKET,
    Key: key,
    Body: bytes,
    ...(metadata && { Metadata: metadata }),
  });
  return found;
}

test('the AWS CLI finds the files whole, and finds every change', { skip: cliSkip }, async () => {
  const logs = await keys('/CloudTrail/');
  const digests = await keys('/CloudTrail-Digest/');
  const whole = await validate();
  assert.match(whole.text, /3\/3 digest files valid/);
  assert.match(whole.text, new RegExp(`${logs.length}/${logs.length} log files valid`));
  assert.equal(whole.code, 0);

  const [log = ''] = logs;
  const forged = gzipSync('{"Records":[]}');
  const changed = await disturbed(log, () => s3.putObject({ Bucket: BUCKET, Key: log, Body: forged }));
  assert.match(
    changed.text,
    new RegExp(`Log file\\s+s3://${BUCKET}/${log}\\s+INVALID: hash value doesn't match`),
  );
  assert.equal(changed.code, 1);

  const removed = await disturbed(log, () => s3.deleteObject({ Bucket: BUCKET, Key: log }));
  assert.match(removed.text, new RegExp(`Log file\\s+s3://${BUCKET}/${log}\\s+INVALID: not found`));

  const middle = digests[1] ?? '';
  const lost = await disturbed(middle, () => s3.deleteObject({ Bucket: BUCKET, Key: middle }));
  assert.match(lost.text, new RegExp(`Digest file\\s+s3://${BUCKET}/${middle}\\s+INVALID: not found`));

  const [first = ''] = digests;
  const { Body: body, Metadata: metadata = {} } = await s3.getObject({ Bucket: BUCKET, Key: first });
  const digest = gunzipSync((await body?.transformToByteArray()) ?? Buffer.alloc(0)).toString();
  const rewritten = gzipSync(digest.replace(/"logFiles":\[.*\]/, '"logFiles":[]'));
  const forgedDigest = await disturbed(first, () =>
    s3.putObject({ Bucket: BUCKET, Key: first, Body: rewritten, Metadata: metadata }),
  );
  assert.match(forgedDigest.text, new RegExp(`${first}\\s+INVALID: signature verification failed`));

  // A digest slipped in as the newest one is vouched for by nobody.
  const last = digests.at(-1) ?? '';
  const added = last.replace(/_(\d{8}T\d{2})\d{4}Z\.json\.gz$/, '_$15959Z.json.gz');
  await s3.putObject({ Bucket: BUCKET, Key: added, Body: rewritten, Metadata: metadata });
  const slipped = await validate();
  assert.match(slipped.text, new RegExp(`${added}\\s+INVALID: has been moved from its original location`));
  await s3.deleteObject({ Bucket: BUCKET, Key: added });
  assert.equal((await validate()).code, 0);
});

test('tags, listings, a changed and a deleted trail', async () => {
  assert.deepEqual((await cloudtrail.listTrails({})).Trails, [
    { Name: 'main', TrailARN: TRAIL, HomeRegion: REGION },
  ]);
  await cloudtrail.addTags({ ResourceId: TRAIL, TagsList: [{ Key: 'stage', Value: 'live' }] });
  await cloudtrail.removeTags({ ResourceId: TRAIL, TagsList: [{ Key: 'team' }] });
  const { ResourceTagList: list } = await cloudtrail.listTags({ ResourceIdList: [TRAIL] });
  assert.deepEqual(list, [{ ResourceId: TRAIL, TagsList: [{ Key: 'stage', Value: 'live' }] }]);
  await cloudtrail.updateTrail({ Name: 'main', EnableLogFileValidation: false });
  const { trailList: trails } = await cloudtrail.describeTrails({ trailNameList: ['main', 'other'] });
  assert.deepEqual(trails, [
    {
      Name: 'main',
      S3BucketName: BUCKET,
      IncludeGlobalServiceEvents: true,
      IsMultiRegionTrail: false,
      HomeRegion: REGION,
      TrailARN: TRAIL,
      LogFileValidationEnabled: false,
      HasCustomEventSelectors: true,
      HasInsightSelectors: false,
      IsOrganizationTrail: false,
    },
  ]);
  await cloudtrail.deleteTrail({ Name: 'main' });
  await assert.rejects(cloudtrail.startLogging({ Name: 'main' }), { name: 'TrailNotFoundException' });
  await assert.rejects(cloudtrail.deleteTrail({ Name: 'main' }), { name: 'TrailNotFoundException' });
});
