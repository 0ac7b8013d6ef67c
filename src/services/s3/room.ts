/** What the files of this room share: the house, typed tables, names and limits. */

import { createHash } from 'node:crypto';
import { fault } from '#base/fault.ts';
import type { Transaction, Kysely } from 'kysely';
import type { ObjectsChanged, OutboxEffect, OutboxState } from '#core/object/outbox.ts';
import type { Machine } from '#engine/machine.ts';
import type { Call, House } from '#services/service.ts';
import { noSuchBucket, s3Fault } from './faults.ts';
import { withTables, type BucketRow, type Tables } from './tables.ts';

export const OBJECT_BYTES_MAX = 5 * 1024 ** 3;
export const KEY_BYTES_MAX = 1024;
export const METADATA_BYTES_MAX = 2048;
export const TAGS_PER_OBJECT_MAX = 10;
export const LIST_ENTRIES_MAX = 1000;
export const BUCKETS_MAX = 1000;

/** The house, and the machine that tells the world about changes. */
export interface Room {
  readonly house: House;
  readonly outbox: Machine<OutboxState, ObjectsChanged, OutboxEffect>;
}

export type Rows = Kysely<Tables> | Transaction<Tables>;

export function bucketArn(bucket: string | undefined): string {
  return `arn:aws:s3:::${bucket ?? ''}`;
}

export function objectArn(bucket: string | undefined, key: string | undefined): string {
  return `arn:aws:s3:::${bucket ?? ''}/${key ?? ''}`;
}

/** S3 shows owners by an opaque id of 64 hexadecimal digits. */
export function canonicalId(account: string): string {
  return createHash('sha256').update(`canonical user of ${account}`).digest('hex');
}

export function readRows(house: House): Rows {
  return withTables(house.database.read);
}

export async function findBucket(rows: Rows, name: string | undefined): Promise<BucketRow> {
  const row = await rows
    .selectFrom('s3_bucket')
    .selectAll()
    .where('name', '=', name ?? '')
    .executeTakeFirst();
  if (!row) throw noSuchBucket(name ?? '');
  return row;
}

export function checkKey(key: string | undefined): string {
  if (!key) throw s3Fault('InvalidArgument', {}, 'The key is missing');
  if (Buffer.byteLength(key) > KEY_BYTES_MAX) {
    throw s3Fault('KeyTooLongError', { Size: Buffer.byteLength(key), MaxSizeAllowed: KEY_BYTES_MAX });
  }
  return key;
}

/** ExpectedBucketOwner: the caller's proof against writing into a stranger's bucket. */
export function checkOwner(call: Call, expected: string | undefined): void {
  if (expected !== undefined && expected !== call.account) {
    throw fault('AccessDeniedException', `The bucket does not belong to account ${expected}.`);
  }
}

/**
 * Only callers that may list a bucket learn that a key is not in it; others get the refusal of s3:ListBucket.
 * See "GetObject", permissions.
 */
export async function refuseMissing(call: Call, bucket: string, missing: Error): Promise<never> {
  await call.authorize({ action: 's3:ListBucket', resource: bucketArn(bucket) });
  throw missing;
}
