/**
 * Uploads in parts. Each part is stored sealed by itself; completing writes one row that lists them in order, so it
 * costs no copy whatever the size. Parts that are replaced or left out become garbage in the same transaction.
 */

import { createHash } from 'node:crypto';
import { createText } from '#base/chance.ts';
import type { Call, Handler } from '#services/service.ts';
import { principalArn } from '#core/policy/principal.ts';
import type { ChecksumAlgorithm } from '#wire/checksums.ts';
import { createDigest } from '#wire/checksums.ts';
import { parseRange } from './conditions.ts';
import {
  discard,
  isChecksumAlgorithm,
  readContent,
  storeContent,
  type ChecksumInput,
  type Stored,
} from './content.ts';
import { checksumMembers, parseFacts, readFacts, type Checksum } from './facts.ts';
import { s3Fault } from './faults.ts';
import { ownerOf } from './listing.ts';
import { commitVersion } from './outbox.ts';
import { checkKey, checkOwner, findBucket, readRows, type Room, type Rows } from './room.ts';
import { withTables, type PartRow, type Piece, type UploadRow } from './tables.ts';
import { addUses, createVersionId, dropUses, parsePieces } from './versions.ts';
import { checkPlacement, ENCRYPTION, findSource } from './writing.ts';

const PART_NUMBER_MAX = 10_000;
const PART_BYTES_MIN = 5 * 1024 ** 2;
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
    const uploadId = createText(ID_ALPHABET, ID_LENGTH);
    await room.house.database.transaction(async (transaction) => {
      const row: UploadRow = {
        upload_id: uploadId,
        bucket: bucket.name,
        object_key: key,
        created_at: call.at,
        initiator: principalArn(call.principal),
        facts: JSON.stringify(readFacts(input)),
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
      ...ENCRYPTION,
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

interface UploadInput {
  readonly Bucket: string | undefined;
  readonly Key: string | undefined;
  readonly UploadId: string | undefined;
  readonly ExpectedBucketOwner?: string | undefined;
}

async function findUpload(rows: Rows, call: Call, input: UploadInput): Promise<UploadRow> {
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

async function findOpenUpload(rows: Rows, call: Call, input: UploadInput): Promise<UploadRow> {
  const row = await findUpload(rows, call, input);
  if (row.completed !== null) throw s3Fault('NoSuchUpload', { UploadId: input.UploadId });
  return row;
}

function checkPartNumber(number: number | undefined): number {
  if (number === undefined || !Number.isInteger(number) || number < 1 || number > PART_NUMBER_MAX) {
    throw s3Fault(
      'InvalidArgument',
      { ArgumentName: 'partNumber', ArgumentValue: String(number) },
      `Part number must be an integer between 1 and ${PART_NUMBER_MAX}, inclusive`,
    );
  }
  return number;
}

function partRowId(uploadId: string, number: number): string {
  return `${uploadId}/${number}`;
}

export function uploadPart(room: Room): Handler<'s3', 'UploadPart'> {
  const { house } = room;
  return async (call, input) => {
    const number = checkPartNumber(input.PartNumber);
    const upload = await findOpenUpload(readRows(house), call, input);
    const algorithm = upload.checksum_algorithm as ChecksumAlgorithm;
    const stored = await storeContent(house, input.Body, input, call.signal, algorithm);
    await keepPart(room, call, input, number, upload, stored);
    return { ETag: `"${stored.md5}"`, ...checksumOfPart(stored), ...ENCRYPTION };
  };
}

export function uploadPartCopy(room: Room): Handler<'s3', 'UploadPartCopy'> {
  const { house } = room;
  return async (call, input) => {
    const number = checkPartNumber(input.PartNumber);
    const upload = await findOpenUpload(readRows(house), call, input);
    const source = await findSource(room, call, input.CopySource);
    const range = parseRange(input.CopySourceRange, source.row.size);
    const { first, last } = range ?? { first: 0, last: source.row.size - 1 };
    const plain = readContent(house, parsePieces(source.row), first, last);
    const algorithm = upload.checksum_algorithm as ChecksumAlgorithm;
    const stored = await storeContent(house, plain, {}, call.signal, algorithm);
    await keepPart(room, call, input, number, upload, stored);
    return {
      CopyPartResult: { ETag: `"${stored.md5}"`, LastModified: new Date(call.at), ...checksumOfPart(stored) },
      ...(source.isVersioned ? { CopySourceVersionId: source.row.version_id } : {}),
      ...ENCRYPTION,
    };
  };
}

function checksumOfPart(stored: Stored): Record<string, string> {
  return { [`Checksum${stored.checksum.algorithm}`]: stored.checksum.value };
}

async function keepPart(
  room: Room,
  call: Call,
  input: UploadInput,
  number: number,
  upload: UploadRow,
  stored: Stored,
): Promise<void> {
  const row: PartRow = {
    upload_id: upload.upload_id,
    number,
    etag: stored.md5,
    size: stored.piece.sizeBytes,
    checksum: JSON.stringify(stored.checksum),
    modified_at: call.at,
    piece: JSON.stringify(stored.piece),
  };
  const rowId = partRowId(upload.upload_id, number);
  try {
    if (stored.checksum.algorithm !== upload.checksum_algorithm) {
      throw s3Fault(
        'InvalidRequest',
        {},
        `Checksum Type mismatch occurred, expected checksum Type: ${upload.checksum_algorithm.toLowerCase()}, actual checksum Type: ${stored.checksum.algorithm.toLowerCase()}`,
      );
    }
    await room.house.database.transaction(async (transaction) => {
      const rows = withTables(transaction);
      await findOpenUpload(rows, call, input);
      await dropUses(rows, rowId, call.at);
      const { upload_id: _, number: __, ...values } = row;
      await rows
        .insertInto('s3_part')
        .values(row)
        .onConflict((conflict) => conflict.columns(['upload_id', 'number']).doUpdateSet(values))
        .execute();
      await addUses(rows, rowId, [stored.piece]);
    });
  } catch (error) {
    await discard(room.house, stored, error);
  }
}

async function partsOf(rows: Rows, uploadId: string): Promise<readonly PartRow[]> {
  return await rows
    .selectFrom('s3_part')
    .selectAll()
    .where('upload_id', '=', uploadId)
    .orderBy('number')
    .execute();
}

async function dropParts(rows: Rows, uploadId: string, at: number): Promise<void> {
  for (const { number } of await partsOf(rows, uploadId))
    await dropUses(rows, partRowId(uploadId, number), at);
  await rows.deleteFrom('s3_part').where('upload_id', '=', uploadId).execute();
}

export async function dropUpload(rows: Rows, uploadId: string, at: number): Promise<void> {
  await dropParts(rows, uploadId, at);
  await rows.deleteFrom('s3_upload').where('upload_id', '=', uploadId).execute();
}

export function completeMultipartUpload(room: Room): Handler<'s3', 'CompleteMultipartUpload'> {
  const { house } = room;
  return async (call, input) => {
    const rows = readRows(house);
    const upload = await findUpload(rows, call, input);
    if (upload.completed !== null) return JSON.parse(upload.completed) as object;
    const bucket = await findBucket(rows, input.Bucket);
    const parts = chosenParts(input.MultipartUpload?.Parts ?? [], await partsOf(rows, upload.upload_id));
    const size = parts.reduce((sum, part) => sum + part.size, 0);
    if (input.MpuObjectSize !== undefined && Number(input.MpuObjectSize) !== size) {
      throw s3Fault(
        'InvalidRequest',
        {},
        'The provided x-amz-mp-object-size header does not match what was computed.',
      );
    }
    const checksum = await wholeChecksum(room, upload, parts);
    checkStatedChecksum(input, checksum);
    const version = {
      versionId: createVersionId(bucket),
      size,
      etag: multipartTag(parts),
      facts: { ...parseFacts(upload.facts), checksum, partSizes: parts.map((part) => part.size) },
      pieces: parts.map((part) => JSON.parse(part.piece) as Piece),
    };
    const answer = {
      Location: `${call.endpoint}/${bucket.name}/${upload.object_key.split('/').map(encodeURIComponent).join('/')}`,
      Bucket: bucket.name,
      Key: upload.object_key,
      ETag: `"${version.etag}"`,
      ...checksumMembers(checksum),
      ...(bucket.versioning === '' ? {} : { VersionId: version.versionId }),
      ...ENCRYPTION,
    };
    await commitVersion(room, call, {
      bucket,
      key: upload.object_key,
      version,
      reason: 'CompleteMultipartUpload',
      conditions: input,
      before: async (transaction) => {
        await findOpenUpload(transaction, call, input);
        const still = await partsOf(transaction, upload.upload_id);
        const isSame = parts.every((part) => still.some((each) => each.piece === part.piece));
        if (!isSame) throw s3Fault('OperationAborted');
        await dropParts(transaction, upload.upload_id, call.at);
        await transaction
          .updateTable('s3_upload')
          .set({ completed: JSON.stringify(answer), completed_at: call.at })
          .where('upload_id', '=', upload.upload_id)
          .execute();
      },
    });
    return answer;
  };
}

interface StatedPart {
  readonly PartNumber?: number | undefined;
  readonly ETag?: string | undefined;
}

/** The parts that the caller lists, if they are there, in order, and large enough. */
function chosenParts(
  stated: readonly (StatedPart & ChecksumInput)[],
  parts: readonly PartRow[],
): readonly PartRow[] {
  if (stated.length === 0) throw s3Fault('MalformedXML');
  const chosen = stated.map((item) => {
    const part = parts.find((each) => each.number === item.PartNumber);
    const checksum = part ? (JSON.parse(part.checksum) as Stored['checksum']) : undefined;
    const given = checksum && item[`Checksum${checksum.algorithm}`];
    const isRight =
      part?.etag === item.ETag?.replaceAll('"', '') && (given === undefined || given === checksum?.value);
    if (!part || !isRight) throw s3Fault('InvalidPart', { PartNumber: item.PartNumber, ETag: item.ETag });
    return part;
  });
  const isOrdered = chosen.every(
    (part, index) => index === 0 || (chosen[index - 1]?.number ?? 0) < part.number,
  );
  if (!isOrdered) throw s3Fault('InvalidPartOrder');
  const small = chosen.slice(0, -1).find((part) => part.size < PART_BYTES_MIN);
  if (small) {
    throw s3Fault('EntityTooSmall', {
      PartNumber: small.number,
      ProposedSize: small.size,
      MinSizeAllowed: PART_BYTES_MIN,
    });
  }
  return chosen;
}

function multipartTag(parts: readonly PartRow[]): string {
  const md5 = createHash('md5');
  for (const part of parts) md5.update(Buffer.from(part.etag, 'hex'));
  return `${md5.digest('hex')}-${parts.length}`;
}

/** COMPOSITE is of the parts' digests; FULL_OBJECT is of the content, which is read once more for it. */
async function wholeChecksum(room: Room, upload: UploadRow, parts: readonly PartRow[]): Promise<Checksum> {
  const algorithm = upload.checksum_algorithm as ChecksumAlgorithm;
  const digest = createDigest(algorithm);
  if (upload.checksum_type === 'COMPOSITE') {
    for (const part of parts) {
      digest.update(Buffer.from((JSON.parse(part.checksum) as Stored['checksum']).value, 'base64'));
    }
    return { algorithm, value: `${digest.digest()}-${parts.length}`, type: 'COMPOSITE' };
  }
  const pieces = parts.map((part) => JSON.parse(part.piece) as Piece);
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  for await (const chunk of readContent(room.house, pieces, 0, size - 1) as AsyncIterable<Uint8Array>) {
    digest.update(chunk);
  }
  return { algorithm, value: digest.digest(), type: 'FULL_OBJECT' };
}

function checkStatedChecksum(
  input: ChecksumInput & { readonly ChecksumType?: string | undefined },
  checksum: Checksum,
): void {
  const stated = input[`Checksum${checksum.algorithm}`];
  const isOtherType = input.ChecksumType !== undefined && input.ChecksumType !== checksum.type;
  if (isOtherType)
    throw s3Fault('InvalidRequest', {}, `The upload was created using the ${checksum.type} checksum mode.`);
  // Clients may leave out how many parts a composite checksum is of.
  if (stated !== undefined && stated !== checksum.value && stated !== checksum.value.replace(/-\d+$/, '')) {
    throw s3Fault('BadDigest');
  }
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
