/** DeleteObject and DeleteObjects: a marker where versions are kept, or the end of one version. */

import { isFault } from '#base/fault.ts';
import type { Call, Handler } from '#services/service.ts';
import { checkWriteConditions } from './conditions.ts';
import { s3Fault } from './faults.ts';
import { heldKeys, refuseHeld } from './holding.ts';
import { commitRemovals, type Removal } from './outbox.ts';
import { checkKey, checkOwner, findBucket, objectArn, readRows, type Room, type Rows } from './room.ts';
import type { BucketRow } from './tables.ts';
import {
  addVersion,
  createVersionId,
  findVersion,
  latestVersion,
  NULL_VERSION,
  removeVersion,
} from './versions.ts';

const DELETE_KEYS_MAX = 1000;
/** Transactions that wait together share one commit. */
const DELETES_AT_ONCE = 64;

interface Deleted {
  readonly versionId: string | undefined;
  readonly isMarker: boolean;
}

/** One transaction. Deleting what is not there succeeds, as in S3. */
async function remove(
  room: Room,
  call: Call,
  bucket: BucketRow,
  key: string,
  versionId: string | undefined,
  ifMatch?: string,
): Promise<Deleted> {
  const isMarker = versionId === undefined && bucket.versioning !== '';
  const { at, requestId, account: requester, source } = call;
  const name = isMarker ? 'ObjectRemoved:DeleteMarkerCreated' : 'ObjectRemoved:Delete';
  const removals: Removal[] = [{ name, key, versionId, at, requestId, requester, source }];
  const isThere = async () =>
    isMarker ||
    (await findVersion(readRows(room.house), bucket.name, key, versionId ?? NULL_VERSION)) !== undefined;
  const work = async (rows: Rows): Promise<Deleted> => {
    const current = await findBucket(rows, bucket.name);
    // What is told was chosen for the bucket as it was read.
    if (current.versioning !== bucket.versioning) throw s3Fault('OperationAborted');
    if (ifMatch !== undefined) {
      const latest = await latestVersion(rows, bucket.name, key);
      checkWriteConditions({ IfMatch: ifMatch }, key, latest?.is_marker === 0 ? latest.etag : undefined);
    }
    if (versionId !== undefined) {
      const row = await findVersion(rows, bucket.name, key, versionId);
      if (row) await removeVersion(rows, row, call.at);
      return { versionId, isMarker: row?.is_marker === 1 };
    }
    return await removeWithin(rows, current, key, call.at);
  };
  return await commitRemovals(room, bucket, removals, work, isThere);
}

/** What deleting a key means without a version: its end, or a marker where versions are kept. */
export async function removeWithin(rows: Rows, bucket: BucketRow, key: string, at: number): Promise<Deleted> {
  if (bucket.versioning === '') {
    const row = await findVersion(rows, bucket.name, key, NULL_VERSION);
    if (row) await removeVersion(rows, row, at);
    return { versionId: undefined, isMarker: false };
  }
  const marker = { versionId: createVersionId(bucket), size: 0, etag: '', facts: undefined, pieces: [] };
  const row = await addVersion(rows, bucket.name, key, marker, at);
  return { versionId: row.version_id, isMarker: true };
}

export function deleteObject(room: Room): Handler<'s3', 'DeleteObject'> {
  return async (call, input) => {
    const key = checkKey(input.Key);
    checkOwner(call, input.ExpectedBucketOwner);
    const bucket = await findBucket(readRows(room.house), input.Bucket);
    const held = await heldKeys(room.house, bucket.name, [key]);
    await refuseHeld(room.house, bucket.name, { key, versionId: input.VersionId }, held.get(key));
    const deleted = await remove(room, call, bucket, key, input.VersionId, input.IfMatch);
    return {
      ...(deleted.versionId === undefined ? {} : { VersionId: deleted.versionId }),
      ...(deleted.isMarker ? { DeleteMarker: true } : {}),
    };
  };
}

interface DeleteFailure {
  readonly Key: string;
  readonly VersionId?: string;
  readonly Code: string;
  readonly Message: string;
}

/** Each key is authorized by itself; what is refused or fails is told beside what was deleted. */
export function deleteObjects(room: Room): Handler<'s3', 'DeleteObjects'> {
  return async (call, input) => {
    checkOwner(call, input.ExpectedBucketOwner);
    const bucket = await findBucket(readRows(room.house), input.Bucket);
    const objects = input.Delete?.Objects ?? [];
    if (objects.length === 0 || objects.length > DELETE_KEYS_MAX) throw s3Fault('MalformedXML');
    const isQuiet = input.Delete?.Quiet === true;
    const keys = objects.map((object) => object.Key ?? '');
    const held = await heldKeys(room.house, bucket.name, keys);
    const results: DeleteResult[] = [];
    for (let at = 0; at < objects.length; at += DELETES_AT_ONCE) {
      const some = objects.slice(at, at + DELETES_AT_ONCE);
      results.push(...(await Promise.all(some.map((object) => deleteOne(room, call, bucket, object, held)))));
    }
    return {
      ...(isQuiet ? {} : { Deleted: results.flatMap((result) => result.deleted ?? []) }),
      Errors: results.flatMap((result) => result.failed ?? []),
    };
  };
}

interface DeleteResult {
  readonly deleted?: object;
  readonly failed?: DeleteFailure;
}

async function deleteOne(
  room: Room,
  call: Call,
  bucket: BucketRow,
  object: {
    readonly Key: string | undefined;
    readonly VersionId?: string | undefined;
    readonly ETag?: string | undefined;
  },
  held: ReadonlyMap<string, string>,
): Promise<DeleteResult> {
  const { Key: key = '', VersionId: versionId, ETag: etag } = object;
  const version = versionId === undefined ? {} : { VersionId: versionId };
  try {
    checkKey(key);
    const action = versionId === undefined ? 's3:DeleteObject' : 's3:DeleteObjectVersion';
    await call.authorize({ action, resource: objectArn(bucket.name, key) });
    await refuseHeld(room.house, bucket.name, { key, versionId }, held.get(key));
    const deleted = await remove(room, call, bucket, key, versionId, etag);
    const marker = deleted.isMarker ? { DeleteMarker: true, DeleteMarkerVersionId: deleted.versionId } : {};
    return { deleted: { Key: key, ...version, ...marker } };
  } catch (error) {
    if (!isFault(error)) throw error;
    const code = error.code === 'AccessDeniedException' ? 'AccessDenied' : error.code;
    return { failed: { Key: key, ...version, Code: code, Message: error.message } };
  }
}
