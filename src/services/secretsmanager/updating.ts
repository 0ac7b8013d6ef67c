/**
 * New values of secrets, and their descriptions and keys. A request's token becomes the id of the version that it makes,
 * so that the same request again changes nothing. All rows of a request are written in one transaction.
 */

import type { Kysely } from 'kysely';
import { CURRENT, labelsByVersion, PREVIOUS } from '#core/secret/stages.ts';
import type { Call, Handler } from '#services/service.ts';
import { descriptionContext, keyContext, readToken, readValue, refuseUnsupported } from './requests.ts';
import {
  DEFAULT_KEY,
  invalidParameter,
  refuseDeleted,
  requireAgain,
  requireSecret,
  type Room,
} from './room.ts';
import { moveToKey, sealValue, type SecretValue } from './sealing.ts';
import { withTables, type SecretRow, type VersionRow } from './tables.ts';
import { addVersion, isRepeated, readVersion, stagesOf } from './versions.ts';

type Secrets<Operation extends string> = Handler<'secretsmanager', Operation>;
type Alongside = (transaction: Kysely<unknown>) => Promise<void>;

/** Of versions that go along when a secret gets another key. */
const REKEYED_LABELS = [CURRENT, PREVIOUS, 'AWSPENDING'];

export function updatingOperations(room: Room) {
  const { house } = room;
  const { database } = house;

  const PutSecretValue: Secrets<'PutSecretValue'> = async (call, input) => {
    const row = await requireSecret(room, call, 'PutSecretValue', input.SecretId);
    refuseDeleted(row);
    if (input.RotationToken !== undefined) {
      throw invalidParameter('Rotation by another account (RotationToken) is not supported.');
    }
    const versionId = readToken(input.ClientRequestToken);
    const value = readValue(input);
    if (!value) throw invalidParameter('You must provide either SecretString or SecretBinary.');
    await putVersion(call, row, versionId, value, input.VersionStages ?? [CURRENT]);
    const labels = labelsByVersion(await stagesOf(database.read, row.arn)).get(versionId) ?? [];
    return { ARN: row.arn, Name: row.name, VersionId: versionId, VersionStages: [...labels] };
  };

  const UpdateSecret: Secrets<'UpdateSecret'> = async (call, input) => {
    const context = { ...descriptionContext(input.Description), ...keyContext(input.KmsKeyId) };
    const row = await requireSecret(room, call, 'UpdateSecret', input.SecretId, context);
    refuseDeleted(row);
    refuseUnsupported(input);
    const versionId = readToken(input.ClientRequestToken);
    const value = readValue(input);
    const keyId = input.KmsKeyId === undefined ? row.kms_key_id : input.KmsKeyId || null;
    const change = { description: input.Description ?? row.description, kms_key_id: keyId };
    const rekeyed = keyId === row.kms_key_id ? [] : await rekey(call, row, keyId ?? DEFAULT_KEY);
    const alongside: Alongside = async (transaction) => {
      await withTables(transaction)
        .updateTable('secretsmanager_secret')
        .set(change)
        .where('arn', '=', row.arn)
        .execute();
      for (const version of rekeyed) await writeKey(transaction, version);
    };
    const answer = { ARN: row.arn, Name: row.name };
    if (value) {
      await putVersion(call, { ...row, ...change }, versionId, value, [CURRENT], alongside);
      return { ...answer, VersionId: versionId };
    }
    await database.transaction(async (transaction) => {
      refuseDeleted(await requireAgain(room, transaction, row));
      await alongside(transaction);
      await touch(transaction, row.arn, call.at);
    });
    return answer;
  };

  /** One transaction: the version, its labels, and what else the request changes. */
  async function putVersion(
    call: Call,
    row: SecretRow,
    versionId: string,
    value: SecretValue,
    labels: readonly string[],
    alongside?: Alongside,
  ): Promise<void> {
    const { arn } = row;
    if (await isRepeated(room, database.read, arn, versionId, value)) return;
    const place = { arn, version_id: versionId };
    const sealed = await sealValue(house, call, place, row.kms_key_id ?? DEFAULT_KEY, value);
    await database.transaction(async (transaction) => {
      refuseDeleted(await requireAgain(room, transaction, row));
      if (await isRepeated(room, transaction, arn, versionId, value)) return;
      await alongside?.(transaction);
      await addVersion(transaction, arn, { versionId, at: call.at, sealed, labels });
      await touch(transaction, arn, call.at);
    });
  }

  /** The versions in use, under another key; read and used as the caller. */
  async function rekey(call: Call, { arn }: SecretRow, keyId: string): Promise<readonly VersionRow[]> {
    const stages = await stagesOf(database.read, arn);
    const ids = new Set(REKEYED_LABELS.flatMap((label) => stages.get(label) ?? []));
    const moved: VersionRow[] = [];
    for (const id of ids) {
      const version = await readVersion(database.read, arn, id);
      if (version) moved.push({ ...version, ...(await moveToKey(call, version, keyId)) });
    }
    return moved;
  }

  return { PutSecretValue, UpdateSecret };
}

async function writeKey(transaction: Kysely<unknown>, version: VersionRow): Promise<void> {
  const { arn, version_id, kms_key_id, data_key } = version;
  await withTables(transaction)
    .updateTable('secretsmanager_version')
    .set({ kms_key_id, data_key })
    .where('arn', '=', arn)
    .where('version_id', '=', version_id)
    .execute();
}

export async function touch(transaction: Kysely<unknown>, arn: string, at: number): Promise<void> {
  await withTables(transaction)
    .updateTable('secretsmanager_secret')
    .set({ changed_at: at })
    .where('arn', '=', arn)
    .execute();
}
