/**
 * Values at rest: each version has a data key of its own, from KMS, as the caller and bound to the secret and the
 * version. At rest there is only the key's ciphertext. See "Secret encryption and decryption in AWS Secrets Manager".
 */

import { timingSafeEqual } from 'node:crypto';
import { present } from '#base/assert.ts';
import { fault, isFault } from '#base/fault.ts';
import type { Caller, House } from '#services/service.ts';
import { openWith, sealWith } from '#store/envelope.ts';
import type { VersionRow } from './tables.ts';

export type SecretValue = { readonly text: string } | { readonly bytes: Uint8Array };

/** The place of a value; the value of another one does not open there. */
interface Place {
  readonly arn: string;
  readonly version_id: string;
}

export type SealedValue = Pick<VersionRow, 'kms_key_id' | 'data_key' | 'sealed' | 'digest'>;

const DIGEST_PURPOSE = 'secretsmanager.digest';

export async function sealValue(
  house: House,
  caller: Caller,
  place: Place,
  keyId: string,
  value: SecretValue,
): Promise<SealedValue> {
  try {
    const answer = await caller.send('kms:GenerateDataKey', {
      KeyId: keyId,
      KeySpec: 'AES_256',
      EncryptionContext: contextOf(place),
    });
    const dataKey = present(answer.Plaintext, 'a data key in plain');
    const sealed = sealWith(dataKey, encode(value), bindingOf(place));
    dataKey.fill(0);
    const data_key = toText(present(answer.CiphertextBlob, 'a data key as ciphertext'));
    return { kms_key_id: keyId, data_key, sealed, digest: digestOf(house, place, value) };
  } catch (error) {
    throw keyFault(error, 'EncryptionFailure');
  }
}

export async function openValue(caller: Caller, version: VersionRow): Promise<SecretValue> {
  const dataKey = await openDataKey(caller, version);
  try {
    return decode(openWith(dataKey, version.sealed, bindingOf(version)));
  } finally {
    dataKey.fill(0);
  }
}

/** The same value under another key: its data key stays, and is encrypted anew. */
export async function moveToKey(
  caller: Caller,
  version: VersionRow,
  keyId: string,
): Promise<Pick<SealedValue, 'kms_key_id' | 'data_key'>> {
  const dataKey = await openDataKey(caller, version);
  try {
    const answer = await caller.send('kms:Encrypt', {
      KeyId: keyId,
      Plaintext: dataKey,
      EncryptionContext: contextOf(version),
    });
    const data_key = toText(present(answer.CiphertextBlob, 'a data key as ciphertext'));
    return { kms_key_id: keyId, data_key };
  } catch (error) {
    throw keyFault(error, 'EncryptionFailure');
  } finally {
    dataKey.fill(0);
  }
}

/** Whether a repeated request brings the value that is there already. */
export function isSameValue(house: House, version: VersionRow, value: SecretValue): boolean {
  const [own, other] = [version.digest, digestOf(house, version, value)].map((text) => Buffer.from(text));
  return (
    own !== undefined && other !== undefined && own.length === other.length && timingSafeEqual(own, other)
  );
}

async function openDataKey(caller: Caller, version: VersionRow): Promise<Buffer> {
  try {
    const { Plaintext } = await caller.send('kms:Decrypt', {
      CiphertextBlob: Buffer.from(version.data_key, 'base64'),
      EncryptionContext: contextOf(version),
    });
    return Buffer.from(present(Plaintext, 'a data key in plain'));
  } catch (error) {
    throw keyFault(error, 'DecryptionFailure');
  }
}

function contextOf({ arn, version_id }: Place): Record<string, string> {
  return { SecretARN: arn, SecretVersionId: version_id };
}

function bindingOf({ arn, version_id }: Place): string {
  return `${arn}/${version_id}`;
}

function digestOf({ keyring }: House, place: Place, value: SecretValue): string {
  const key = keyring.derive(DIGEST_PURPOSE, `${bindingOf(place)}/${encode(value).toString('base64')}`);
  return key.toString('base64');
}

const TEXT = 0;
const BYTES = 1;

function encode(value: SecretValue): Buffer {
  return 'text' in value
    ? Buffer.concat([Buffer.from([TEXT]), Buffer.from(value.text)])
    : Buffer.concat([Buffer.from([BYTES]), value.bytes]);
}

function decode(encoded: Buffer): SecretValue {
  const content = encoded.subarray(1);
  return encoded[0] === TEXT ? { text: content.toString() } : { bytes: content };
}

/** Who may not use the key hears that; every other trouble with it has one name here. */
function keyFault(error: unknown, code: 'EncryptionFailure' | 'DecryptionFailure'): unknown {
  if (!isFault(error) || error.code === 'InternalFailure') return error;
  if (error.code === 'AccessDeniedException') {
    return fault(error.code, `Access to KMS is not allowed. ${error.message}`, { cause: error });
  }
  return fault(code, `${error.message} (${error.code})`, { cause: error });
}

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
