/** GetObject, HeadObject, GetObjectAttributes, and the tags of objects. */

import type { Call, Handler } from '#services/service.ts';
import { checkReadConditions, parseRange, type ByteRange, type ReadConditions } from './conditions.ts';
import { readContent } from './content.ts';
import { encryptionMembers } from './encryption-facts.ts';
import { openEncryption, type ContentKeys } from './encryption.ts';
import { checksumMembers, parseFacts, readTags, tagSet, type ObjectFacts } from './facts.ts';
import { s3Fault } from './faults.ts';
import { checkKey, checkOwner, findBucket, readRows, refuseMissing, type Room } from './room.ts';
import { withTables, type BucketRow, type VersionRow } from './tables.ts';
import { findVersion, latestVersion, parsePieces, shownVersion } from './versions.ts';

interface ObjectInput {
  readonly Bucket: string | undefined;
  readonly Key: string | undefined;
  readonly VersionId?: string | undefined;
  readonly ExpectedBucketOwner?: string | undefined;
}

interface Found {
  readonly bucket: BucketRow;
  readonly row: VersionRow;
  readonly facts: ObjectFacts;
}

/** The version that a request means, or the fault that S3 answers for its absence. */
export async function findObject(room: Room, call: Call, input: ObjectInput): Promise<Found> {
  const key = checkKey(input.Key);
  checkOwner(call, input.ExpectedBucketOwner);
  const rows = readRows(room.house);
  const bucket = await findBucket(rows, input.Bucket);
  const { VersionId: versionId } = input;
  if (versionId === undefined) {
    const row = await latestVersion(rows, bucket.name, key);
    if (row?.is_marker === 0) return { bucket, row, facts: parseFacts(row.facts) };
    const marker = row ? { DeleteMarker: true, VersionId: row.version_id } : {};
    return await refuseMissing(call, bucket.name, s3Fault('NoSuchKey', { Key: key, ...marker }));
  }
  const row = await findVersion(rows, bucket.name, key, versionId);
  if (!row) {
    return await refuseMissing(
      call,
      bucket.name,
      s3Fault('NoSuchVersion', { Key: key, VersionId: versionId }),
    );
  }
  if (row.is_marker === 1) {
    throw s3Fault('MethodNotAllowed', {
      Method: 'GET',
      ResourceType: 'DeleteMarker',
      DeleteMarker: true,
      VersionId: versionId,
      LastModified: new Date(row.modified_at),
      Allow: 'DELETE',
    });
  }
  return { bucket, row, facts: parseFacts(row.facts) };
}

interface ReadInput extends ObjectInput, ReadConditions {
  readonly Range?: string | undefined;
  readonly PartNumber?: number | undefined;
  readonly ChecksumMode?: string | undefined;
  readonly ResponseCacheControl?: string | undefined;
  readonly ResponseContentDisposition?: string | undefined;
  readonly ResponseContentEncoding?: string | undefined;
  readonly ResponseContentLanguage?: string | undefined;
  readonly ResponseContentType?: string | undefined;
  readonly ResponseExpires?: Date | undefined;
}

export function getObject(room: Room): Handler<'s3', 'GetObject'> {
  return async (call, input) => {
    const found = await findObject(room, call, input);
    checkReadConditions(input, found.row.etag, found.row.modified_at);
    const range = rangeOf(input, found);
    const { first, last } = range ?? { first: 0, last: found.row.size - 1 };
    const keys = await openObject(room, call, found);
    const body = readContent(room.house, keys, parsePieces(found.row), first, last);
    return { Body: body, ...describe(input, found, range) };
  };
}

export function headObject(room: Room): Handler<'s3', 'HeadObject'> {
  return async (call, input) => {
    const found = await findObject(room, call, input);
    checkReadConditions(input, found.row.etag, found.row.modified_at);
    // A checksum tells something about the content, so it takes what reading takes. See "HeadObject", permissions.
    if (input.ChecksumMode === 'ENABLED') await openObject(room, call, found);
    return describe(input, found, rangeOf(input, found));
  };
}

async function openObject({ house }: Room, call: Call, { row, facts }: Found): Promise<ContentKeys> {
  return await openEncryption(house, call, facts.encryption, row.bucket, row.object_key);
}

