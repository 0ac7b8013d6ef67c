/** What is kept and said about the encryption of an object, and which kinds of it there are. Pure. */

import { s3Fault } from './faults.ts';

/** What an object keeps of its KMS encryption. Objects without it have keys of the installation. */
export interface KmsEncryption {
  readonly algorithm: 'aws:kms';
  readonly keyArn: string;
  /** Base64 of the data key's ciphertext. */
  readonly dataKey: string;
  /** What the writer added; the object's own ARN always joins it, so that a data key belongs to its object. */
  readonly context: Readonly<Record<string, string>>;
  readonly bucketKey: boolean;
}

export function checkAlgorithm(text: string): 'AES256' | 'aws:kms' {
  if (text === 'AES256' || text === 'aws:kms') return text;
  if (text === 'aws:kms:dsse') {
    throw s3Fault('NotImplemented', {}, 'Dual-layer encryption (aws:kms:dsse) is not implemented.');
  }
  throw s3Fault(
    'InvalidArgument',
    { ArgumentValue: text },
    'The encryption method specified is not supported',
  );
}

/** What answers say about the encryption of an object. */
export function encryptionMembers(encryption: KmsEncryption | undefined) {
  if (!encryption) return { ServerSideEncryption: 'AES256' as const };
  return {
    ServerSideEncryption: encryption.algorithm,
    SSEKMSKeyId: encryption.keyArn,
    ...(encryption.bucketKey ? { BucketKeyEnabled: true } : {}),
  };
}
