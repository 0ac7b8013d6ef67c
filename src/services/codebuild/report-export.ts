/** Brings the raw files of a report to the bucket that its group names, one by one or as one archive. */

import { createReadStream, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ReportExportConfig } from '@aws-sdk/client-codebuild';
import { fault } from '#base/fault.ts';
import type { Bench } from './bench.ts';
import type { CollectedFile } from './collect.ts';
import { pack } from './packing.ts';
import type { ReportGroupRow } from './report-tables.ts';

/** Throws the faults of S3 under the build's role. */
export async function exportFiles(
  bench: Bench,
  group: ReportGroupRow,
  id: string,
  files: readonly CollectedFile[],
): Promise<void> {
  const { exportConfigType, s3Destination } = JSON.parse(group.export_config) as ReportExportConfig;
  if (exportConfigType !== 'S3' || !s3Destination?.bucket) return;
  const { bucket, bucketOwner, path, packaging, encryptionDisabled, encryptionKey } = s3Destination;
  if (bucketOwner !== undefined && bucketOwner !== bench.room.house.account) {
    throw fault(
      'InvalidInputException',
      'The bucket owner for the report group does not match the owner of the S3 bucket',
    );
  }
  const folder = [path?.replace(/^\/+|\/+$/g, ''), id.slice(id.lastIndexOf(':') + 1)]
    .filter(Boolean)
    .join('/');
  const put = async (Key: string, from: string) => {
    const role = await bench.role();
    await role.send('s3:PutObject', {
      Bucket: bucket,
      Key,
      Body: createReadStream(from),
      ContentLength: statSync(from).size,
      ...(encryptionDisabled
        ? {}
        : { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: encryptionKey ?? bench.plan.encryptionKey }),
    });
  };
  if (packaging !== 'ZIP') {
    for (const file of files) await put(`${folder}/${file.name}`, file.path);
    return;
  }
  const archive = join(bench.directory, 'report.zip');
  await pack(files, archive);
  await put(`${folder}.zip`, archive);
  rmSync(archive);
}
