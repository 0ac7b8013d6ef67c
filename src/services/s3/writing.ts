/** PutObject: first the bytes, then one transaction; a crash leaves at most a blob that nobody needs. */

import type { Handler } from '#services/service.ts';
import { type AclInput, checkAcl } from './acl.ts';
import { discard, storeContent } from './content.ts';
import { encryptionMembers } from './encryption-facts.ts';
import { createEncryption, wantedEncryption } from './encryption.ts';
import { checksumMembers, readFacts } from './facts.ts';
import { s3Fault } from './faults.ts';
import { commitVersion } from './outbox.ts';
import { checkKey, checkOwner, findBucket, readRows, type Room } from './room.ts';
import { settingsOf } from './settings.ts';
import { createVersionId, shownVersion } from './versions.ts';

export interface PlacementInput extends AclInput {
  readonly SSECustomerAlgorithm?: string | undefined;
  readonly StorageClass?: string | undefined;
}

/** Refuses what would be asked for and not be done. */
export function checkPlacement(input: PlacementInput): void {
  if (input.SSECustomerAlgorithm !== undefined) {
    throw s3Fault('NotImplemented', {}, 'Encryption with keys of the caller (SSE-C) is not implemented.');
  }
  if (input.StorageClass !== undefined && input.StorageClass !== 'STANDARD') {
    throw s3Fault('InvalidStorageClass', { StorageClassRequested: input.StorageClass });
  }
  checkAcl(input);
}

export function putObject(room: Room): Handler<'s3', 'PutObject'> {
  const { house } = room;
  return async (call, input) => {
    const key = checkKey(input.Key);
    checkOwner(call, input.ExpectedBucketOwner);
    checkPlacement(input);
    const facts = readFacts(input);
    const bucket = await findBucket(readRows(house), input.Bucket);
    const wanted = wantedEncryption(input, settingsOf(bucket));
    const { encryption, keys } = await createEncryption(house, call, wanted, bucket.name, key);
    const stored = await storeContent(house, keys, input.Body, input, call.signal);
    const checksum = { ...stored.checksum, type: 'FULL_OBJECT' as const };
    const row = await commitVersion(room, call, {
      bucket,
      key,
      version: {
        versionId: createVersionId(bucket),
        size: stored.piece.sizeBytes,
        etag: keys.tagOf(stored.md5),
        facts: { ...facts, checksum, encryption },
        pieces: [stored.piece],
      },
      name: 'ObjectCreated:Put',
      conditions: input,
    }).catch((error: unknown) => discard(house, stored, error));
    return {
      ETag: `"${row.etag}"`,
      VersionId: shownVersion(bucket, row),
      ...checksumMembers(checksum),
      ...encryptionMembers(encryption),
    };
  };
}
