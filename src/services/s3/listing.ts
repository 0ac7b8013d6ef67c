/** Listings of the objects of a bucket, in both versions of the API. */

import type { Handler } from '#services/service.ts';
import { parseFacts } from './facts.ts';
import { s3Fault } from './faults.ts';
import {
  canonicalId,
  checkOwner,
  findBucket,
  LIST_ENTRIES_MAX,
  readRows,
  type Room,
  type Rows,
} from './room.ts';
import type { VersionRow } from './tables.ts';
import { walk, rowsOf, prefixesOf, type Entry, type Walk } from './walking.ts';

function latestRows(rows: Rows, bucket: string): Walk<VersionRow>['fetch'] {
  return async (from, until, rowsMax) => {
    let query = rows
      .selectFrom('s3_version')
      .selectAll()
      .where('bucket', '=', bucket)
      .where('is_latest', '=', 1)
      .where('is_marker', '=', 0)
      .where('object_key', from.operator, from.key);
    if (until !== undefined) query = query.where('object_key', '<', until);
    return await query.orderBy('object_key').limit(rowsMax).execute();
  };
}

export interface ListInput {
  readonly Prefix?: string | undefined;
  readonly Delimiter?: string | undefined;
  readonly MaxKeys?: number | undefined;
  readonly EncodingType?: string | undefined;
}

export interface ListFrame {
  readonly prefix: string;
  readonly delimiter: string;
  readonly maxKeys: number;
  readonly encode: (text: string) => string;
}

export function frameOf(input: ListInput): ListFrame {
  const maxKeys = input.MaxKeys ?? LIST_ENTRIES_MAX;
  if (!Number.isInteger(maxKeys) || maxKeys < 0) {
    throw s3Fault('InvalidArgument', { ArgumentName: 'max-keys', ArgumentValue: String(maxKeys) });
  }
  return {
    prefix: input.Prefix ?? '',
    delimiter: input.Delimiter ?? '',
    maxKeys: Math.min(maxKeys, LIST_ENTRIES_MAX),
    encode: input.EncodingType === 'url' ? encodeKey : (text) => text,
  };
}

/** As S3 encodes keys in listings: slashes stay, spaces become `+`. */
function encodeKey(key: string): string {
  return encodeURIComponent(key)
    .replace(/%2F/g, '/')
    .replace(/%20/g, '+')
    .replace(/[!'()]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

export function nameOf(entry: Entry<VersionRow>): string {
  return 'row' in entry ? entry.row.object_key : entry.prefix;
}

export function ownerOf(account: string) {
  return { ID: canonicalId(account) };
}

function contentOf(row: VersionRow, encode: (text: string) => string) {
  const { checksum } = parseFacts(row.facts);
  return {
    Key: encode(row.object_key),
    LastModified: new Date(row.modified_at),
    ETag: `"${row.etag}"`,
    ...(checksum ? { ChecksumAlgorithm: [checksum.algorithm], ChecksumType: checksum.type } : {}),
    Size: row.size,
    StorageClass: 'STANDARD' as const,
  };
}

const TOKEN_PURPOSE = 's3.continuation';

export function listObjectsV2(room: Room): Handler<'s3', 'ListObjectsV2'> {
  const { keyring } = room.house;
  return async (call, input) => {
    checkOwner(call, input.ExpectedBucketOwner);
    const rows = readRows(room.house);
    const bucket = await findBucket(rows, input.Bucket);
    const { prefix, delimiter, maxKeys, encode } = frameOf(input);
    const context = `${bucket.id} ${prefix} ${delimiter}`;
    const open = (token: string) => {
      try {
        return keyring.open(TOKEN_PURPOSE, token, context).toString('utf8');
      } catch (error) {
        const message = 'The continuation token provided is incorrect';
        throw Object.assign(s3Fault('InvalidArgument', { ArgumentName: 'continuation-token' }, message), {
          cause: error,
        });
      }
    };
    const token = input.ContinuationToken;
    const after = token === undefined ? (input.StartAfter ?? '') : open(token);
    const fetch = latestRows(rows, bucket.name);
    const page = await walk({ prefix, delimiter, entriesMax: maxKeys, after, fetch });
    const last = page.entries.at(-1);
    const isTruncated = page.isTruncated && last !== undefined;
    return {
      Name: bucket.name,
      Prefix: encode(prefix),
      ...(delimiter === '' ? {} : { Delimiter: encode(delimiter) }),
      MaxKeys: maxKeys,
      KeyCount: page.entries.length,
      IsTruncated: isTruncated,
      ...(input.EncodingType === undefined ? {} : { EncodingType: input.EncodingType }),
      ...(input.StartAfter === undefined ? {} : { StartAfter: encode(input.StartAfter) }),
      ...(token === undefined ? {} : { ContinuationToken: token }),
      ...(isTruncated ? { NextContinuationToken: keyring.seal(TOKEN_PURPOSE, nameOf(last), context) } : {}),
      Contents: rowsOf(page.entries).map((row) => ({
        ...contentOf(row, encode),
        ...(input.FetchOwner === true ? { Owner: ownerOf(call.account) } : {}),
      })),
      CommonPrefixes: prefixesOf(page.entries).map((each) => ({ Prefix: encode(each) })),
    };
  };
}

export function listObjects(room: Room): Handler<'s3', 'ListObjects'> {
  return async (call, input) => {
    checkOwner(call, input.ExpectedBucketOwner);
    const rows = readRows(room.house);
    const bucket = await findBucket(rows, input.Bucket);
    const { prefix, delimiter, maxKeys, encode } = frameOf(input);
    const fetch = latestRows(rows, bucket.name);
    const page = await walk({ prefix, delimiter, entriesMax: maxKeys, after: input.Marker ?? '', fetch });
    const last = page.entries.at(-1);
    const isTruncated = page.isTruncated && last !== undefined;
    return {
      Name: bucket.name,
      Prefix: encode(prefix),
      Marker: encode(input.Marker ?? ''),
      ...(delimiter === '' ? {} : { Delimiter: encode(delimiter) }),
      MaxKeys: maxKeys,
      IsTruncated: isTruncated,
      ...(input.EncodingType === undefined ? {} : { EncodingType: input.EncodingType }),
      ...(isTruncated && delimiter !== '' ? { NextMarker: encode(nameOf(last)) } : {}),
      Contents: rowsOf(page.entries).map((row) => ({
        ...contentOf(row, encode),
        Owner: ownerOf(call.account),
      })),
      CommonPrefixes: prefixesOf(page.entries).map((each) => ({ Prefix: encode(each) })),
    };
  };
}
