/** Uploads in parts: begun, listed, aborted. Their rows are found and dropped here for all who need them. */

import { createText } from '#base/chance.ts';
import type { Call, Handler } from '#services/service.ts';
import { principalArn } from '#core/policy/principal.ts';
import type { ChecksumAlgorithm } from '#wire/checksums.ts';
import { isChecksumAlgorithm, type Stored } from './content.ts';
import { encryptionMembers } from './encryption-facts.ts';
import { createEncryption, wantedEncryption } from './encryption.ts';
import { readFacts, type Checksum } from './facts.ts';
import { s3Fault } from './faults.ts';
import { ownerOf } from './listing.ts';
import { checkKey, checkOwner, findBucket, readRows, type Room, type Rows } from './room.ts';
import { settingsOf } from './settings.ts';
import { withTables, type PartRow, type UploadRow } from './tables.ts';
import type { UploadFacts, UploadInput } from './upload-facts.ts';
import { dropUses } from './versions.ts';
import { checkPlacement } from './writing.ts';

const PARTS_LISTED_MAX = 1000;
const UPLOADS_LISTED_MAX = 1000;
const ID_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._';
const ID_LENGTH = 64;

export function createMultipartUpload(room: Room): Handler<'s3', 'CreateMultipartUpload'> {
  return async (call, input) => {
    const key = checkKey(input.Key);
    checkOwner(call, input.ExpectedBucketOwner);
    checkPlacement(input);
    const bucket = await findBucket(readRows(room.house), input.Bucket);
    const algorithm = input.ChecksumAlgorithm ?? 'CRC64NVME';
    if (!isChecksumAlgorithm(algorithm)) {
      throw s3Fault('NotImplemented', {}, `The checksum algorithm ${algorithm} is not supported`);
    }
    const type = input.ChecksumType ?? (algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE');
    checkChecksumType(algorithm, type);
    const wanted = wantedEncryption(input, settingsOf(bucket));
    const { encryption } = await createEncryption(room.house, call, wanted, bucket.name, key);
    const facts: UploadFacts = {
      ...readFacts(input),
      encryption,
      stated: { algorithm: input.ServerSideEncryption, keyId: input.SSEKMSKeyId },
    };
    const uploadId = createText(ID_ALPHABET, ID_LENGTH);
    await room.house.database.transaction(async (transaction) => {
      const row: UploadRow = {
        upload_id: uploadId,
        bucket: bucket.name,
        object_key: key,
        created_at: call.at,
        initiator: principalArn(call.principal),
        facts: JSON.stringify(facts),
        checksum_algorithm: algorithm,
        checksum_type: type,
        completed: null,
        completed_at: null,
      };
      await withTables(transaction).insertInto('s3_upload').values(row).execute();
    });
    return {
      Bucket: bucket.name,
      Key: key,
      UploadId: uploadId,
      ...(input.ChecksumAlgorithm === undefined ? {} : { ChecksumAlgorithm: algorithm, ChecksumType: type }),
      ...encryptionMembers(encryption),
    };
  };
}

function checkChecksumType(algorithm: ChecksumAlgorithm, type: string): asserts type is Checksum['type'] {
  const isCrc = algorithm.startsWith('CRC');
  const isAllowed = type === 'COMPOSITE' ? algorithm !== 'CRC64NVME' : type === 'FULL_OBJECT' && isCrc;
  if (!isAllowed) {
    throw s3Fault(
      'InvalidRequest',
      {},
      `The ${type} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
    );
  }
}

export async function findUpload(rows: Rows, call: Call, input: UploadInput): Promise<UploadRow> {
  checkOwner(call, input.ExpectedBucketOwner);
  const bucket = await findBucket(rows, input.Bucket);
  const row = await rows
    .selectFrom('s3_upload')
    .selectAll()
    .where('upload_id', '=', input.UploadId ?? '')
    .executeTakeFirst();
  if (row?.bucket !== bucket.name || row.object_key !== input.Key) {
    throw s3Fault('NoSuchUpload', { UploadId: input.UploadId });
  }
  return row;
}

export async function findOpenUpload(rows: Rows, call: Call, input: UploadInput): Promise<UploadRow> {
  const row = await findUpload(rows, call, input);
  if (row.completed !== null) throw s3Fault('NoSuchUpload', { UploadId: input.UploadId });
  return row;
}

export function partRowId(uploadId: string, number: number): string {
  return `${uploadId}/${number}`;
}

export function checksumOfPart(stored: Stored): Record<string, string> {
  return { [`Checksum${stored.checksum.algorithm}`]: stored.checksum.value };
}

export async function partsOf(rows: Rows, uploadId: string): Promise<readonly PartRow[]> {
  return await rows
    .selectFrom('s3_part')
    .selectAll()
    .where('upload_id', '=', uploadId)
    .orderBy('number')
    .execute();
}

export async function dropParts(rows: Rows, uploadId: string, at: number): Promise<void> {
  for (const { number } of await partsOf(rows, uploadId))
    await dropUses(rows, partRowId(uploadId, number), at);
  await rows.deleteFrom('s3_part').where('upload_id', '=', uploadId).execute();
}

export async function dropUpload(rows: Rows, uploadId: string, at: number): Promise<void> {
  await dropParts(rows, uploadId, at);
  await rows.deleteFrom('s3_upload').where('upload_id', '=', uploadId).execute();
}

export function abortMultipartUpload(room: Room): Handler<'s3', 'AbortMultipartUpload'> {
  return async (call, input) => {
    await room.house.database.transaction(async (transaction) => {
      const rows = withTables(transaction);
      const upload = await findOpenUpload(rows, call, input);
      await dropUpload(rows, upload.upload_id, call.at);
    });
    return {};
  };
}

export function listParts(room: Room): Handler<'s3', 'ListParts'> {
  return async (call, input) => {
    const rows = readRows(room.house);
    const upload = await findOpenUpload(rows, call, input);
    const marker = Number(input.PartNumberMarker ?? 0);
    const partsMax = Math.min(input.MaxParts ?? PARTS_LISTED_MAX, PARTS_LISTED_MAX);
    const rest = (await partsOf(rows, upload.upload_id)).filter((part) => part.number > marker);
    const shown = rest.slice(0, partsMax);
    const isTruncated = rest.length > shown.length;
    return {
      Bucket: upload.bucket,
      Key: upload.object_key,
      UploadId: upload.upload_id,
      PartNumberMarker: String(marker),
      ...(isTruncated ? { NextPartNumberMarker: String(shown.at(-1)?.number ?? marker) } : {}),
      MaxParts: partsMax,
      IsTruncated: isTruncated,
      Parts: shown.map((part) => ({
        PartNumber: part.number,
        LastModified: new Date(part.modified_at),
        ETag: `"${part.etag}"`,
        Size: part.size,
        ...checksumOfPart({ checksum: JSON.parse(part.checksum) } as Stored),
      })),
      Initiator: { ID: upload.initiator, DisplayName: upload.initiator },
      Owner: ownerOf(call.account),
      StorageClass: 'STANDARD',
      ChecksumAlgorithm: upload.checksum_algorithm as ChecksumAlgorithm,
      ChecksumType: upload.checksum_type as Checksum['type'],
    };
  };
}

export function listMultipartUploads(room: Room): Handler<'s3', 'ListMultipartUploads'> {
  return async (call, input) => {
    checkOwner(call, input.ExpectedBucketOwner);
    const rows = readRows(room.house);
    const bucket = await findBucket(rows, input.Bucket);
    const { KeyMarker: keyMarker = '', UploadIdMarker: uploadIdMarker = '', Prefix: prefix = '' } = input;
    if (input.Delimiter !== undefined) {
      throw s3Fault('NotImplemented', {}, 'A delimiter in ListMultipartUploads is not implemented.');
    }
    const uploadsMax = Math.min(input.MaxUploads ?? UPLOADS_LISTED_MAX, UPLOADS_LISTED_MAX);
    const uploads = await rows
      .selectFrom('s3_upload')
      .selectAll()
      .where('bucket', '=', bucket.name)
      .where('completed', 'is', null)
      .where('object_key', '>=', prefix > keyMarker ? prefix : keyMarker)
      .orderBy('object_key')
      .orderBy('upload_id')
      .execute();
    const rest = uploads.filter(
      (upload) =>
        upload.object_key.startsWith(prefix) &&
        (upload.object_key !== keyMarker || (uploadIdMarker !== '' && upload.upload_id > uploadIdMarker)),
    );
    const shown = rest.slice(0, uploadsMax);
    const isTruncated = rest.length > shown.length;
    const last = shown.at(-1);
    return {
      Bucket: bucket.name,
      KeyMarker: keyMarker,
      UploadIdMarker: uploadIdMarker,
      Prefix: prefix,
      MaxUploads: uploadsMax,
      IsTruncated: isTruncated,
      ...(isTruncated && last ? { NextKeyMarker: last.object_key, NextUploadIdMarker: last.upload_id } : {}),
      Uploads: shown.map((upload) => ({
        UploadId: upload.upload_id,
        Key: upload.object_key,
        Initiated: new Date(upload.created_at),
        StorageClass: 'STANDARD' as const,
        Owner: ownerOf(call.account),
        Initiator: { ID: upload.initiator, DisplayName: upload.initiator },
        ChecksumAlgorithm: upload.checksum_algorithm as ChecksumAlgorithm,
        ChecksumType: upload.checksum_type as Checksum['type'],
      })),
    };
  };
}
