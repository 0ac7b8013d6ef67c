/**
 * The S3 deploy action: puts the input artifact, or every file in it, into a bucket. Nothing is removed that the
 * artifact no longer has, and a failure leaves what was already put. AWS: "Amazon S3 deploy action reference".
 */

import type { Readable } from 'node:stream';
import { present } from '#base/assert.ts';
import type { StartAction } from '#core/pipeline/orders.ts';
import type { InputOf } from '#services/clients.ts';
import type { Acting, Action } from './action.ts';
import { ActionRefused, configured } from './action.ts';
import { readArtifactWhole } from './artifacts.ts';
import { contentTypeOf } from './content-type.ts';
import { forEachFile } from './unzip.ts';

/** Artifacts are read into memory, to be unpacked there. */
const ARTIFACT_BYTES_MAX = 512 * 1024 * 1024;

export const s3Deploy: Action = {
  async start(acting, order) {
    const artifact = present(order.inputs[0], 'input artifact of a deployment');
    const extract = configured(order, 'Extract').toLowerCase() === 'true';
    const key = objectKeyOf(order);
    if (!extract && key === '') {
      throw new ActionRefused('ConfigurationError', 'ObjectKey is required when Extract is false');
    }
    const content = await readArtifactWhole(acting, artifact, ARTIFACT_BYTES_MAX);
    if (extract) {
      const prefix = key === '' || key.endsWith('/') ? key : `${key}/`;
      await forEachFile(content, (path, body, sizeBytes) =>
        put(acting, order, prefix + path, body, sizeBytes),
      );
    } else {
      await put(acting, order, key, content, content.length);
    }
    return { type: 'ActionSucceeded', outputVariables: {}, summary: 'Deployment Succeeded' };
  },
};

/** `{datetime}` and `{uuid}` mean the same in every attempt of one action execution. */
function objectKeyOf(order: StartAction): string {
  const datetime = new Date(order.startedAt)
    .toISOString()
    .slice(0, 19)
    .replace('T', '_')
    .replaceAll(':', '-');
  return (order.configuration['ObjectKey'] ?? '')
    .replaceAll('{datetime}', datetime)
    .replaceAll('{uuid}', order.actionExecutionId);
}

async function put(
  { caller }: Acting,
  { configuration }: StartAction,
  key: string,
  body: Readable | Uint8Array,
  sizeBytes: number,
): Promise<void> {
  const { BucketName, CannedACL, CacheControl, KMSEncryptionKeyARN } = configuration;
  const input: InputOf<'s3', 'PutObject'> = {
    Bucket: BucketName,
    Key: key,
    Body: body,
    ContentLength: sizeBytes,
    ContentType: contentTypeOf(key),
    ...(CacheControl === undefined ? {} : { CacheControl }),
    ...(CannedACL === undefined ? {} : { ACL: CannedACL as InputOf<'s3', 'PutObject'>['ACL'] }),
    ...(KMSEncryptionKeyARN === undefined
      ? {}
      : { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: KMSEncryptionKeyARN }),
  };
  await caller.send('s3:PutObject', input);
}