function rangeOf(input: ReadInput, { row, facts }: Found): ByteRange | undefined {
  if (input.PartNumber === undefined) return parseRange(input.Range, row.size);
  if (input.Range !== undefined) {
    throw s3Fault('InvalidRequest', {}, 'Cannot specify both Range header and partNumber query parameter');
  }
  const sizes = facts.partSizes ?? [row.size];
  const size = sizes[input.PartNumber - 1];
  if (size === undefined) throw s3Fault('InvalidPartNumber', { ActualPartCount: sizes.length });
  const first = sizes.slice(0, input.PartNumber - 1).reduce((sum, each) => sum + each, 0);
  return size === 0 ? undefined : { first, last: first + size - 1 };
}

function describe(input: ReadInput, { bucket, row, facts }: Found, range: ByteRange | undefined) {
  const isWhole = range === undefined;
  const tagCount = Object.keys(facts.tags).length;
  const expires =
    input.ResponseExpires ?? (facts.expires === undefined ? undefined : new Date(facts.expires));
  return {
    AcceptRanges: 'bytes',
    ContentLength: range ? range.last - range.first + 1 : row.size,
    ...(range ? { ContentRange: `bytes ${range.first}-${range.last}/${row.size}` } : {}),
    ETag: `"${row.etag}"`,
    LastModified: new Date(row.modified_at),
    VersionId: shownVersion(bucket, row),
    ContentType: input.ResponseContentType ?? facts.contentType,
    CacheControl: input.ResponseCacheControl ?? facts.cacheControl,
    ContentDisposition: input.ResponseContentDisposition ?? facts.contentDisposition,
    ContentEncoding: input.ResponseContentEncoding ?? facts.contentEncoding,
    ContentLanguage: input.ResponseContentLanguage ?? facts.contentLanguage,
    Expires: expires,
    WebsiteRedirectLocation: facts.websiteRedirectLocation,
    Metadata: facts.metadata,
    ...(tagCount > 0 ? { TagCount: tagCount } : {}),
    ...(input.PartNumber !== undefined && facts.partSizes ? { PartsCount: facts.partSizes.length } : {}),
    ...(input.ChecksumMode === 'ENABLED' && isWhole ? checksumMembers(facts.checksum) : {}),
    ...encryptionMembers(facts.encryption),
  };
}

export function getObjectAttributes(room: Room): Handler<'s3', 'GetObjectAttributes'> {
  return async (call, input) => {
    const { bucket, row, facts } = await findObject(room, call, input);
    const wanted = new Set<string>(input.ObjectAttributes ?? []);
    return {
      LastModified: new Date(row.modified_at),
      VersionId: shownVersion(bucket, row),
      ...(wanted.has('ETag') ? { ETag: row.etag } : {}),
      ...(wanted.has('ObjectSize') ? { ObjectSize: row.size } : {}),
      ...(wanted.has('StorageClass') ? { StorageClass: 'STANDARD' as const } : {}),
      ...(wanted.has('Checksum') ? { Checksum: checksumMembers(facts.checksum) } : {}),
      ...(wanted.has('ObjectParts') && facts.partSizes
        ? { ObjectParts: { TotalPartsCount: facts.partSizes.length } }
        : {}),
    };
  };
}

export function getObjectTagging(room: Room): Handler<'s3', 'GetObjectTagging'> {
  return async (call, input) => {
    const { bucket, row, facts } = await findObject(room, call, input);
    return { TagSet: tagSet(facts.tags), VersionId: shownVersion(bucket, row) };
  };
}

export function putObjectTagging(room: Room): Handler<'s3', 'PutObjectTagging'> {
  return async (call, input) => {
    const tags = readTags(input.Tagging?.TagSet ?? []);
    return await retag(room, call, input, tags);
  };
}

export function deleteObjectTagging(room: Room): Handler<'s3', 'DeleteObjectTagging'> {
  return async (call, input) => await retag(room, call, input, {});
}

async function retag(room: Room, call: Call, input: ObjectInput, tags: Readonly<Record<string, string>>) {
  const { bucket, row, facts } = await findObject(room, call, input);
  await room.house.database.transaction(async (transaction) => {
    await withTables(transaction)
      .updateTable('s3_version')
      .set({ facts: JSON.stringify({ ...facts, tags }) })
      .where('bucket', '=', row.bucket)
      .where('object_key', '=', row.object_key)
      .where('sequence', '=', row.sequence)
      .where('row_id', '=', row.row_id)
      .execute();
  });
  return { VersionId: shownVersion(bucket, row) };
}
