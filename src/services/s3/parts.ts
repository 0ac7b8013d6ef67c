/**
 * Parts of an upload, each stored sealed by itself. A part that is sent again replaces the one before it; what it
 * held becomes garbage in the same transaction.
 */

import type { Call, Handler } from '#services/service.ts';
import type { ChecksumAlgorithm } from '#wire/checksums.ts';
import { parseRange } from './conditions.ts';
import { discard, readContent, storeContent, type Stored } from './content.ts';
import { s3Fault } from './faults.ts';
import { readRows, type Room } from './room.ts';
import { withTables, type PartRow, type UploadRow } from './tables.ts';
import { addUses, dropUses, parsePieces } from './versions.ts';
import { findSource } from './copying.ts';
import { ENCRYPTION } from './writing.ts';
import { checksumOfPart, findOpenUpload, partRowId, type UploadInput } from './uploads.ts';

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
