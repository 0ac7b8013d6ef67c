/** Artifacts in the pipeline's bucket, written and read under the acting role. */

import { Readable } from 'node:stream';
import type { StartAction } from '#core/pipeline/orders.ts';
import type { NamedArtifact } from '#core/pipeline/state.ts';
import type { Acting } from './action.ts';

export async function putArtifact(
  { caller }: Acting,
  order: StartAction,
  { bucket, key }: NamedArtifact,
  content: Readable | Uint8Array,
): Promise<void> {
  try {
    await caller.send('s3:PutObject', {
      Bucket: bucket,
      Key: key,
      Body: content,
      ContentType: 'application/zip',
      ...encryptionOf(order),
    });
  } finally {
    if (content instanceof Readable) content.destroy();
  }
}

/** Always under a KMS key: the store's own, or else the account's for S3. */
export function encryptionOf({ encryptionKey }: Pick<StartAction, 'encryptionKey'>): {
  readonly ServerSideEncryption: 'aws:kms';
  readonly SSEKMSKeyId?: string;
} {
  return {
    ServerSideEncryption: 'aws:kms',
    ...(encryptionKey === undefined ? {} : { SSEKMSKeyId: encryptionKey }),
  };
}

/** The artifact's bytes, as they come. */
export async function readArtifact({ caller }: Acting, { bucket, key }: NamedArtifact): Promise<Readable> {
  const { Body } = await caller.send('s3:GetObject', { Bucket: bucket, Key: key });
  if (Body instanceof Readable) return Body;
  return Readable.from([Body ?? new Uint8Array()]);
}
