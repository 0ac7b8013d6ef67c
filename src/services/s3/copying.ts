/**
 * CopyObject, and the sources of copies. A copy shares the bytes of its source: both rows need the blob, and it goes
 * with the last of them.
 */

import type { Call, Handler } from '#services/service.ts';
import { checkReadConditions } from './conditions.ts';
import { readContent, statedChecksum, storeContent } from './content.ts';
import { encryptionMembers } from './encryption-facts.ts';
import { createEncryption, openEncryption, wantedEncryption, type NewEncryption } from './encryption.ts';
import { checksumMembers, parseFacts, readFacts, type ObjectFacts } from './facts.ts';
import { s3Fault } from './faults.ts';
import { commitVersion } from './outbox.ts';
import { checkKey, checkOwner, findBucket, readRows, refuseMissing, type Room } from './room.ts';
import { settingsOf } from './settings.ts';
import type { BucketRow, Piece, VersionRow } from './tables.ts';
import { createVersionId, findVersion, latestVersion, parsePieces, shownVersion } from './versions.ts';
import { checkPlacement } from './writing.ts';

export function copyObject(room: Room): Handler<'s3', 'CopyObject'> {
  const { house } = room;
  return async (call, input) => {
    const key = checkKey(input.Key);
    checkOwner(call, input.ExpectedBucketOwner);
    checkPlacement(input);
    const rows = readRows(house);
    const bucket = await findBucket(rows, input.Bucket);
    const source = await findSource(room, call, input.CopySource);
    checkReadConditions(
      {
        IfMatch: input.CopySourceIfMatch,
        IfNoneMatch: input.CopySourceIfNoneMatch,
        IfModifiedSince: input.CopySourceIfModifiedSince,
        IfUnmodifiedSince: input.CopySourceIfUnmodifiedSince,
      },
      source.row.etag,
      source.row.modified_at,
    );
    const replaces = input.MetadataDirective === 'REPLACE';
    const isSame = source.row.bucket === bucket.name && source.row.object_key === key;
    const isEncryptedAnew = input.ServerSideEncryption !== undefined;
    if (
      isSame &&
      !replaces &&
      !isEncryptedAnew &&
      input.TaggingDirective !== 'REPLACE' &&
      !source.isVersioned
    ) {
      throw s3Fault(
        'InvalidRequest',
        {},
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
      );
    }
    const wanted = wantedEncryption(input, settingsOf(bucket));
    const fresh = await createEncryption(house, call, wanted, bucket.name, key);
    const content = await copyContent(room, call, source, fresh, input.ChecksumAlgorithm);
    const given = readFacts(input);
    const facts: ObjectFacts = {
      ...(replaces ? { ...given, tags: source.facts.tags } : source.facts),
      ...(input.TaggingDirective === 'REPLACE' ? { tags: given.tags } : {}),
      checksum: content.checksum,
      partSizes: undefined,
      encryption: fresh.encryption,
    };
    const row = await commitVersion(room, call, {
      bucket,
      key,
      version: {
        versionId: createVersionId(bucket),
        size: source.row.size,
        etag: content.etag,
        facts,
        pieces: content.pieces,
      },
      name: 'ObjectCreated:Copy',
      conditions: input,
      // The blobs are shared: they must still be somebody's when they become ours too.
      before: async (transaction) => {
        if (content.isOwn) return;
        const still = await findVersion(
          transaction,
          source.row.bucket,
          source.row.object_key,
          source.row.version_id,
        );
        if (still?.row_id !== source.row.row_id) throw s3Fault('OperationAborted');
      },
    });
    return {
      CopyObjectResult: {
        ETag: `"${row.etag}"`,
        LastModified: new Date(row.modified_at),
        ...checksumMembers(facts.checksum),
      },
      VersionId: shownVersion(bucket, row),
      CopySourceVersionId: source.isVersioned ? source.row.version_id : undefined,
      ...encryptionMembers(fresh.encryption),
    };
  };
}

