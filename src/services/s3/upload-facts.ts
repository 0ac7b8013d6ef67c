/**
 * What an upload in parts was begun with, and who may go on with it: its parts and its end are judged as its first
 * request was, also by policies that refuse what is not encrypted as they want.
 */

import type { Call } from '#services/service.ts';
import type { ObjectFacts } from './facts.ts';
import { objectArn, readRows, type Room } from './room.ts';
import type { UploadRow } from './tables.ts';

export interface UploadInput {
  readonly Bucket: string | undefined;
  readonly Key: string | undefined;
  readonly UploadId: string | undefined;
  readonly ExpectedBucketOwner?: string | undefined;
}

/** What an upload keeps for the object that it becomes. */
export interface UploadFacts extends ObjectFacts {
  /** What its first request said about encryption. */
  readonly stated?: {
    readonly algorithm?: string | undefined;
    readonly keyId?: string | undefined;
  };
}

export function factsOfUpload({ facts }: Pick<UploadRow, 'facts'>): UploadFacts {
  return JSON.parse(facts) as UploadFacts;
}

export async function authorizePart({ house }: Room, call: Call, input: UploadInput): Promise<void> {
  const { Bucket: bucket, Key: key } = input;
  const row = await readRows(house)
    .selectFrom('s3_upload')
    .select('facts')
    .where('upload_id', '=', input.UploadId ?? '')
    .where('bucket', '=', bucket ?? '')
    .where('object_key', '=', key ?? '')
    .executeTakeFirst();
  const { algorithm, keyId } = (row && factsOfUpload(row).stated) ?? {};
  await call.authorize({
    action: 's3:PutObject',
    resource: objectArn(bucket, key),
    context: {
      ...(algorithm === undefined ? {} : { 's3:x-amz-server-side-encryption': algorithm }),
      ...(keyId === undefined ? {} : { 's3:x-amz-server-side-encryption-aws-kms-key-id': keyId }),
    },
  });
}
