/**
 * What is set on a bucket: versioning, tags, public access block, encryption, ownership. Only
 * settings that we obey are accepted; reading those that were never set gives S3's answer for a new bucket.
 */

import type { CrossOriginRule } from '#core/object/cross-origin.ts';
import type { LifecycleRule } from '#core/object/lifecycle.ts';
import type { NotificationRule } from '#core/object/notification.ts';
import type { Call, Handler } from '#services/service.ts';
import { checkAlgorithm } from './encryption-facts.ts';
import { readTags, tagSet } from './facts.ts';
import { s3Fault, type S3Code } from './faults.ts';
import { checkOwner, findBucket, readRows, type Room } from './room.ts';
import { withTables, type BucketRow } from './tables.ts';

export interface BucketSettings {
  /** The region where it was asked to be, if that is not the house's; its bytes lie here all the same. */
  readonly location?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly publicAccessBlock?: PublicAccessBlock | undefined;
  /** Of objects that come without a word about it; AES256 where there is none. */
  readonly encryption?: { readonly algorithm: 'aws:kms'; readonly keyId?: string | undefined } | undefined;
  readonly bucketKeyEnabled?: boolean | undefined;
  readonly ownershipRemoved?: boolean | undefined;
  readonly eventBridge?: boolean | undefined;
  readonly notifications?: readonly NotificationRule[] | undefined;
  readonly crossOrigin?: readonly CrossOriginRule[] | undefined;
  readonly lifecycle?: readonly LifecycleRule[] | undefined;
}

interface PublicAccessBlock {
  readonly BlockPublicAcls: boolean;
  readonly IgnorePublicAcls: boolean;
  readonly BlockPublicPolicy: boolean;
  readonly RestrictPublicBuckets: boolean;
}

/** New buckets block all public access. See "Blocking public access to your Amazon S3 storage". */
export const DEFAULT_SETTINGS: BucketSettings = {
  publicAccessBlock: {
    BlockPublicAcls: true,
    IgnorePublicAcls: true,
    BlockPublicPolicy: true,
    RestrictPublicBuckets: true,
  },
};

const BUCKET_TAGS_MAX = 50;

interface BucketInput {
  readonly Bucket: string | undefined;
  readonly ExpectedBucketOwner?: string | undefined;
}

export async function readBucket(room: Room, call: Call, input: BucketInput): Promise<BucketRow> {
  checkOwner(call, input.ExpectedBucketOwner);
  return await findBucket(readRows(room.house), input.Bucket);
}

export function settingsOf({ settings }: Pick<BucketRow, 'settings'>): BucketSettings {
  return JSON.parse(settings) as BucketSettings;
}

export async function readSettings(room: Room, call: Call, input: BucketInput): Promise<BucketSettings> {
  return JSON.parse((await readBucket(room, call, input)).settings) as BucketSettings;
}

export async function change(
  room: Room,
  call: Call,
  input: BucketInput,
  columns: (row: BucketRow) => Partial<BucketRow>,
): Promise<Record<string, never>> {
  checkOwner(call, input.ExpectedBucketOwner);
  await room.house.database.transaction(async (transaction) => {
    const rows = withTables(transaction);
    const row = await findBucket(rows, input.Bucket);
    await rows.updateTable('s3_bucket').set(columns(row)).where('name', '=', row.name).execute();
  });
  return {};
}

async function set(
  room: Room,
  call: Call,
  input: BucketInput,
  some: BucketSettings,
): Promise<Record<string, never>> {
  return await change(room, call, input, (row) => ({
    settings: JSON.stringify({ ...(JSON.parse(row.settings) as BucketSettings), ...some }),
  }));
}

/* Versioning. */

export function getBucketVersioning(room: Room): Handler<'s3', 'GetBucketVersioning'> {
  return async (call, input) => {
    const { versioning } = await readBucket(room, call, input);
    return versioning === '' ? {} : { Status: versioning };
  };
}

export function putBucketVersioning(room: Room): Handler<'s3', 'PutBucketVersioning'> {
  return async (call, input) => {
    const status = input.VersioningConfiguration?.Status;
    if (input.VersioningConfiguration?.MFADelete === 'Enabled') {
      throw s3Fault('NotImplemented', {}, 'MFA delete is not implemented.');
    }
    if (status !== 'Enabled' && status !== 'Suspended') throw s3Fault('MalformedXML');
    return await change(room, call, input, () => ({ versioning: status }));
  };
}

/* Tags. */

export function getBucketTagging(room: Room): Handler<'s3', 'GetBucketTagging'> {
  return async (call, input) => {
    const { tags } = await readSettings(room, call, input);
    if (!tags) throw s3Fault('NoSuchTagSet', { BucketName: input.Bucket });
    return { TagSet: tagSet(tags) };
  };
}

export function putBucketTagging(room: Room): Handler<'s3', 'PutBucketTagging'> {
  return async (call, input) =>
    await set(room, call, input, { tags: readTags(input.Tagging?.TagSet ?? [], BUCKET_TAGS_MAX) });
}

