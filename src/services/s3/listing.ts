/**
 * Listings: keys in the order of their UTF-8 bytes, rolled up at a delimiter. Rolled-up keys are skipped by the
 * database, so a page costs as many rows as it shows, whatever lies below its prefixes.
 */

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

export type Entry<Row> = { readonly row: Row } | { readonly prefix: string };

export interface Page<Row> {
  readonly entries: readonly Entry<Row>[];
  readonly isTruncated: boolean;
}

export interface Walk<Row extends { readonly object_key: string }> {
  readonly prefix: string;
  readonly delimiter: string;
  readonly entriesMax: number;
  /** The last entry of the page before: a key or a rolled-up prefix. Nothing up to it is shown. */
  readonly after: string;
  /** Rows of keys from `from` on and below `until`, in order, at most `rowsMax`. */
  readonly fetch: (from: Start, until: string | undefined, rowsMax: number) => Promise<readonly Row[]>;
}

/** At a key, or right behind it. */
interface Start {
  readonly operator: '>=' | '>';
  readonly key: string;
}

export async function walk<Row extends { readonly object_key: string }>(page: Walk<Row>): Promise<Page<Row>> {
  const { prefix, delimiter, entriesMax, after } = page;
  const entries: Entry<Row>[] = [];
  const until = prefixEnd(prefix);
  let from = startOf(prefix, delimiter, after);
  while (from !== undefined) {
    const rowsMax = Math.min(LIST_ENTRIES_MAX, entriesMax - entries.length + 1);
    const rows: readonly Row[] = await page.fetch(from, until, rowsMax);
    let skipTo: string | undefined;
    for (const row of rows) {
      if (skipTo !== undefined && compareBytes(row.object_key, skipTo) < 0) continue;
      if (entries.length === entriesMax) return { entries, isTruncated: true };
      const common = commonPrefix(row.object_key, prefix, delimiter);
      entries.push(common === undefined ? { row } : { prefix: common });
      skipTo = common === undefined ? undefined : prefixEnd(common);
      if (common !== undefined && skipTo === undefined) return { entries, isTruncated: false };
    }
    const last = rows.at(-1);
    if (!last || rows.length < rowsMax) break;
    from = skipTo === undefined ? { operator: '>', key: last.object_key } : { operator: '>=', key: skipTo };
  }
  return { entries, isTruncated: false };
}

/** Where a page begins; `undefined` when nothing can come. */
function startOf(prefix: string, delimiter: string, after: string): Start | undefined {
  if (after === '' || compareBytes(after, prefix) < 0) return { operator: '>=', key: prefix };
  const rolledUp = commonPrefix(after, prefix, delimiter);
  if (rolledUp === undefined) return { operator: '>', key: after };
  const key = prefixEnd(rolledUp);
  return key === undefined ? undefined : { operator: '>=', key };
}

function commonPrefix(key: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === '' || !key.startsWith(prefix)) return undefined;
  const end = key.indexOf(delimiter, prefix.length);
  return end < 0 ? undefined : key.slice(0, end + delimiter.length);
}

/** The least text behind all texts that start with `prefix`, in byte order; `undefined` if there is none. */
export function prefixEnd(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let point = points.pop(); point !== undefined; point = points.pop()) {
    // Surrogates are no characters: U+D7FF is followed by U+E000.
    const next = point === 0xd7ff ? 0xe000 : point + 1;
    if (next <= 0x10ffff) return String.fromCodePoint(...points, next);
  }
  return undefined;
}

/** UTF-8 byte order, which is the order of code points; JavaScript's own compares UTF-16. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

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

interface ListInput {
  readonly Prefix?: string | undefined;
  readonly Delimiter?: string | undefined;
  readonly MaxKeys?: number | undefined;
  readonly EncodingType?: string | undefined;
}

interface ListFrame {
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

export function rowsOf<Row>(entries: readonly Entry<Row>[]): readonly Row[] {
  return entries.flatMap((entry) => ('row' in entry ? [entry.row] : []));
}

export function prefixesOf<Row>(entries: readonly Entry<Row>[]): readonly string[] {
  return entries.flatMap((entry) => ('prefix' in entry ? [entry.prefix] : []));
}

function nameOf(entry: Entry<VersionRow>): string {
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
