/** Values: of one secret, and of several at once. KMS opens them as the caller, or refuses. */

import type { APIErrorType, SecretValueEntry } from '@aws-sdk/client-secrets-manager';
import { isFault } from '#base/fault.ts';
import { CURRENT } from '#core/secret/stages.ts';
import type { Call, Handler } from '#services/service.ts';
import { listSecrets } from './listing.ts';
import { invalidParameter, refuseDeleted, requireSecret, type Room } from './room.ts';
import { openValue } from './sealing.ts';
import { withTables, type SecretRow, type VersionRow } from './tables.ts';
import { requireVersion } from './versions.ts';

type Secrets<Operation extends string> = Handler<'secretsmanager', Operation>;

interface Wanted {
  readonly SecretId?: string | undefined;
  readonly VersionId?: string | undefined;
  readonly VersionStage?: string | undefined;
}

const DAY_MS = 86_400_000;
const BATCH_PAGE = 20;

export function readingOperations(room: Room) {
  const { database } = room.house;

  const GetSecretValue: Secrets<'GetSecretValue'> = (call, input) => read(call, input);

  const BatchGetSecretValue: Secrets<'BatchGetSecretValue'> = async (call, input) => {
    const { SecretIdList: ids, Filters: filters, MaxResults, NextToken } = input;
    if ((ids === undefined) === (filters === undefined)) {
      throw invalidParameter('Either SecretIdList or Filters must be given, but not both.');
    }
    if (ids !== undefined) {
      if (MaxResults !== undefined) throw invalidParameter('MaxResults is only for requests with Filters.');
      return readAll(call, ids);
    }
    await call.authorize({ action: 'secretsmanager:ListSecrets', resource: '*' });
    const page = { MaxResults: MaxResults ?? BATCH_PAGE, NextToken, Filters: filters };
    const { rows, next } = await listSecrets(room, 'BatchGetSecretValue', page);
    const answer = await readAll(
      call,
      rows.map(({ arn }) => arn),
    );
    return { ...answer, ...next };
  };

  /** One that cannot be read does not keep the others from being read. */
  async function readAll(call: Call, ids: readonly string[]) {
    const SecretValues: SecretValueEntry[] = [];
    const Errors: APIErrorType[] = [];
    for (const id of ids) {
      try {
        SecretValues.push(await read(call, { SecretId: id }));
      } catch (error) {
        if (!isFault(error)) throw error;
        Errors.push({ SecretId: id, ErrorCode: error.code, Message: error.message });
      }
    }
    return { SecretValues, Errors };
  }

  async function read(call: Call, { SecretId, VersionId, VersionStage }: Wanted): Promise<SecretValueEntry> {
    const stage = VersionStage ?? (VersionId === undefined ? CURRENT : undefined);
    const row = await requireSecret(room, call, 'GetSecretValue', SecretId, {
      ...(VersionId === undefined ? {} : { 'secretsmanager:VersionId': VersionId }),
      // Who asks for neither asks for what is current.
      ...(stage === undefined ? {} : { 'secretsmanager:VersionStage': stage }),
    });
    refuseDeleted(row);
    const { version, labels } = await requireVersion(database.read, row, VersionId, VersionStage);
    const value = await openValue(call, version);
    await noteAccess(row, version, call.at);
    return {
      ARN: row.arn,
      Name: row.name,
      VersionId: version.version_id,
      ...('text' in value ? { SecretString: value.text } : { SecretBinary: value.bytes }),
      ...(labels.length > 0 ? { VersionStages: [...labels] } : {}),
      CreatedDate: new Date(version.created_at),
    };
  }

  /** AWS keeps the day only; so a secret that is read all the time is written once a day. */
  async function noteAccess(row: SecretRow, version: VersionRow, at: number): Promise<void> {
    const day = at - (at % DAY_MS);
    if (row.accessed_at === day && version.accessed_at === day) return;
    await database.transaction(async (transaction) => {
      const rows = withTables(transaction);
      const set = { accessed_at: day };
      await rows.updateTable('secretsmanager_secret').set(set).where('arn', '=', row.arn).execute();
      await rows
        .updateTable('secretsmanager_version')
        .set(set)
        .where('arn', '=', row.arn)
        .where('version_id', '=', version.version_id)
        .execute();
    });
  }

  return { GetSecretValue, BatchGetSecretValue };
}
