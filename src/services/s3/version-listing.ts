/** ListObjectVersions: keys in order, each with its versions from the newest to the oldest. */

import type { Handler } from '#services/service.ts';
import { s3Fault } from './faults.ts';
import { checkOwner, findBucket, readRows, type Room, type Rows } from './room.ts';
import type { VersionRow } from './tables.ts';
import { walk, rowsOf, prefixesOf, type Entry, type Page, type Walk } from './walking.ts';
import { frameOf, nameOf, ownerOf } from './listing.ts';

export function listObjectVersions(room: Room): Handler<'s3', 'ListObjectVersions'> {
  return async (call, input) => {
    checkOwner(call, input.ExpectedBucketOwner);
    const rows = readRows(room.house);
    const bucket = await findBucket(rows, input.Bucket);
    const { prefix, delimiter, maxKeys, encode } = frameOf(input);
    const keyMarker = input.KeyMarker ?? '';
    if (input.VersionIdMarker !== undefined && keyMarker === '') {
      throw s3Fault('InvalidArgument', {}, 'A version-id marker cannot be specified without a key marker.');
    }
    const page = await versionsPage(rows, bucket.name, {
      prefix,
      delimiter,
      entriesMax: maxKeys,
      keyMarker,
      versionIdMarker: input.VersionIdMarker,
    });
    const last = page.entries.at(-1);
    const isTruncated = page.isTruncated && last !== undefined;
    const view = (row: VersionRow) => ({
      Key: encode(row.object_key),
      VersionId: row.version_id,
      IsLatest: row.is_latest === 1,
      LastModified: new Date(row.modified_at),
      Owner: ownerOf(call.account),
    });
    const versions = rowsOf(page.entries);
    return {
      Name: bucket.name,
      Prefix: encode(prefix),
      KeyMarker: encode(keyMarker),
      VersionIdMarker: input.VersionIdMarker ?? '',
      ...(delimiter === '' ? {} : { Delimiter: encode(delimiter) }),
      MaxKeys: maxKeys,
      IsTruncated: isTruncated,
      ...(input.EncodingType === undefined ? {} : { EncodingType: input.EncodingType }),
      ...(isTruncated ? { NextKeyMarker: encode(nameOf(last)) } : {}),
      ...(isTruncated && 'row' in last ? { NextVersionIdMarker: last.row.version_id } : {}),
      Versions: versions
        .filter((row) => row.is_marker === 0)
        .map((row) => ({
          ...view(row),
          ETag: `"${row.etag}"`,
          Size: row.size,
          StorageClass: 'STANDARD' as const,
        })),
      DeleteMarkers: versions.filter((row) => row.is_marker === 1).map(view),
      CommonPrefixes: prefixesOf(page.entries).map((each) => ({ Prefix: encode(each) })),
    };
  };
}

interface VersionsWalk {
  readonly prefix: string;
  readonly delimiter: string;
  readonly entriesMax: number;
  readonly keyMarker: string;
  readonly versionIdMarker: string | undefined;
}

/**
 * Versions of one key are newest first, so a page can end in the middle of a key. The rest of that key comes first;
 * from then on keys are walked as in other listings, each with all of its versions.
 */
async function versionsPage(rows: Rows, bucket: string, page: VersionsWalk): Promise<Page<VersionRow>> {
  const { prefix, delimiter, entriesMax, keyMarker, versionIdMarker } = page;
  const entries: Entry<VersionRow>[] = [];
  if (versionIdMarker !== undefined && versionIdMarker !== '') {
    const rest = await versionsBehind(rows, bucket, keyMarker, versionIdMarker, entriesMax + 1);
    for (const row of rest) {
      if (entries.length === entriesMax) return { entries, isTruncated: true };
      entries.push({ row });
    }
  }
  const keys = await walk({
    prefix,
    delimiter,
    entriesMax: entriesMax - entries.length,
    after: keyMarker,
    fetch: distinctKeys(rows, bucket),
  });
  for (const entry of keys.entries) {
    if (entries.length === entriesMax) return { entries, isTruncated: true };
    if ('prefix' in entry) {
      entries.push(entry);
      continue;
    }
    const versions = await versionsOf(rows, bucket, entry.row.object_key)
      .limit(entriesMax - entries.length + 1)
      .execute();
    for (const row of versions) {
      if (entries.length === entriesMax) return { entries, isTruncated: true };
      entries.push({ row });
    }
  }
  return { entries, isTruncated: keys.isTruncated };
}

function versionsOf(rows: Rows, bucket: string, key: string) {
  return rows
    .selectFrom('s3_version')
    .selectAll()
    .where('bucket', '=', bucket)
    .where('object_key', '=', key)
    .orderBy('sequence', 'desc');
}

async function versionsBehind(
  rows: Rows,
  bucket: string,
  key: string,
  versionId: string,
  rowsMax: number,
): Promise<readonly VersionRow[]> {
  const versions = versionsOf(rows, bucket, key);
  const marker = await versions.where('version_id', '=', versionId).executeTakeFirst();
  if (!marker) return [];
  return await versions.where('sequence', '<', marker.sequence).limit(rowsMax).execute();
}

function distinctKeys(rows: Rows, bucket: string): Walk<{ readonly object_key: string }>['fetch'] {
  return async (from, until, rowsMax) => {
    let query = rows
      .selectFrom('s3_version')
      .select('object_key')
      .where('bucket', '=', bucket)
      .where('is_latest', '=', 1)
      .where('object_key', from.operator, from.key);
    if (until !== undefined) query = query.where('object_key', '<', until);
    return await query.orderBy('object_key').limit(rowsMax).execute();
  };
}
