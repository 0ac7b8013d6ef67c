/** Versions and their staging labels, read and written. */

import type { Kysely } from 'kysely';
import { fault, type Fault } from '#base/fault.ts';
import { CURRENT, labelsByVersion, placeStages, type Stages } from '#core/secret/stages.ts';
import { isSameValue, type SealedValue, type SecretValue } from './sealing.ts';
import { withTables, type SecretRow, type VersionRow } from './tables.ts';
import type { Room } from './room.ts';

/** Versions without labels that are kept beside those that have one. */
const DEPRECATED_MAX = 100;
/** AWS does not take away versions that are younger than this. */
const KEPT_MS = 24 * 3_600_000;
/** Of one secret, whatever their age. */
const VERSIONS_MAX = 1000;

export async function stagesOf(database: Kysely<unknown>, arn: string): Promise<Stages> {
  const rows = await withTables(database)
    .selectFrom('secretsmanager_stage')
    .select(['stage', 'version_id'])
    .where('arn', '=', arn)
    .orderBy('stage')
    .execute();
  return new Map(rows.map(({ stage, version_id }) => [stage, version_id]));
}

export async function readVersion(
  database: Kysely<unknown>,
  arn: string,
  versionId: string,
): Promise<VersionRow | undefined> {
  return withTables(database)
    .selectFrom('secretsmanager_version')
    .selectAll()
    .where('arn', '=', arn)
    .where('version_id', '=', versionId)
    .executeTakeFirst();
}

export async function listVersions(database: Kysely<unknown>, arn: string): Promise<readonly VersionRow[]> {
  return withTables(database)
    .selectFrom('secretsmanager_version')
    .selectAll()
    .where('arn', '=', arn)
    .orderBy('created_at', 'desc')
    .orderBy('version_id')
    .execute();
}

/** By id, by label, or by both, which must agree; what is current otherwise. Throws ResourceNotFoundException. */
export async function requireVersion(
  database: Kysely<unknown>,
  { arn }: SecretRow,
  versionId: string | undefined,
  stage: string | undefined,
): Promise<{ readonly version: VersionRow; readonly labels: readonly string[] }> {
  const stages = await stagesOf(database, arn);
  const wanted = stage ?? (versionId === undefined ? CURRENT : undefined);
  const id = versionId ?? stages.get(wanted ?? CURRENT);
  const agrees = wanted === undefined || stages.get(wanted) === id;
  const version = id !== undefined && agrees ? await readVersion(database, arn, id) : undefined;
  if (version) return { version, labels: labelsByVersion(stages).get(version.version_id) ?? [] };
  const what = [
    ...(versionId === undefined ? [] : [`VersionId: ${versionId}`]),
    ...(wanted === undefined ? [] : [`staging label: ${wanted}`]),
  ].join(' and ');
  throw versionNotFound(what);
}

export function versionNotFound(what: string): Fault {
  const message = `Secrets Manager can't find the specified secret value for ${what}`;
  return fault('ResourceNotFoundException', message);
}

export interface NewVersion {
  readonly versionId: string;
  readonly at: number;
  readonly sealed: SealedValue;
  readonly labels: readonly string[];
}

/** In the transaction of whatever else the request changes. */
export async function addVersion(
  transaction: Kysely<unknown>,
  arn: string,
  { versionId, at, sealed, labels }: NewVersion,
): Promise<void> {
  const rows = withTables(transaction);
  const stages = placeStages(await stagesOf(transaction, arn), versionId, labels);
  await rows
    .insertInto('secretsmanager_version')
    .values({ arn, version_id: versionId, created_at: at, accessed_at: 0, ...sealed })
    .execute();
  await writeStages(transaction, arn, stages);
  await prune(transaction, arn, stages, at);
}

export async function writeStages(transaction: Kysely<unknown>, arn: string, stages: Stages): Promise<void> {
  const rows = withTables(transaction);
  await rows.deleteFrom('secretsmanager_stage').where('arn', '=', arn).execute();
  const values = [...stages].map(([stage, version_id]) => ({ arn, stage, version_id }));
  if (values.length > 0) await rows.insertInto('secretsmanager_stage').values(values).execute();
}

/** The oldest versions that nobody named go, but not young ones. */
async function prune(transaction: Kysely<unknown>, arn: string, stages: Stages, now: number): Promise<void> {
  const named = new Set(stages.values());
  const versions = await withTables(transaction)
    .selectFrom('secretsmanager_version')
    .select(['version_id', 'created_at'])
    .where('arn', '=', arn)
    .orderBy('created_at', 'desc')
    .execute();
  const deprecated = versions.filter(({ version_id }) => !named.has(version_id));
  const gone = deprecated.slice(DEPRECATED_MAX).filter(({ created_at }) => created_at < now - KEPT_MS);
  if (versions.length - gone.length > VERSIONS_MAX) {
    const message = `A secret can have ${VERSIONS_MAX} versions of the last 24 hours.`;
    throw fault('LimitExceededException', message);
  }
  for (const { version_id } of gone) {
    await withTables(transaction)
      .deleteFrom('secretsmanager_version')
      .where('arn', '=', arn)
      .where('version_id', '=', version_id)
      .execute();
  }
}

/** True for a request that was done already; throws when its token belongs to another value. */
export async function isRepeated(
  { house }: Room,
  database: Kysely<unknown>,
  arn: string,
  versionId: string,
  value: SecretValue,
): Promise<boolean> {
  const there = await readVersion(database, arn, versionId);
  if (!there) return false;
  if (isSameValue(house, there, value)) return true;
  throw fault(
    'ResourceExistsException',
    `You can't use ClientRequestToken ${versionId} because that value is already in use for a version of secret ${arn}.`,
  );
}
