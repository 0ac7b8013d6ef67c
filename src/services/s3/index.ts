/**
 * S3, as far as pipelines, builds, deployments and their tools touch it: buckets, objects, versions, uploads in parts,
 * conditional reads and writes, listings, policies, tags. Bytes are always encrypted at rest, with keys of the
 * installation (AES256) or with a data key under a KMS key (aws:kms).
 *
 * Gaps: ACLs other than the owner's, customer keys (SSE-C), dual-layer encryption, lifecycle transitions and the
 * events of expirations, object lock, website, replication,
 * logging, notifications to Lambda functions; see the map.
 *
 * By design: `Object Created` is published for every bucket, not only where EventBridge was turned on, because the
 * house's own pipelines listen. A completed upload is one row over its parts, so completing never copies.
 * A bucket key only widens the encryption context to the bucket: each object still has a data key of its own.
 */

import { gap, type House, type Operations, type Service } from '#services/service.ts';
import { getBucketAcl, getObjectAcl, putBucketAcl, putObjectAcl } from './acl.ts';
import {
  createPolicyReader,
  deleteBucketPolicy,
  getBucketPolicy,
  getBucketPolicyStatus,
  putBucketPolicy,
} from './bucket-policy.ts';
import { createBucket, deleteBucket, getBucketLocation, headBucket, listBuckets } from './buckets.ts';
import { completeMultipartUpload } from './completing.ts';
import { copyObject } from './copying.ts';
import { createCrossOrigin, deleteBucketCors, getBucketCors, putBucketCors } from './cross-origin.ts';
import { deleteObject, deleteObjects } from './deleting.ts';
import { deleteBucketLifecycle, getBucketLifecycle, putBucketLifecycle } from './lifecycle.ts';
import { listObjects, listObjectsV2 } from './listing.ts';
import { getBucketNotificationConfiguration, putBucketNotificationConfiguration } from './notifications.ts';
import { createOutbox } from './outbox.ts';
import { uploadPart, uploadPartCopy } from './parts.ts';
import { permissions } from './permissions.ts';
import {
  deleteObjectTagging,
  getObject,
  getObjectAttributes,
  getObjectTagging,
  headObject,
  putObjectTagging,
} from './reading.ts';
import type { Room } from './room.ts';
import {
  deleteBucketEncryption,
  deleteBucketOwnershipControls,
  deleteBucketTagging,
  deletePublicAccessBlock,
  getBucketEncryption,
  getBucketOwnershipControls,
  getBucketTagging,
  getBucketVersioning,
  getPublicAccessBlock,
  notSet,
  putBucketEncryption,
  putBucketOwnershipControls,
  putBucketTagging,
  putBucketVersioning,
  putPublicAccessBlock,
  unset,
} from './settings.ts';
import { createSweep } from './sweeping.ts';
import { migrations } from './tables.ts';
import { abortMultipartUpload, createMultipartUpload, listMultipartUploads, listParts } from './uploads.ts';
import { listObjectVersions } from './version-listing.ts';
import { putObject } from './writing.ts';

const ABAC = 'Access by bucket tags is not implemented.';
const ANNOTATION = 'Object annotations are not implemented.';
const DIRECTORY = 'Directory buckets are not implemented.';
const KMS = 'Changing how an object is encrypted is not implemented.';
const LATER = 'Not implemented yet.';
const ARCHIVES = 'Archives are not implemented: there is one storage class.';
const LOCK = 'Object lock is not implemented.';
const REPORTS = 'Storage reports and tiers are not implemented.';
const TABLES = 'Metadata tables are not implemented.';

export function openS3(house: House): Service<'s3'> {
  const room: Room = { house, outbox: createOutbox(house) };
  const sweep = createSweep(room);
  return {
    name: 's3',
    operations: operationsOf(room),
    permissions,
    machines: [room.outbox],
    migrations,
    resourcePolicy: createPolicyReader(house),
    crossOrigin: createCrossOrigin(room),
    async recover() {
      sweep.start();
    },
    close: () => sweep.stop(),
  };
}

