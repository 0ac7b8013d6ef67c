/**
 * CompleteMultipartUpload: one row that lists the parts in order, so it costs no copy whatever the size. Parts that
 * are left out become garbage in the same transaction.
 */

import { createHash } from 'node:crypto';
import type { Handler } from '#services/service.ts';
import { type ChecksumAlgorithm, createDigest } from '#wire/checksums.ts';
import { readContent, type ChecksumInput, type Stored } from './content.ts';
import { encryptionMembers } from './encryption-facts.ts';
import { openEncryption, type ContentKeys } from './encryption.ts';
import { checksumMembers, type Checksum } from './facts.ts';
import { s3Fault } from './faults.ts';
import { commitVersion } from './outbox.ts';
import { findBucket, readRows, type Room } from './room.ts';
import type { PartRow, Piece, UploadRow } from './tables.ts';
import { createVersionId } from './versions.ts';
import { authorizePart, factsOfUpload } from './upload-facts.ts';
import { dropParts, findOpenUpload, findUpload, partsOf } from './uploads.ts';

const PART_BYTES_MIN = 5 * 1024 ** 2;

export function completeMultipartUpload(room: Room): Handler<'s3', 'CompleteMultipartUpload'> {
  const { house } = room;
  return async (call, input) => {
    await authorizePart(room, call, input);
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
    const { stated: _, ...facts } = factsOfUpload(upload);
    const keys = await openEncryption(house, call, facts.encryption, upload.bucket, upload.object_key);
    const checksum = await wholeChecksum(room, keys, upload, parts);
    checkStatedChecksum(input, checksum);
    const version = {
      versionId: createVersionId(bucket),
      size,
      etag: multipartTag(parts),
      facts: { ...facts, checksum, partSizes: parts.map((part) => part.size) },
      pieces: parts.map((part) => JSON.parse(part.piece) as Piece),
    };
    const answer = {
      Location: `${call.endpoint}/${bucket.name}/${upload.object_key.split('/').map(encodeURIComponent).join('/')}`,
      Bucket: bucket.name,
      Key: upload.object_key,
      ETag: `"${version.etag}"`,
      ...checksumMembers(checksum),
      ...(bucket.versioning === '' ? {} : { VersionId: version.versionId }),
      ...encryptionMembers(facts.encryption),
    };
    await commitVersion(room, call, {
      bucket,
      key: upload.object_key,
      version,
      name: 'ObjectCreated:CompleteMultipartUpload',
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
async function wholeChecksum(
  room: Room,
  keys: ContentKeys,
  upload: UploadRow,
  parts: readonly PartRow[],
): Promise<Checksum> {
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
  for await (const chunk of readContent(room.house, keys, pieces, 0, size - 1) as AsyncIterable<Uint8Array>) {
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
