/**
 * The S3 source: copies one version of an object into the artifact bucket, unchanged. Its bucket must have versioning
 * on. AWS: "Amazon S3 source action reference".
 */

import { present } from '#base/assert.ts';
import { isFault } from '#base/fault.ts';
import { requireArtifactSize } from '#services/codepipeline/artifact-limit.ts';
import type { Acting, Action } from './action.ts';
import { ActionRefused, configured, cut } from './action.ts';
import { encryptionOf } from './artifacts.ts';

const SUMMARY_METADATA = 'codepipeline-artifact-revision-summary';
const SUMMARY_LENGTH_MAX = 2_048;

export const s3Source: Action = {
  async start(acting, order) {
    const { caller } = acting;
    const bucket = configured(order, 'S3Bucket');
    const key = order.pin?.objectKey ?? configured(order, 'S3ObjectKey');
    const output = present(order.outputs[0], 'output artifact of a source');
    await requireVersioning(acting, bucket);
    const head = await caller
      .send('s3:HeadObject', {
        Bucket: bucket,
        Key: key,
        ...(order.pin?.objectVersionId === undefined ? {} : { VersionId: order.pin.objectVersionId }),
      })
      .catch((error: unknown) => {
        if (!isFault(error) || error.status === 403 || /AccessDenied/.test(error.code)) throw error;
        const message = `The object ${key} was not found in the bucket ${bucket}: ${error.message || error.code}`;
        throw new ActionRefused(
          order.pin?.objectVersionId ? 'RevisionUnavailable' : 'ConfigurationError',
          message,
          error,
        );
      });
    requireArtifactSize(acting.house, head.ContentLength ?? 0);
    const versionId = head.VersionId ?? 'null';
    await caller.send('s3:CopyObject', {
      Bucket: output.bucket,
      Key: output.key,
      CopySource: `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}?versionId=${encodeURIComponent(versionId)}`,
      ...encryptionOf(order),
    });
    const etag = (head.ETag ?? '').replaceAll('"', '');
    const summary = cut(
      head.Metadata?.[SUMMARY_METADATA] ?? `Amazon S3 version id: ${versionId}`,
      SUMMARY_LENGTH_MAX,
    );
    return {
      type: 'ActionSucceeded',
      externalId: versionId,
      summary,
      outputVariables: { BucketName: bucket, ObjectKey: key, ETag: etag, VersionId: versionId },
      revision: {
        revisionId: versionId,
        changeId: etag,
        summary,
        createdAt: head.LastModified?.getTime() ?? acting.house.clock.now(),
      },
      pin: { objectVersionId: versionId, objectKey: key },
    };
  },
};

async function requireVersioning({ caller }: Acting, bucket: string): Promise<void> {
  const { Status } = await caller.send('s3:GetBucketVersioning', { Bucket: bucket });
  if (Status === 'Enabled') return;
  throw new ActionRefused(
    'ConfigurationError',
    `The bucket ${bucket} must have versioning enabled to be the source of a pipeline`,
  );
}