export interface Source {
  readonly row: VersionRow;
  readonly facts: ObjectFacts;
  /** Its bucket has, or had, versioning on. */
  readonly isVersioned: boolean;
}

/** The object that x-amz-copy-source names. */
export async function findSource(room: Room, call: Call, text: string | undefined): Promise<Source> {
  const { bucket: name, key, versionId } = parseCopySource(text);
  const rows = readRows(room.house);
  const bucket: BucketRow = await findBucket(rows, name);
  const row =
    versionId === undefined
      ? await latestVersion(rows, name, key)
      : await findVersion(rows, name, key, versionId);
  if (row?.is_marker === 1 && versionId !== undefined) {
    throw s3Fault(
      'InvalidRequest',
      {},
      'The source of a copy request may not specifically refer to a delete marker by version id.',
    );
  }
  if (!row || row.is_marker === 1) {
    const code = versionId === undefined ? 'NoSuchKey' : 'NoSuchVersion';
    return await refuseMissing(call, name, s3Fault(code, { Key: key }));
  }
  return { row, facts: parseFacts(row.facts), isVersioned: bucket.versioning !== '' };
}

/** `/bucket/key?versionId=…`, percent-encoded, with or without the first slash. */
export function parseCopySource(text: string | undefined): {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string | undefined;
} {
  const mark = text?.lastIndexOf('?versionId=') ?? -1;
  const path = (mark < 0 ? (text ?? '') : (text ?? '').slice(0, mark)).replace(/^\//, '');
  const slash = path.indexOf('/');
  if (slash < 1 || slash === path.length - 1) {
    throw s3Fault(
      'InvalidArgument',
      { ArgumentName: 'x-amz-copy-source' },
      'Copy Source must mention the source bucket and key: sourcebucket/sourcekey',
    );
  }
  return {
    bucket: decode(path.slice(0, slash)),
    key: decode(path.slice(slash + 1)),
    versionId: mark < 0 ? undefined : decode((text ?? '').slice(mark + '?versionId='.length)),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw s3Fault(
      'InvalidArgument',
      { ArgumentName: 'x-amz-copy-source' },
      'The copy source is not URL-encoded',
    );
  }
}

interface Copied {
  readonly etag: string;
  readonly checksum: ObjectFacts['checksum'];
  readonly pieces: readonly Piece[];
  /** The bytes were written anew, so no other row has them. */
  readonly isOwn: boolean;
}

/**
 * A simple object shares its blob with the copy, if both have keys of the installation. One of several parts is written
 * anew, because its copy is a simple object with the MD5 of its content; likewise when another checksum is asked for,
 * and wherever KMS has a hand in it, because every object has a data key of its own.
 */
async function copyContent(
  room: Room,
  call: Call,
  { row, facts }: Source,
  fresh: NewEncryption,
  algorithm: string | undefined,
): Promise<Copied> {
  const pieces = parsePieces(row);
  const { checksum } = facts;
  const isSimple = pieces.length === 1 && !row.etag.includes('-') && !facts.encryption && !fresh.encryption;
  if (isSimple && (algorithm === undefined || algorithm === checksum?.algorithm)) {
    return { etag: row.etag, checksum, pieces, isOwn: false };
  }
  const keys = await openEncryption(room.house, call, facts.encryption, row.bucket, row.object_key);
  const plain = readContent(room.house, keys, pieces, 0, row.size - 1);
  const wanted = statedChecksum({ ChecksumAlgorithm: algorithm ?? checksum?.algorithm }).algorithm;
  const stored = await storeContent(room.house, fresh.keys, plain, {}, call.signal, wanted);
  return {
    etag: fresh.keys.tagOf(stored.md5),
    checksum: { ...stored.checksum, type: 'FULL_OBJECT' },
    pieces: [stored.piece],
    isOwn: true,
  };
}
