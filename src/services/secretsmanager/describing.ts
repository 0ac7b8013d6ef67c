/** What is known of secrets besides their values. */

import type { SecretListEntry, SecretVersionsListEntry, Tag } from '@aws-sdk/client-secrets-manager';
import { labelsByVersion, type Stages } from '#core/secret/stages.ts';
import type { Handler } from '#services/service.ts';
import { createToken, listSecrets, readToken } from './listing.ts';
import { DEFAULT_KEY, requireSecret, tagsOf, type Room } from './room.ts';
import type { SecretRow } from './tables.ts';
import { listVersions, stagesOf } from './versions.ts';

type Secrets<Operation extends string> = Handler<'secretsmanager', Operation>;

const VERSIONS_PAGE = 100;

export function describingOperations(room: Room) {
  const { database } = room.house;

  const DescribeSecret: Secrets<'DescribeSecret'> = async (call, input) => {
    const row = await requireSecret(room, call, 'DescribeSecret', input.SecretId);
    const stages = versionsToStages(await stagesOf(database.read, row.arn));
    return { ...view(row), ...(stages === undefined ? {} : { VersionIdsToStages: stages }) };
  };

  const ListSecrets: Secrets<'ListSecrets'> = async (_call, input) => {
    const { rows, next } = await listSecrets(room, 'ListSecrets', input);
    const SecretList: SecretListEntry[] = [];
    for (const row of rows) {
      const stages = versionsToStages(await stagesOf(database.read, row.arn));
      SecretList.push({ ...view(row), ...(stages === undefined ? {} : { SecretVersionsToStages: stages }) });
    }
    return { SecretList, ...next };
  };

  const ListSecretVersionIds: Secrets<'ListSecretVersionIds'> = async (call, input) => {
    const row = await requireSecret(room, call, 'ListSecretVersionIds', input.SecretId);
    const labels = labelsByVersion(await stagesOf(database.read, row.arn));
    const list = ['ListSecretVersionIds', row.arn, input.IncludeDeprecated === true];
    const [skipped = 0] = readToken(room, list, input.NextToken) ?? [];
    const size = input.MaxResults ?? VERSIONS_PAGE;
    const all = (await listVersions(database.read, row.arn)).filter(
      ({ version_id }) => input.IncludeDeprecated === true || labels.has(version_id),
    );
    const end = Number(skipped) + size;
    const Versions = all.slice(Number(skipped), end).map((version): SecretVersionsListEntry => {
      const own = labels.get(version.version_id);
      return {
        VersionId: version.version_id,
        ...(own ? { VersionStages: [...own] } : {}),
        ...(version.accessed_at > 0 ? { LastAccessedDate: new Date(version.accessed_at) } : {}),
        CreatedDate: new Date(version.created_at),
        KmsKeyIds: [version.kms_key_id === DEFAULT_KEY ? 'DefaultEncryptionKey' : version.kms_key_id],
      };
    });
    const next = end < all.length ? { NextToken: createToken(room, list, [end]) } : {};
    return { Versions, ARN: row.arn, Name: row.name, ...next };
  };

  return { DescribeSecret, ListSecrets, ListSecretVersionIds };
}

function view(row: SecretRow) {
  return {
    ARN: row.arn,
    Name: row.name,
    ...(row.description === '' ? {} : { Description: row.description }),
    ...(row.kms_key_id === null ? {} : { KmsKeyId: row.kms_key_id }),
    LastChangedDate: new Date(row.changed_at),
    ...(row.accessed_at > 0 ? { LastAccessedDate: new Date(row.accessed_at) } : {}),
    ...(row.delete_at === null ? {} : { DeletedDate: new Date(row.delete_at) }),
    Tags: Object.entries(tagsOf(row)).map(([Key, Value]): Tag => ({ Key, Value })),
    CreatedDate: new Date(row.created_at),
  };
}

function versionsToStages(stages: Stages): Record<string, string[]> | undefined {
  const labels = [...labelsByVersion(stages)];
  if (labels.length === 0) return undefined;
  return Object.fromEntries(labels.map(([version, own]) => [version, [...own]]));
}
