/** PutObject: first the bytes, then one transaction; a crash leaves at most a blob that nobody needs. */

import type { Handler } from '#services/service.ts';
import type { ServerSideEncryption } from '@aws-sdk/client-s3';
import { discard, storeContent } from './content.ts';
import { checksumMembers, readFacts } from './facts.ts';
import { s3Fault } from './faults.ts';
import { commitVersion } from './outbox.ts';
import { checkKey, checkOwner, findBucket, readRows, type Room } from './room.ts';
import { createVersionId, shownVersion } from './versions.ts';

/** What every stored byte really is: sealed with keys of this installation. */
export const ENCRYPTION = { ServerSideEncryption: 'AES256' } as const;

export interface PlacementInput {
  readonly ServerSideEncryption?: ServerSideEncryption | undefined;
  readonly SSECustomerAlgorithm?: string | undefined;
  readonly SSEKMSKeyId?: string | undefined;
  readonly StorageClass?: string | undefined;
  readonly ACL?: string | undefined;
}

/** Refuses what would be asked for and not be done. */
export function checkPlacement(input: PlacementInput): void {
  const encryption = input.ServerSideEncryption;
  if (input.SSECustomerAlgorithm !== undefined) {
    throw s3Fault('NotImplemented', {}, 'Encryption with keys of the caller (SSE-C) is not implemented.');
  }
  if ((encryption !== undefined && encryption !== 'AES256') || input.SSEKMSKeyId !== undefined) {
    throw s3Fault('NotImplemented', {}, 'Encryption with KMS keys is not implemented; AES256 is.');
  }
  if (input.StorageClass !== undefined && input.StorageClass !== 'STANDARD') {
    throw s3Fault('InvalidStorageClass', { StorageClassRequested: input.StorageClass });
  }
  const acl = input.ACL;
  if (acl !== undefined && acl !== 'private' && acl !== 'bucket-owner-full-control') {
    throw s3Fault('InvalidRequest', {}, 'The bucket does not allow ACLs');
  }
}

export function putObject(room: Room): Handler<'s3', 'PutObject'> {
  const { house } = room;
  return async (call, input) => {
    const key = checkKey(input.Key);
    checkOwner(call, input.ExpectedBucketOwner);
    checkPlacement(input);
    const facts = readFacts(input);
    const bucket = await findBucket(readRows(house), input.Bucket);
    const stored = await storeContent(house, input.Body, input, call.signal);
    const checksum = { ...stored.checksum, type: 'FULL_OBJECT' as const };
    const row = await commitVersion(room, call, {
      bucket,
      key,
      version: {
        versionId: createVersionId(bucket),
        size: stored.piece.sizeBytes,
        etag: stored.md5,
        facts: { ...facts, checksum },
        pieces: [stored.piece],
      },
      reason: 'PutObject',
      conditions: input,
    }).catch((error: unknown) => discard(house, stored, error));
    return {
      ETag: `"${row.etag}"`,
      VersionId: shownVersion(bucket, row),
      ...checksumMembers(checksum),
      ...ENCRYPTION,
    };
  };
}