export function deleteBucketTagging(room: Room): Handler<'s3', 'DeleteBucketTagging'> {
  return async (call, input) => await set(room, call, input, { tags: undefined });
}

/* Public access. */

export function getPublicAccessBlock(room: Room): Handler<'s3', 'GetPublicAccessBlock'> {
  return async (call, input) => {
    const { publicAccessBlock } = await readSettings(room, call, input);
    if (!publicAccessBlock)
      throw s3Fault('NoSuchPublicAccessBlockConfiguration', { BucketName: input.Bucket });
    return { PublicAccessBlockConfiguration: publicAccessBlock };
  };
}

export function putPublicAccessBlock(room: Room): Handler<'s3', 'PutPublicAccessBlock'> {
  return async (call, input) => {
    const given = input.PublicAccessBlockConfiguration;
    return await set(room, call, input, {
      publicAccessBlock: {
        BlockPublicAcls: given?.BlockPublicAcls === true,
        IgnorePublicAcls: given?.IgnorePublicAcls === true,
        BlockPublicPolicy: given?.BlockPublicPolicy === true,
        RestrictPublicBuckets: given?.RestrictPublicBuckets === true,
      },
    });
  };
}

export function deletePublicAccessBlock(room: Room): Handler<'s3', 'DeletePublicAccessBlock'> {
  return async (call, input) => await set(room, call, input, { publicAccessBlock: undefined });
}

/* Default encryption of new objects. */

export function getBucketEncryption(room: Room): Handler<'s3', 'GetBucketEncryption'> {
  return async (call, input) => {
    const { bucketKeyEnabled, encryption } = await readSettings(room, call, input);
    const rule = {
      ApplyServerSideEncryptionByDefault: {
        SSEAlgorithm: encryption?.algorithm ?? ('AES256' as const),
        ...(encryption?.keyId === undefined ? {} : { KMSMasterKeyID: encryption.keyId }),
      },
    };
    return {
      ServerSideEncryptionConfiguration: {
        Rules: [{ ...rule, BucketKeyEnabled: bucketKeyEnabled ?? false }],
      },
    };
  };
}

export function putBucketEncryption(room: Room): Handler<'s3', 'PutBucketEncryption'> {
  return async (call, input) => {
    const rules = input.ServerSideEncryptionConfiguration?.Rules ?? [];
    const [rule] = rules;
    if (!rule || rules.length > 1) throw s3Fault('MalformedXML');
    const { SSEAlgorithm, KMSMasterKeyID: keyId } = rule.ApplyServerSideEncryptionByDefault ?? {};
    const algorithm = checkAlgorithm(SSEAlgorithm ?? 'AES256');
    if (algorithm === 'AES256' && keyId !== undefined) {
      const message = 'a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms';
      throw s3Fault('InvalidArgument', {}, message);
    }
    return await set(room, call, input, {
      encryption: algorithm === 'aws:kms' ? { algorithm, keyId } : undefined,
      bucketKeyEnabled: rule.BucketKeyEnabled === true,
    });
  };
}

export function deleteBucketEncryption(room: Room): Handler<'s3', 'DeleteBucketEncryption'> {
  return async (call, input) =>
    await set(room, call, input, { encryption: undefined, bucketKeyEnabled: undefined });
}

/* Ownership: there are no ACLs, so the bucket's owner owns every object. */

export function getBucketOwnershipControls(room: Room): Handler<'s3', 'GetBucketOwnershipControls'> {
  return async (call, input) => {
    const { ownershipRemoved } = await readSettings(room, call, input);
    if (ownershipRemoved === true)
      throw s3Fault('OwnershipControlsNotFoundError', { BucketName: input.Bucket });
    return { OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] } };
  };
}

export function putBucketOwnershipControls(room: Room): Handler<'s3', 'PutBucketOwnershipControls'> {
  return async (call, input) => {
    const [rule, ...others] = input.OwnershipControls?.Rules ?? [];
    if (!rule || others.length > 0) throw s3Fault('MalformedXML');
    if (rule.ObjectOwnership !== 'BucketOwnerEnforced') {
      throw s3Fault(
        'NotImplemented',
        {},
        'ACLs are not implemented: ObjectOwnership can only be BucketOwnerEnforced.',
      );
    }
    return await set(room, call, input, { ownershipRemoved: undefined });
  };
}

export function deleteBucketOwnershipControls(room: Room): Handler<'s3', 'DeleteBucketOwnershipControls'> {
  return async (call, input) => await set(room, call, input, { ownershipRemoved: true });
}

/** For settings that we do not have: what S3 answers while they are not set, so that tools that read all can go on. */
export function notSet(room: Room, code: S3Code) {
  return async (call: Call, input: BucketInput): Promise<never> => {
    await readBucket(room, call, input);
    throw s3Fault(code, { BucketName: input.Bucket });
  };
}

export function unset<Answer extends object>(room: Room, answer: Answer) {
  return async (call: Call, input: BucketInput): Promise<Answer> => {
    await readBucket(room, call, input);
    return answer;
  };
}
