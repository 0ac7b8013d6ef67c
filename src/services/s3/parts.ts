/**
 * Parts of an upload, each stored sealed by itself. A part that is sent again replaces the one before it; what it
 * held becomes garbage in the same transaction.
 */

import type { Call, Handler } from '#services/service.ts';
import type { ChecksumAlgorithm } from '#wire/checksums.ts';
import { parseRange } from './conditions.ts';
import { discard, readContent, storeContent, type Stored } from './content.ts';
import { encryptionMembers } from './encryption-facts.ts';
import { openEncryption } from './encryption.ts';
import { s3Fault } from './faults.ts';
import { readRows, type Room } from './room.ts';
import { withTables, type PartRow, type UploadRow } from './tables.ts';
import { addUses, dropUses, parsePieces } from './versions.ts';
import { findSource } from './copying.ts';
import { authorizePart, factsOfUpload, type UploadInput } from './upload-facts.ts';
import { checksumOfPart, findOpenUpload, partRowId } from './uploads.ts';

const PART_NUMBER_MAX = 10_000;

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

export function uploadPart(room: Room): Handler<'s3', 'UploadPart'> {
  const { house } = room;
  return async (call, input) => {
    const number = checkPartNumber(input.PartNumber);
    await authorizePart(room, call, input);
    const upload = await findOpenUpload(readRows(house), call, input);
    const { encryption } = factsOfUpload(upload);
    const keys = await openEncryption(house, call, encryption, upload.bucket, upload.object_key);
    const algorithm = upload.checksum_algorithm as ChecksumAlgorithm;
    const stored = await storeContent(house, keys, input.Body, input, call.signal, algorithm);
    const etag = keys.tagOf(stored.md5);
    await keepPart(room, call, input, number, upload, stored, etag);
    return { ETag: `"${etag}"`, ...checksumOfPart(stored), ...encryptionMembers(encryption) };
  };
}

export function uploadPartCopy(room: Room): Handler<'s3', 'UploadPartCopy'> {
  const { house } = room;
  return async (call, input) => {
    const number = checkPartNumber(input.PartNumber);
    await authorizePart(room, call, input);
    const upload = await findOpenUpload(readRows(house), call, input);
    const { encryption } = factsOfUpload(upload);
    const keys = await openEncryption(house, call, encryption, upload.bucket, upload.object_key);
    const source = await findSource(room, call, input.CopySource);
    const range = parseRange(input.CopySourceRange, source.row.size);
    const { first, last } = range ?? { first: 0, last: source.row.size - 1 };
    const sourceKeys = await openEncryption(
      house,
      call,
      source.facts.encryption,
      source.row.bucket,
      source.row.object_key,
    );
    const plain = readContent(house, sourceKeys, parsePieces(source.row), first, last);
    const algorithm = upload.checksum_algorithm as ChecksumAlgorithm;
    const stored = await storeContent(house, keys, plain, {}, call.signal, algorithm);
    const etag = keys.tagOf(stored.md5);
    await keepPart(room, call, input, number, upload, stored, etag);
    return {
      CopyPartResult: { ETag: `"${etag}"`, LastModified: new Date(call.at), ...checksumOfPart(stored) },
      ...(source.isVersioned ? { CopySourceVersionId: source.row.version_id } : {}),
      ...encryptionMembers(encryption),
    };
  };
}

async function keepPart(
  room: Room,
  call: Call,
  input: UploadInput,
  number: number,
  upload: UploadRow,
  stored: Stored,
  etag: string,
): Promise<void> {
  const row: PartRow = {
    upload_id: upload.upload_id,
    number,
    etag,
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
