/**
 * The data keys of groups that a KMS key of the account protects: made and opened by KMS for CloudWatch Logs itself, as
 * the key's policy allows, with the group's ARN in the encryption context. At rest there is only their ciphertext. See
 * "Encrypt log data in CloudWatch Logs using AWS Key Management Service".
 */

import { createText } from '#base/chance.ts';
import { Fault, fault, isFault } from '#base/fault.ts';
import type { House } from '#services/service.ts';
import type { DataKey } from './chunks.ts';
import { tables, type DataKeyRow } from './tables.ts';

/** How long an opened key is used without asking KMS again: so long a disabled key still opens what it protects. */
const OPENED_MS = 60_000;
const OPENED_MAX = 1_000;

export interface DataKeys {
  /** A new one for a group; its row is still to be stored. */
  create(groupId: number, groupArn: string, kmsKeyId: string): Promise<DataKeyRow>;
  open(id: number): Promise<DataKey>;
}

export function createDataKeys(house: House): DataKeys {
  const { database, clock } = house;
  const opened = new Map<number, { readonly key: DataKey; readonly until: number }>();
  // In key policies the service has its region in its name.
  const kms = (groupArn: string) => house.asService(`logs.${house.region}`, groupArn);

  async function decrypt(row: DataKeyRow): Promise<DataKey> {
    try {
      const { Plaintext } = await kms(row.group_arn).send('kms:Decrypt', {
        CiphertextBlob: row.ciphertext,
        KeyId: row.kms_key_arn,
        EncryptionContext: { 'aws:logs:arn': row.group_arn },
      });
      return { id: row.data_key_id, bytes: Plaintext ?? new Uint8Array() };
    } catch (error) {
      throw isFault(error) ? refusal('AccessDeniedException', row.group_arn, error) : error;
    }
  }

  return {
    async create(groupId, groupArn, kmsKeyId) {
      try {
        const { CiphertextBlob, KeyId } = await kms(groupArn).send('kms:GenerateDataKey', {
          KeyId: kmsKeyId,
          KeySpec: 'AES_256',
          EncryptionContext: { 'aws:logs:arn': groupArn },
        });
        return {
          data_key_id: Number(createText('0123456789', 15)),
          group_id: groupId,
          kms_key_arn: KeyId ?? kmsKeyId,
          group_arn: groupArn,
          ciphertext: CiphertextBlob ?? new Uint8Array(),
        };
      } catch (error) {
        if (!isFault(error)) throw error;
        const isDenied = isFault(error, 'AccessDeniedException');
        throw refusal(isDenied ? 'AccessDeniedException' : 'InvalidParameterException', groupArn, error);
      }
    },
    async open(id) {
      const known = opened.get(id);
      if (known && known.until > clock.now()) return known.key;
      const row = await tables(database)
        .selectFrom('logs_data_key')
        .selectAll()
        .where('data_key_id', '=', id)
        .executeTakeFirst();
      if (!row) throw fault('ResourceNotFoundException', 'The specified log group does not exist.');
      const key = await decrypt(row);
      opened.delete(id);
      const oldest = opened.size >= OPENED_MAX ? opened.keys().next().value : undefined;
      if (oldest !== undefined) opened.delete(oldest);
      opened.set(id, { key, until: clock.now() + OPENED_MS });
      return key;
    },
  };
}

function refusal(code: string, groupArn: string, cause: Fault): Fault {
  const message = `The specified KMS key does not exist or is not allowed to be used with LogGroup '${groupArn}': ${cause.message}`;
  return fault(code, message, { cause });
}
