/**
 * What each operation needs, as "Actions, resources, and condition keys for Amazon S3" lists it. DeleteObjects is
 * authorized key by key in its handler; parts of an upload are authorized in theirs, as the upload was.
 */

import type { Permission, Permissions } from '#services/service.ts';
import { bucketArn, objectArn } from './room.ts';
import { parseCopySource } from './copying.ts';

type Context = Readonly<Record<string, string>>;

interface Named {
  readonly Bucket?: string | undefined;
  readonly Key?: string | undefined;
  readonly VersionId?: string | undefined;
}

function onBucket(action: string) {
  return (input: Named): readonly Permission[] => [
    { action: `s3:${action}`, resource: bucketArn(input.Bucket) },
  ];
}

function onObject(action: string) {
  return (input: Named): readonly Permission[] => [
    { action: `s3:${action}`, resource: objectArn(input.Bucket, input.Key) },
  ];
}

/** `s3:GetObject`, or `s3:GetObjectVersion` when a version is named. */
function onVersion(action: string, versionAction: string) {
  return (input: Named): readonly Permission[] => [
    input.VersionId === undefined
      ? { action: `s3:${action}`, resource: objectArn(input.Bucket, input.Key) }
      : {
          action: `s3:${versionAction}`,
          resource: objectArn(input.Bucket, input.Key),
          context: { 's3:VersionId': input.VersionId },
        },
  ];
}

/** Leaves out what the request does not have, so that `Null` conditions see it as missing. */
function contextOf(values: Readonly<Record<string, string | number | undefined>>): {
  readonly context: Context;
} {
  const there = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return { context: Object.fromEntries(there) as Context };
}

interface ListInput extends Named {
  readonly Prefix?: string | undefined;
  readonly Delimiter?: string | undefined;
  readonly MaxKeys?: number | undefined;
}

function onListing(action: string) {
  return (input: ListInput): readonly Permission[] => [
    {
      action: `s3:${action}`,
      resource: bucketArn(input.Bucket),
      ...contextOf({
        's3:prefix': input.Prefix,
        's3:delimiter': input.Delimiter,
        's3:max-keys': input.MaxKeys,
      }),
    },
  ];
}

interface WriteInput extends Named {
  readonly ACL?: string | undefined;
  readonly ServerSideEncryption?: string | undefined;
  readonly SSEKMSKeyId?: string | undefined;
  readonly StorageClass?: string | undefined;
  readonly IfMatch?: string | undefined;
  readonly IfNoneMatch?: string | undefined;
  readonly Tagging?: string | undefined;
}

function onWrite(input: WriteInput): readonly Permission[] {
  const resource = objectArn(input.Bucket, input.Key);
  const written = contextOf({
    's3:x-amz-acl': input.ACL,
    's3:x-amz-server-side-encryption': input.ServerSideEncryption,
    's3:x-amz-server-side-encryption-aws-kms-key-id': input.SSEKMSKeyId,
    's3:x-amz-storage-class': input.StorageClass,
    's3:if-match': input.IfMatch,
    's3:if-none-match': input.IfNoneMatch,
  });
  return [
    { action: 's3:PutObject', resource, ...written },
    ...(input.Tagging === undefined ? [] : [{ action: 's3:PutObjectTagging', resource }]),
  ];
}

function onCopySource(input: { readonly CopySource: string | undefined }): Permission {
  const { bucket, key, versionId } = parseCopySource(input.CopySource);
  const action = versionId === undefined ? 's3:GetObject' : 's3:GetObjectVersion';
  return { action, resource: objectArn(bucket, key), ...contextOf({ 's3:VersionId': versionId }) };
}

