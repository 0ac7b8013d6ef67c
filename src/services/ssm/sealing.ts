/**
 * Values at rest. All are sealed for their row by the keyring of the installation. Secure strings are encrypted before
 * that by KMS, as the caller and bound to the parameter's ARN; KMS takes no more than 4 KB, so the values of advanced
 * parameters have a data key of their own. See "How AWS Systems Manager Parameter Store uses AWS KMS".
 */

import { present } from '#base/assert.ts';
import { fault, isFault } from '#base/fault.ts';
import type { Caller, House } from '#services/service.ts';
import { openWith, sealWith } from '#store/envelope.ts';
import type { VersionRow } from './tables.ts';

const PURPOSE = 'ssm.value';

interface Envelope {
  readonly dataKey: string;
  readonly sealed: string;
}

/** For the row of this version, and for no other one. */
export function sealForRow({ keyring }: House, parameterId: string, version: number, text: string): string {
  return keyring.seal(PURPOSE, text, `${parameterId}/${version}`);
}

/** The value, or the ciphertext of a secure string. */
export function openRow({ keyring }: House, { parameter_id, version, value }: VersionRow): string {
  return keyring.open(PURPOSE, value, `${parameter_id}/${version}`).toString();
}

/** The ciphertext of a secure string, as text. */
export async function encryptValue(
  caller: Caller,
  arn: string,
  keyId: string,
  tier: string,
  value: string,
): Promise<string> {
  const EncryptionContext = { PARAMETER_ARN: arn };
  try {
    if (tier === 'Standard') {
      const Plaintext = Buffer.from(value);
      const answer = await caller.send('kms:Encrypt', { KeyId: keyId, Plaintext, EncryptionContext });
      return toText(present(answer.CiphertextBlob, 'the ciphertext of a parameter'));
    }
    const answer = await caller.send('kms:GenerateDataKey', {
      KeyId: keyId,
      KeySpec: 'AES_256',
      EncryptionContext,
    });
    const dataKey = present(answer.Plaintext, 'a data key in plain');
    const envelope: Envelope = {
      dataKey: toText(present(answer.CiphertextBlob, 'a data key as ciphertext')),
      sealed: sealWith(dataKey, Buffer.from(value), arn),
    };
    dataKey.fill(0);
    return toText(Buffer.from(JSON.stringify(envelope)));
  } catch (error) {
    throw keyFault(error);
  }
}

export async function decryptValue(
  caller: Caller,
  arn: string,
  tier: string,
  ciphertext: string,
): Promise<string> {
  if (tier === 'Standard') return (await decrypt(caller, arn, ciphertext)).toString();
  const envelope = JSON.parse(Buffer.from(ciphertext, 'base64').toString()) as Envelope;
  const dataKey = await decrypt(caller, arn, envelope.dataKey);
  const value = openWith(dataKey, envelope.sealed, arn).toString();
  dataKey.fill(0);
  return value;
}

async function decrypt(caller: Caller, arn: string, blob: string): Promise<Buffer> {
  try {
    const { Plaintext } = await caller.send('kms:Decrypt', {
      CiphertextBlob: Buffer.from(blob, 'base64'),
      EncryptionContext: { PARAMETER_ARN: arn },
    });
    return Buffer.from(present(Plaintext, 'the plaintext of a parameter'));
  } catch (error) {
    throw keyFault(error);
  }
}

/** Who may not use the key hears that; every other trouble with it has one name here. */
function keyFault(error: unknown): unknown {
  if (!isFault(error) || error.code === 'AccessDeniedException' || error.code === 'InternalFailure')
    return error;
  return fault('InvalidKeyId', `${error.message} (${error.code})`, { cause: error });
}

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
