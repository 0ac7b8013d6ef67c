/**
 * How an object is encrypted at rest: with keys derived from the installation's own (AES256), or with a data key of its
 * own that a KMS key protects (aws:kms). The data key is asked for under whoever writes and opened under whoever reads,
 * so that the key's policy decides too; at rest there is only its ciphertext.
 */

import { createHmac } from 'node:crypto';
import type { ServerSideEncryption } from '@aws-sdk/client-s3';
import { present } from '#base/assert.ts';
import { fault, isFault, type Fault } from '#base/fault.ts';
import type { Call, House } from '#services/service.ts';
import { checkAlgorithm, type KmsEncryption } from './encryption-facts.ts';
import { s3Fault } from './faults.ts';
import { bucketArn, objectArn } from './room.ts';
import type { BucketSettings } from './settings.ts';

/** The keys of an object's pieces. */
export interface ContentKeys {
  /** 32 bytes for the piece with this nonce. */
  keyOf(nonce: string): Buffer;
  /** The entity tag for content with this MD5 (hexadecimal), which tells nothing about a secret content. */
  tagOf(md5: string): string;
}

export interface EncryptionInput {
  readonly ServerSideEncryption?: ServerSideEncryption | undefined;
  readonly SSEKMSKeyId?: string | undefined;
  readonly SSEKMSEncryptionContext?: string | undefined;
  readonly BucketKeyEnabled?: boolean | undefined;
}

/** What a new object is to be encrypted with. */
export interface WantedEncryption {
  readonly algorithm: 'AES256' | 'aws:kms';
  readonly keyId?: string | undefined;
  readonly context: Readonly<Record<string, string>>;
  readonly bucketKey: boolean;
}

const DEFAULT_KEY = 'alias/aws/s3';
const ARN_PAIR = 'aws:s3:arn';
const CONTENT_PURPOSE = 's3.content';

/** From the request, or else from the bucket's default encryption. */
export function wantedEncryption(input: EncryptionInput, settings: BucketSettings): WantedEncryption {
  const stated = input.ServerSideEncryption;
  const algorithm = checkAlgorithm(stated ?? settings.encryption?.algorithm ?? 'AES256');
  if (algorithm === 'AES256' || stated === undefined) {
    if (input.SSEKMSKeyId !== undefined || input.SSEKMSEncryptionContext !== undefined) {
      throw s3Fault(
        'InvalidArgument',
        { ArgumentName: 'x-amz-server-side-encryption', ArgumentValue: stated ?? 'null' },
        'Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms',
      );
    }
  }
  if (algorithm === 'AES256') return { algorithm, context: {}, bucketKey: false };
  return {
    algorithm,
    keyId: stated === undefined ? settings.encryption?.keyId : input.SSEKMSKeyId,
    context: readContext(input.SSEKMSEncryptionContext),
    bucketKey: input.BucketKeyEnabled ?? settings.bucketKeyEnabled ?? false,
  };
}

function readContext(header: string | undefined): Readonly<Record<string, string>> {
  if (header === undefined) return {};
  let context: unknown;
  try {
    context = JSON.parse(Buffer.from(header, 'base64').toString());
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const isMap = typeof context === 'object' && context !== null && !Array.isArray(context);
  const pairs = isMap ? Object.entries(context as object) : undefined;
  if (!pairs?.every(([name, value]) => typeof value === 'string' && name.toLowerCase() !== ARN_PAIR)) {
    throw s3Fault(
      'InvalidArgument',
      { ArgumentName: 'x-amz-server-side-encryption-context' },
      `The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map, without ${ARN_PAIR}`,
    );
  }
  return Object.fromEntries(pairs as [string, string][]);
}

export interface NewEncryption {
  /** To be kept with the object; nothing for AES256. */
  readonly encryption: KmsEncryption | undefined;
  readonly keys: ContentKeys;
}

/** A data key for a new object, from KMS, as the caller. */
export async function createEncryption(
  house: House,
  call: Call,
  wanted: WantedEncryption,
  bucket: string,
  key: string,
): Promise<NewEncryption> {
  if (wanted.algorithm === 'AES256') return { encryption: undefined, keys: installationKeys(house) };
  try {
    const answer = await call.send('kms:GenerateDataKey', {
      KeyId: wanted.keyId ?? DEFAULT_KEY,
      KeySpec: 'AES_256',
      EncryptionContext: contextOf(wanted, bucket, key),
    });
    const encryption: KmsEncryption = {
      algorithm: 'aws:kms',
      keyArn: present(answer.KeyId, 'the key of a data key'),
      dataKey: Buffer.from(present(answer.CiphertextBlob, 'a data key as ciphertext')).toString('base64'),
      context: wanted.context,
      bucketKey: wanted.bucketKey,
    };
    return { encryption, keys: dataKeys(present(answer.Plaintext, 'a data key in plain')) };
  } catch (error) {
    throw kmsFault(error);
  }
}

/** The keys of an object that is there; KMS opens its data key for the caller, or refuses. */
export async function openEncryption(
  house: House,
  call: Call,
  encryption: KmsEncryption | undefined,
  bucket: string,
  key: string,
): Promise<ContentKeys> {
  if (!encryption) return installationKeys(house);
  try {
    const { Plaintext } = await call.send('kms:Decrypt', {
      CiphertextBlob: Buffer.from(encryption.dataKey, 'base64'),
      KeyId: encryption.keyArn,
      EncryptionContext: contextOf(encryption, bucket, key),
    });
    return dataKeys(present(Plaintext, 'a data key in plain'));
  } catch (error) {
    throw kmsFault(error);
  }
}

function contextOf(
  { context, bucketKey }: Pick<KmsEncryption, 'context' | 'bucketKey'>,
  bucket: string,
  key: string,
): Record<string, string> {
  return { ...context, [ARN_PAIR]: bucketKey ? bucketArn(bucket) : objectArn(bucket, key) };
}

function installationKeys({ keyring }: House): ContentKeys {
  return { keyOf: (nonce) => keyring.derive(CONTENT_PURPOSE, nonce), tagOf: (md5) => md5 };
}

function dataKeys(dataKey: Uint8Array): ContentKeys {
  const derive = (purpose: string, text: string) =>
    createHmac('sha256', dataKey).update(`${purpose}:${text}`).digest();
  return {
    keyOf: (nonce) => derive(CONTENT_PURPOSE, nonce),
    tagOf: (md5) => derive('s3.tag', md5).subarray(0, 16).toString('hex'),
  };
}

/** As S3 passes on what KMS refused. */
function kmsFault(error: unknown): unknown {
  if (!isFault(error) || error.code === 'InternalFailure') return error;
  if (error.code === 'AccessDeniedException') return s3Fault('AccessDenied', {}, error.message);
  return passedOn(error);
}

function passedOn(cause: Fault): Fault {
  return fault(`KMS.${cause.code}`, cause.message, { status: 400, cause });
}