export const permissions: Permissions<'s3'> = {
  ListBuckets: () => [{ action: 's3:ListAllMyBuckets', resource: '*' }],
  CreateBucket: onBucket('CreateBucket'),
  HeadBucket: onBucket('ListBucket'),
  DeleteBucket: onBucket('DeleteBucket'),
  GetBucketLocation: onBucket('GetBucketLocation'),
  GetBucketVersioning: onBucket('GetBucketVersioning'),
  PutBucketVersioning: onBucket('PutBucketVersioning'),
  GetBucketPolicy: onBucket('GetBucketPolicy'),
  PutBucketPolicy: onBucket('PutBucketPolicy'),
  DeleteBucketPolicy: onBucket('DeleteBucketPolicy'),
  GetBucketPolicyStatus: onBucket('GetBucketPolicyStatus'),
  GetBucketTagging: onBucket('GetBucketTagging'),
  PutBucketTagging: onBucket('PutBucketTagging'),
  DeleteBucketTagging: onBucket('PutBucketTagging'),
  GetPublicAccessBlock: onBucket('GetBucketPublicAccessBlock'),
  PutPublicAccessBlock: onBucket('PutBucketPublicAccessBlock'),
  DeletePublicAccessBlock: onBucket('PutBucketPublicAccessBlock'),
  GetBucketEncryption: onBucket('GetEncryptionConfiguration'),
  PutBucketEncryption: onBucket('PutEncryptionConfiguration'),
  DeleteBucketEncryption: onBucket('PutEncryptionConfiguration'),
  GetBucketOwnershipControls: onBucket('GetBucketOwnershipControls'),
  PutBucketOwnershipControls: onBucket('PutBucketOwnershipControls'),
  DeleteBucketOwnershipControls: onBucket('PutBucketOwnershipControls'),
  GetBucketAcl: onBucket('GetBucketAcl'),
  PutBucketAcl: (input) => [
    {
      action: 's3:PutBucketAcl',
      resource: bucketArn(input.Bucket),
      ...contextOf({ 's3:x-amz-acl': input.ACL }),
    },
  ],
  GetBucketNotificationConfiguration: onBucket('GetBucketNotification'),
  PutBucketNotificationConfiguration: onBucket('PutBucketNotification'),
  GetBucketCors: onBucket('GetBucketCORS'),
  PutBucketCors: onBucket('PutBucketCORS'),
  DeleteBucketCors: onBucket('PutBucketCORS'),
  GetBucketLifecycleConfiguration: onBucket('GetLifecycleConfiguration'),
  PutBucketLifecycleConfiguration: onBucket('PutLifecycleConfiguration'),
  DeleteBucketLifecycle: onBucket('PutLifecycleConfiguration'),
  GetBucketWebsite: onBucket('GetBucketWebsite'),
  GetBucketReplication: onBucket('GetReplicationConfiguration'),
  GetBucketLogging: onBucket('GetBucketLogging'),
  GetBucketRequestPayment: onBucket('GetBucketRequestPayment'),
  GetBucketAccelerateConfiguration: onBucket('GetAccelerateConfiguration'),
  GetObjectLockConfiguration: onBucket('GetBucketObjectLockConfiguration'),
  ListObjects: onListing('ListBucket'),
  ListObjectsV2: onListing('ListBucket'),
  ListObjectVersions: onListing('ListBucketVersions'),
  PutObject: onWrite,
  CopyObject: (input) => [onCopySource(input), ...onWrite(input)],
  GetObject: onVersion('GetObject', 'GetObjectVersion'),
  HeadObject: onVersion('GetObject', 'GetObjectVersion'),
  GetObjectAttributes: (input) => [
    ...onVersion('GetObject', 'GetObjectVersion')(input),
    ...onVersion('GetObjectAttributes', 'GetObjectVersionAttributes')(input),
  ],
  GetObjectAcl: onVersion('GetObjectAcl', 'GetObjectVersionAcl'),
  PutObjectAcl: (input) => onVersion('PutObjectAcl', 'PutObjectVersionAcl')(input),
  DeleteObject: onVersion('DeleteObject', 'DeleteObjectVersion'),
  DeleteObjects: () => [],
  GetObjectTagging: onVersion('GetObjectTagging', 'GetObjectVersionTagging'),
  PutObjectTagging: onVersion('PutObjectTagging', 'PutObjectVersionTagging'),
  DeleteObjectTagging: onVersion('DeleteObjectTagging', 'DeleteObjectVersionTagging'),
  CreateMultipartUpload: onWrite,
  // What an upload said about its encryption is known only where it is found.
  UploadPart: () => [],
  UploadPartCopy: (input) => [onCopySource(input)],
  CompleteMultipartUpload: () => [],
  AbortMultipartUpload: onObject('AbortMultipartUpload'),
  ListParts: onObject('ListMultipartUploadParts'),
  ListMultipartUploads: onBucket('ListBucketMultipartUploads'),
};
