/** Lifecycle rules through the official client, and what the sweep does by them. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { S3, type LifecycleRule } from '@aws-sdk/client-s3';
import { applyLifecycles } from '#services/s3/expiring.ts';
import { s3RoomOf } from '#test/support/s3-room.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

const DAY_MS = 24 * 3_600_000;

let house: TestHouse;
let s3: S3;

before(async () => {
  house = await createTestHouse();
  const { endpoint, region, credentials } = house;
  s3 = new S3({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 });
});
after(async () => {
  s3.destroy();
  await house.close();
});

function setRules(Bucket: string, ...Rules: readonly LifecycleRule[]) {
  return s3.putBucketLifecycleConfiguration({ Bucket, LifecycleConfiguration: { Rules: [...Rules] } });
}

/** What the hourly round would do so many days from now. */
function afterDays(days: number): Promise<void> {
  return applyLifecycles(s3RoomOf(house.slipway), house.slipway.house.clock.now() + days * DAY_MS);
}

async function keysOf(Bucket: string): Promise<readonly string[]> {
  const { Contents = [] } = await s3.listObjectsV2({ Bucket });
  return Contents.map(({ Key = '' }) => Key);
}

test('rules come back as they were set, and go', async () => {
  const Bucket = 'rules';
  await s3.createBucket({ Bucket });
  const missing = {
    name: 'NoSuchLifecycleConfiguration',
    message: 'The lifecycle configuration does not exist',
  };
  await assert.rejects(s3.getBucketLifecycleConfiguration({ Bucket }), missing);
  const rules: LifecycleRule[] = [
    { ID: 'a', Status: 'Enabled', Filter: { Prefix: 'tmp/' }, Expiration: { Days: 3 } },
    {
      ID: 'b',
      Status: 'Disabled',
      Filter: { And: { Prefix: 'x', Tags: [{ Key: 'k', Value: 'v' }], ObjectSizeGreaterThan: 5 } },
      Expiration: { Date: new Date('2030-01-01T00:00:00Z') },
    },
    {
      ID: 'c',
      Status: 'Enabled',
      Prefix: '',
      NoncurrentVersionExpiration: { NoncurrentDays: 2, NewerNoncurrentVersions: 1 },
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
    },
  ];
  await setRules(Bucket, ...rules);
  assert.deepEqual((await s3.getBucketLifecycleConfiguration({ Bucket })).Rules, rules);
  await s3.deleteBucketLifecycle({ Bucket });
  await assert.rejects(s3.getBucketLifecycleConfiguration({ Bucket }), missing);
});

test('rules that say nothing, too much, or what does not happen here are refused', async () => {
  const Bucket = 'refused';
  await s3.createBucket({ Bucket });
  const rule = { Status: 'Enabled', Filter: { Prefix: '' } } as const;
  await assert.rejects(setRules(Bucket, rule), {
    name: 'InvalidRequest',
    message: 'At least one action needs to be specified in a rule',
  });
  await assert.rejects(setRules(Bucket, { ...rule, Expiration: { Days: 0 } }), { name: 'InvalidArgument' });
  const expiring = { ...rule, ID: 'same', Expiration: { Days: 1 } };
  await assert.rejects(setRules(Bucket, expiring, expiring), { name: 'InvalidArgument' });
  await assert.rejects(setRules(Bucket, { ...rule, Transitions: [{ Days: 30, StorageClass: 'GLACIER' }] }), {
    name: 'NotImplemented',
    message: 'Transitions are not implemented: there is one storage class.',
  });
});

test('objects expire by prefix and tag, and uploads are aborted', async () => {
  const Bucket = 'plain';
  await s3.createBucket({ Bucket });
  await setRules(
    Bucket,
    { Status: 'Enabled', Filter: { Prefix: 'tmp/' }, Expiration: { Days: 2 } },
    { Status: 'Enabled', Filter: { Tag: { Key: 'old', Value: 'yes' } }, Expiration: { Days: 1 } },
    {
      Status: 'Enabled',
      Filter: { Prefix: '' },
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
    },
  );
  await s3.putObject({ Bucket, Key: 'tmp/a', Body: 'a' });
  await s3.putObject({ Bucket, Key: 'b', Body: 'b', Tagging: 'old=yes' });
  await s3.putObject({ Bucket, Key: 'c', Body: 'c' });
  await s3.createMultipartUpload({ Bucket, Key: 'never' });
  await afterDays(0);
  assert.deepEqual(await keysOf(Bucket), ['b', 'c', 'tmp/a']);
  assert.equal((await s3.listMultipartUploads({ Bucket })).Uploads?.length, 1);
  await afterDays(9);
  assert.deepEqual(await keysOf(Bucket), ['c']);
  assert.equal((await s3.listMultipartUploads({ Bucket })).Uploads, undefined);
});

test('where versions are kept, expiring makes a marker, old versions go, and then the marker', async () => {
  const Bucket = 'versions';
  await s3.createBucket({ Bucket });
  await s3.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: 'Enabled' } });
  await s3.putObject({ Bucket, Key: 'a', Body: '1' });
  await setRules(Bucket, {
    Status: 'Enabled',
    Filter: { Prefix: '' },
    Expiration: { Days: 2 },
    NoncurrentVersionExpiration: { NoncurrentDays: 2 },
  });
  await afterDays(4);
  const first = await s3.listObjectVersions({ Bucket });
  assert.deepEqual([first.Versions?.length, first.DeleteMarkers?.length], [1, 1]);
  await afterDays(8);
  const second = await s3.listObjectVersions({ Bucket });
  assert.deepEqual([second.Versions, second.DeleteMarkers?.length], [undefined, 1]);
  await afterDays(12);
  assert.equal((await s3.listObjectVersions({ Bucket })).DeleteMarkers, undefined);
});
