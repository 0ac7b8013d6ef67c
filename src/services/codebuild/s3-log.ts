/**
 * The log of a build as one compressed object, put when the build ends, masked as it is everywhere else. A log that
 * cannot be put fails no build; the server's own log tells of it.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details.html
 */

import { createReadStream, createWriteStream, existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { isFault } from '#base/fault.ts';
import type { BuildPlan } from '#core/build/state.ts';
import type { Assumed, House } from '#services/service.ts';
import { maskedPieces } from './build-log.ts';

export interface S3LogPlace {
  readonly bucket: string;
  readonly key: string;
}

export function s3LogPlace({ s3Logs, uuid }: BuildPlan): S3LogPlace | undefined {
  if (!s3Logs) return undefined;
  const [bucket = '', ...folders] = s3Logs.location
    .replace(/^arn:[^:]+:s3:::/, '')
    .split('/')
    .filter(Boolean);
  return { bucket, key: [...folders, `${uuid}.gz`].join('/') };
}

/** Called when nothing writes to the log any more. */
export async function putS3Log(
  house: House,
  plan: BuildPlan,
  directory: string,
  role: () => Promise<Assumed>,
  secrets: readonly string[],
): Promise<void> {
  const place = s3LogPlace(plan);
  const file = join(directory, 'log');
  if (!place || !existsSync(file)) return;
  const packed = join(directory, 'log.gz');
  await pipeline(
    Readable.from(maskedPieces(file, secrets)),
    createGzip(),
    createWriteStream(packed, { mode: 0o600 }),
  );
  try {
    const session = await role();
    await session.send('s3:PutObject', {
      Bucket: place.bucket,
      Key: place.key,
      Body: createReadStream(packed),
      ContentLength: statSync(packed).size,
      ContentType: 'application/gzip',
      ...(plan.s3Logs?.encryptionDisabled
        ? {}
        : { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: plan.encryptionKey }),
    });
  } catch (error) {
    if (!isFault(error)) throw error;
    house.log.error('the log of a build was not put into S3', { buildId: plan.id, error });
  }
  rmSync(packed, { force: true });
}