function operationsOf(room: Room): Operations<'s3'> {
  return {
    AbortMultipartUpload: abortMultipartUpload(room),
    CompleteMultipartUpload: completeMultipartUpload(room),
    CopyObject: copyObject(room),
    CreateBucket: createBucket(room),
    CreateBucketMetadataConfiguration: gap(TABLES),
    CreateBucketMetadataTableConfiguration: gap(TABLES),
    CreateMultipartUpload: createMultipartUpload(room),
    CreateSession: gap(DIRECTORY),
    DeleteBucket: deleteBucket(room),
    DeleteBucketAnalyticsConfiguration: gap(REPORTS),
    DeleteBucketCors: deleteBucketCors(room),
    DeleteBucketEncryption: deleteBucketEncryption(room),
    DeleteBucketIntelligentTieringConfiguration: gap(REPORTS),
    DeleteBucketInventoryConfiguration: gap(REPORTS),
    DeleteBucketLifecycle: deleteBucketLifecycle(room),
    DeleteBucketMetadataConfiguration: gap(TABLES),
    DeleteBucketMetadataTableConfiguration: gap(TABLES),
    DeleteBucketMetricsConfiguration: gap(REPORTS),
    DeleteBucketOwnershipControls: deleteBucketOwnershipControls(room),
    DeleteBucketPolicy: deleteBucketPolicy(room),
    DeleteBucketReplication: gap(LATER),
    DeleteBucketTagging: deleteBucketTagging(room),
    DeleteBucketWebsite: gap(LATER),
    DeleteObject: deleteObject(room),
    DeleteObjectAnnotation: gap(ANNOTATION),
    DeleteObjectTagging: deleteObjectTagging(room),
    DeleteObjects: deleteObjects(room),
    DeletePublicAccessBlock: deletePublicAccessBlock(room),
    GetBucketAbac: gap(ABAC),
    GetBucketAccelerateConfiguration: unset(room, {}),
    GetBucketAcl: getBucketAcl(room),
    GetBucketAnalyticsConfiguration: gap(REPORTS),
    GetBucketCors: getBucketCors(room),
    GetBucketEncryption: getBucketEncryption(room),
    GetBucketIntelligentTieringConfiguration: gap(REPORTS),
    GetBucketInventoryConfiguration: gap(REPORTS),
    GetBucketLifecycleConfiguration: getBucketLifecycle(room),
    GetBucketLocation: getBucketLocation(room),
    GetBucketLogging: unset(room, {}),
    GetBucketMetadataConfiguration: gap(TABLES),
    GetBucketMetadataTableConfiguration: gap(TABLES),
    GetBucketMetricsConfiguration: gap(REPORTS),
    GetBucketNotificationConfiguration: getBucketNotificationConfiguration(room),
    GetBucketOwnershipControls: getBucketOwnershipControls(room),
    GetBucketPolicy: getBucketPolicy(room),
    GetBucketPolicyStatus: getBucketPolicyStatus(room),
    GetBucketReplication: notSet(room, 'ReplicationConfigurationNotFoundError'),
    GetBucketRequestPayment: unset(room, { Payer: 'BucketOwner' as const }),
    GetBucketTagging: getBucketTagging(room),
    GetBucketVersioning: getBucketVersioning(room),
    GetBucketWebsite: notSet(room, 'NoSuchWebsiteConfiguration'),
    GetObject: getObject(room),
    GetObjectAcl: getObjectAcl(room),
    GetObjectAnnotation: gap(ANNOTATION),
    GetObjectAttributes: getObjectAttributes(room),
    GetObjectLegalHold: gap(LOCK),
    GetObjectLockConfiguration: notSet(room, 'ObjectLockConfigurationNotFoundError'),
    GetObjectRetention: gap(LOCK),
    GetObjectTagging: getObjectTagging(room),
    GetObjectTorrent: gap(LATER),
    GetPublicAccessBlock: getPublicAccessBlock(room),
    HeadBucket: headBucket(room),
    HeadObject: headObject(room),
    ListBucketAnalyticsConfigurations: gap(REPORTS),
    ListBucketIntelligentTieringConfigurations: gap(REPORTS),
    ListBucketInventoryConfigurations: gap(REPORTS),
    ListBucketMetricsConfigurations: gap(REPORTS),
    ListBuckets: listBuckets(room),
    ListDirectoryBuckets: gap(DIRECTORY),
    ListMultipartUploads: listMultipartUploads(room),
    ListObjectAnnotations: gap(ANNOTATION),
    ListObjectVersions: listObjectVersions(room),
    ListObjects: listObjects(room),
    ListObjectsV2: listObjectsV2(room),
    ListParts: listParts(room),
    PutBucketAbac: gap(ABAC),
    PutBucketAccelerateConfiguration: gap(LATER),
    PutBucketAcl: putBucketAcl(room),
    PutBucketAnalyticsConfiguration: gap(REPORTS),
    PutBucketCors: putBucketCors(room),
    PutBucketEncryption: putBucketEncryption(room),
    PutBucketIntelligentTieringConfiguration: gap(REPORTS),
    PutBucketInventoryConfiguration: gap(REPORTS),
    PutBucketLifecycleConfiguration: putBucketLifecycle(room),
    PutBucketLogging: gap(LATER),
    PutBucketMetricsConfiguration: gap(REPORTS),
    PutBucketNotificationConfiguration: putBucketNotificationConfiguration(room),
    PutBucketOwnershipControls: putBucketOwnershipControls(room),
    PutBucketPolicy: putBucketPolicy(room),
    PutBucketReplication: gap(LATER),
    PutBucketRequestPayment: gap(LATER),
    PutBucketTagging: putBucketTagging(room),
    PutBucketVersioning: putBucketVersioning(room),
    PutBucketWebsite: gap(LATER),
    PutObject: putObject(room),
    PutObjectAcl: putObjectAcl(room),
    PutObjectAnnotation: gap(ANNOTATION),
    PutObjectLegalHold: gap(LOCK),
    PutObjectLockConfiguration: gap(LOCK),
    PutObjectRetention: gap(LOCK),
    PutObjectTagging: putObjectTagging(room),
    PutPublicAccessBlock: putPublicAccessBlock(room),
    RenameObject: gap(DIRECTORY),
    RestoreObject: gap(ARCHIVES),
    SelectObjectContent: gap(LATER),
    UpdateBucketMetadataAnnotationTableConfiguration: gap(ANNOTATION),
    UpdateBucketMetadataInventoryTableConfiguration: gap(TABLES),
    UpdateBucketMetadataJournalTableConfiguration: gap(TABLES),
    UpdateObjectEncryption: gap(KMS),
    UploadPart: uploadPart(room),
    UploadPartCopy: uploadPartCopy(room),
    WriteGetObjectResponse: gap(LATER),
  };
}
