/**
 * The S3 deploy action: puts the input artifact, or every file in it, into a bucket. Nothing is removed that the
 * artifact no longer has, and a failure leaves what was already put. AWS: "Amazon S3 deploy action reference".
 */

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { present } from '#base/assert.ts';
import type { StartAction } from '#core/pipeline/orders.ts';
import type { InputOf } from '#services/clients.ts';
import { withSpooled } from '#services/codepipeline/spool.ts';
import { openZip, type ZipEntry } from '#store/zip-entries.ts';
import type { Acting, Action } from './action.ts';
import { ActionRefused, configured } from './action.ts';
import { readArtifact } from './artifacts.ts';
import { contentTypeOf } from './content-type.ts';

/** AWS deploys no more files than this. */
const FILES_MAX = 100_000;
const UNPACKED_BYTES_MAX = 7 * 1024 ** 3;
const PUTS_AT_ONCE = 8;

export const s3Deploy: Action = {
  async start(acting, order) {
    const artifact = present(order.inputs[0], 'input artifact of a deployment');
    const extract = configured(order, 'Extract').toLowerCase() === 'true';
    const key = objectKeyOf(order);
    if (!extract && key === '') {
      throw new ActionRefused('ConfigurationError', 'ObjectKey is required when Extract is false');
    }
    await withSpooled(acting.house, await readArtifact(acting, artifact), acting.signal, async (path) => {
      if (!extract) return put(acting, order, key, createReadStream(path), (await stat(path)).size);
      const prefix = key === '' || key.endsWith('/') ? key : `${key}/`;
      await forEachFile(path, async (file) =>
        put(acting, order, prefix + file.path, await file.open(), file.sizeBytes),
      );
    });
    return { type: 'ActionSucceeded', outputVariables: {}, summary: 'Deployment Succeeded' };
  },
};

/** A few at a time; ends with the first failure, when none is running any more. */
async function forEachFile(archive: string, use: (file: ZipEntry) => Promise<void>): Promise<void> {
  const zip = await openZip(archive, { entriesMax: FILES_MAX, bytesMax: UNPACKED_BYTES_MAX });
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  try {
    for await (const entry of zip.entries()) {
      if (failure) break;
      if (entry.type === 'folder') continue;
      const one = use(entry)
        .catch((error: unknown) => void (failure ??= { error }))
        .finally(() => running.delete(one));
      running.add(one);
      if (running.size >= PUTS_AT_ONCE) await Promise.race(running);
    }
  } finally {
    await Promise.all(running);
    zip.close();
  }
  if (failure) throw failure.error;
}

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
