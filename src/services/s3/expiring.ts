/**
 * Does what lifecycle rules say: expires current versions, removes old ones and lone markers, aborts forgotten uploads.
 * It keeps no state of its own: each round judges what is there, so a crash in between only delays the rest. What
 * running work needs is left for a later round.
 */

import { createChance } from '#base/chance.ts';
import {
  isUploadForgotten,
  judgeVersions,
  type LifecycleRule,
  type Verdict,
} from '#core/object/lifecycle.ts';
import type { House } from '#services/service.ts';
import { removeWithin } from './deleting.ts';
import { parseFacts } from './facts.ts';
import { heldKeys } from './holding.ts';
import { commitRemovals, type Removal } from './outbox.ts';
import { findBucket, readRows, type Room } from './room.ts';
import { settingsOf } from './settings.ts';
import { withTables, type BucketRow, type VersionRow } from './tables.ts';
import { dropUpload } from './uploads.ts';
import { findVersion, latestVersion, removeVersion } from './versions.ts';

const KEYS_AT_ONCE = 200;

export async function applyLifecycles(room: Room, now: number): Promise<void> {
  const { house } = room;
  const buckets = await readRows(house).selectFrom('s3_bucket').selectAll().execute();
  for (const bucket of buckets) {
    const { lifecycle } = settingsOf(bucket);
    if (!lifecycle) continue;
    await abortUploads(house, bucket, lifecycle, now);
    for (let after: string | undefined = ''; after !== undefined;) {
      after = await expireKeys(room, bucket, lifecycle, after, now);
    }
  }
}

/** Judges the next keys; gives the last of them, or nothing at the end. */
async function expireKeys(
  room: Room,
  bucket: BucketRow,
  rules: readonly LifecycleRule[],
  after: string,
  now: number,
): Promise<string | undefined> {
  const { house } = room;
  const keys = await readRows(house)
    .selectFrom('s3_version')
    .select('object_key')
    .where('bucket', '=', bucket.name)
    .where('object_key', '>', after)
    .groupBy('object_key')
    .orderBy('object_key')
    .limit(KEYS_AT_ONCE)
    .execute();
  const names = keys.map(({ object_key }) => object_key);
  if (names.length === 0) return undefined;
  const held = await heldKeys(house, bucket.name, names);
  for (const key of names) {
    const versions = await readRows(house)
      .selectFrom('s3_version')
      .selectAll()
      .where('bucket', '=', bucket.name)
      .where('object_key', '=', key)
      .orderBy('sequence', 'desc')
      .execute();
    const verdict = judgeVersions(rules, key, versions.map(agedVersion), now);
    await expireKey(room, bucket, key, versions, verdict, held.has(key), now);
  }
  return names.at(-1);
}

async function expireKey(
  room: Room,
  bucket: BucketRow,
  key: string,
  versions: readonly VersionRow[],
  { expiresCurrent, versionIds }: Verdict,
  isHeld: boolean,
  now: number,
): Promise<void> {
  const expires = expiresCurrent && !isHeld;
  if (!expires && versionIds.length === 0) return;
  const by = {
    at: now,
    requestId: createChance().slice(0, 16).toUpperCase(),
    requester: 's3.amazonaws.com',
    source: 's3.amazonaws.com',
  };
  const removals = versionIds.map((versionId): Removal => ({
    ...by,
    name: 'LifecycleExpiration:Delete',
    key,
    versionId,
  }));
  if (expires) {
    const name =
      bucket.versioning === '' ? 'LifecycleExpiration:Delete' : 'LifecycleExpiration:DeleteMarkerCreated';
    removals.push({ ...by, name, key, versionId: undefined });
  }
  await commitRemovals(room, bucket, removals, async (rows) => {
    // Whatever was judged must still be what is there.
    const latest = await latestVersion(rows, bucket.name, key);
    if (latest?.row_id !== versions[0]?.row_id) return;
    for (const versionId of versionIds) {
      const row = await findVersion(rows, bucket.name, key, versionId);
      if (row) await removeVersion(rows, row, now);
    }
    if (expires) await removeWithin(rows, await findBucket(rows, bucket.name), key, now);
  });
}

function agedVersion(row: VersionRow) {
  return {
    versionId: row.version_id,
    isMarker: row.is_marker === 1,
    sizeBytes: row.size,
    modifiedAt: row.modified_at,
    tags: row.is_marker === 1 ? {} : parseFacts(row.facts).tags,
  };
}

async function abortUploads(
  house: House,
  bucket: BucketRow,
  rules: readonly LifecycleRule[],
  now: number,
): Promise<void> {
  const uploads = await readRows(house)
    .selectFrom('s3_upload')
    .select(['upload_id', 'object_key', 'created_at'])
    .where('bucket', '=', bucket.name)
    .where('completed', 'is', null)
    .execute();
  for (const { upload_id, object_key, created_at } of uploads) {
    if (!isUploadForgotten(rules, object_key, created_at, now)) continue;
    await house.database.transaction(async (transaction) => {
      const rows = withTables(transaction);
      const open = await rows
        .selectFrom('s3_upload')
        .select('upload_id')
        .where('upload_id', '=', upload_id)
        .where('completed', 'is', null)
        .executeTakeFirst();
      if (open) await dropUpload(rows, upload_id, now);
    });
  }
}
