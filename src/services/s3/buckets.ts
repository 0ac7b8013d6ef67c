/** Buckets: made, found, listed and deleted. */

import { createUuid } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { Handler } from '#services/service.ts';
import { s3Fault } from './faults.ts';
import { ownerOf } from './listing.ts';
import { dropUpload } from './uploads.ts';
import { BUCKETS_MAX, checkOwner, findBucket, readRows, type Room } from './room.ts';
import { withTables, type BucketRow } from './tables.ts';
import { DEFAULT_SETTINGS, type BucketSettings } from './settings.ts';
import { readTags } from './facts.ts';

const NAME = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const ADDRESS = /^\d{1,3}(?:\.\d{1,3}){3}$/;
const RESERVED_STARTS = ['xn--', 'sthree-', 'amzn-s3-demo-'];
const RESERVED_ENDS = ['-s3alias', '--ol-s3', '.mrap', '--x-s3', '--table-s3'];
const BUCKET_TAGS_MAX = 50;
const REGION = /^[a-z]{2}(-[a-z]{2,12}){1,2}-\d{1,2}$/;

/** See "General purpose bucket naming rules". */
export function isBucketName(name: string): boolean {
  return (
    NAME.test(name) &&
    !name.includes('..') &&
    !ADDRESS.test(name) &&
    !RESERVED_STARTS.some((start) => name.startsWith(start)) &&
    !RESERVED_ENDS.some((end) => name.endsWith(end))
  );
}

export function createBucket(room: Room): Handler<'s3', 'CreateBucket'> {
  const { house } = room;
  return async (call, input) => {
    const name = input.Bucket ?? '';
    if (!isBucketName(name)) throw s3Fault('InvalidBucketName', { BucketName: name });
    const constraint = input.CreateBucketConfiguration?.LocationConstraint;
    const location = locationOf(constraint);
    if (input.ObjectLockEnabledForBucket === true) {
      throw s3Fault('NotImplemented', {}, 'Object lock is not implemented.');
    }
    if (input.ACL !== undefined && input.ACL !== 'private') {
      throw fault(
        'InvalidBucketAclWithObjectOwnership',
        "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
        { status: 400 },
      );
    }
    if (input.ObjectOwnership !== undefined && input.ObjectOwnership !== 'BucketOwnerEnforced') {
      throw s3Fault(
        'NotImplemented',
        {},
        'ACLs are not implemented: ObjectOwnership can only be BucketOwnerEnforced.',
      );
    }
    const tags = readTags(input.CreateBucketConfiguration?.Tags ?? [], BUCKET_TAGS_MAX);
    const row: BucketRow = {
      name,
      id: createUuid(),
      created_at: call.at,
      versioning: '',
      policy: null,
      settings: JSON.stringify({
        ...DEFAULT_SETTINGS,
        ...(location === undefined || location === house.region ? {} : { location }),
        ...(Object.keys(tags).length > 0 ? { tags } : {}),
      }),
    };
    await house.database.transaction(async (transaction) => {
      const rows = withTables(transaction);
      const taken = await rows
        .selectFrom('s3_bucket')
        .select('name')
        .where('name', '=', name)
        .executeTakeFirst();
      if (taken) throw s3Fault('BucketAlreadyOwnedByYou', { BucketName: name });
      const count = await rows
        .selectFrom('s3_bucket')
        .select((select) => select.fn.countAll().as('count'))
        .executeTakeFirstOrThrow();
      if (Number(count.count) >= BUCKETS_MAX) {
        throw fault('TooManyBuckets', 'You have attempted to create more buckets than allowed', {
          status: 400,
        });
      }
      await rows.insertInto('s3_bucket').values(row).execute();
    });
    return { Location: `/${name}` };
  };
}

/**
 * Clients leave the constraint out for us-east-1, and name it for no other; elsewhere S3 wants it, and we take its
 * absence for the region of the house. Buckets of every region live in this house, under one namespace as in AWS.
 */
function locationOf(constraint: string | undefined): string | undefined {
  // The oldest name of a region.
  if (constraint === 'EU') return 'eu-west-1';
  if (constraint === undefined || (REGION.test(constraint) && constraint !== 'us-east-1')) return constraint;
  throw fault('InvalidLocationConstraint', 'The specified location-constraint is not valid', { status: 400 });
}

function regionOf({ house }: Room, row: BucketRow): string {
  return (JSON.parse(row.settings) as BucketSettings).location ?? house.region;
}

export function headBucket(room: Room): Handler<'s3', 'HeadBucket'> {
  return async (call, input) => {
    checkOwner(call, input.ExpectedBucketOwner);
    const row = await findBucket(readRows(room.house), input.Bucket);
    return { BucketRegion: regionOf(room, row), AccessPointAlias: false };
  };
}

export function getBucketLocation(room: Room): Handler<'s3', 'GetBucketLocation'> {
  return async (call, input) => {
    checkOwner(call, input.ExpectedBucketOwner);
    const region = regionOf(room, await findBucket(readRows(room.house), input.Bucket));
    // The oldest region has the empty name here.
    return region === 'us-east-1' ? {} : { LocationConstraint: region as 'eu-west-1' };
  };
}

export function listBuckets(room: Room): Handler<'s3', 'ListBuckets'> {
  return async (call, input) => {
    const { Prefix: prefix = '', ContinuationToken: after = '', MaxBuckets: bucketsMax } = input;
    const all = await readRows(room.house)
      .selectFrom('s3_bucket')
      .selectAll()
      .where('name', '>', after)
      .orderBy('name')
      .limit(BUCKETS_MAX + 1)
      .execute();
    const rows = all.filter(
      (row) =>
        row.name.startsWith(prefix) &&
        (input.BucketRegion === undefined || input.BucketRegion === regionOf(room, row)),
    );
    const shown = bucketsMax === undefined ? rows : rows.slice(0, bucketsMax);
    const last = shown.at(-1);
    return {
      Owner: ownerOf(call.account),
      Buckets: shown.map((row) => ({
        Name: row.name,
        CreationDate: new Date(row.created_at),
        ...(bucketsMax === undefined ? {} : { BucketRegion: regionOf(room, row) }),
      })),
      ...(prefix === '' ? {} : { Prefix: prefix }),
      ...(last && shown.length < rows.length ? { ContinuationToken: last.name } : {}),
    };
  };
}

export function deleteBucket(room: Room): Handler<'s3', 'DeleteBucket'> {
  return async (call, input) => {
    checkOwner(call, input.ExpectedBucketOwner);
    await room.house.database.transaction(async (transaction) => {
      const rows = withTables(transaction);
      const { name } = await findBucket(rows, input.Bucket);
      const version = await rows
        .selectFrom('s3_version')
        .select('sequence')
        .where('bucket', '=', name)
        .limit(1)
        .executeTakeFirst();
      if (version) throw s3Fault('BucketNotEmpty', { BucketName: name });
      const uploads = await rows
        .selectFrom('s3_upload')
        .select('upload_id')
        .where('bucket', '=', name)
        .execute();
      for (const { upload_id } of uploads) await dropUpload(rows, upload_id, call.at);
      await rows.deleteFrom('s3_bucket').where('name', '=', name).execute();
    });
    return {};
  };
}
