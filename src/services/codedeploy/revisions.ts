/** Revisions: what can be deployed. Only bundles in S3; hosts fetch them with their own identity. */

import { fault } from '#base/fault.ts';
import { revisionKey, type S3Revision } from '#core/deployment/state.ts';
import type { Handler } from '#services/service.ts';
import type { GenericRevisionInfo, RevisionLocation } from '@aws-sdk/client-codedeploy';
import type { Kysely } from 'kysely';
import * as names from './names.ts';
import { pageOf } from './paging.ts';
import { requireApplication, type Room } from './room.ts';
import { rows, within, type ApplicationRow, type RevisionRow, type Tables } from './tables.ts';
import { revisionView } from './views.ts';

type Codedeploy<Operation extends string> = Handler<'codedeploy', Operation>;

const BATCH_MAX = 25;
const BUNDLE_TYPES: readonly string[] = ['tar', 'tgz', 'zip'];

export function revisionOperations(room: Room) {
  const { house } = room;
  const database = () => rows(house.database);

  const RegisterApplicationRevision: Codedeploy<'RegisterApplicationRevision'> = async (call, input) => {
    const application = await requireApplication(house, input.applicationName);
    const revision = readRevision(input.revision);
    const text = names.description(input.description);
    await house.database.transaction(async (transaction) => {
      await registerRevision(within(transaction), application, revision, {
        at: call.at,
        isUse: false,
        description: text,
      });
    });
    return {};
  };

  const GetApplicationRevision: Codedeploy<'GetApplicationRevision'> = async (_call, input) => {
    const application = await requireApplication(house, input.applicationName);
    const revision = readRevision(input.revision);
    const row = await findRevision(application, revision);
    if (!row) throw fault('RevisionDoesNotExistException', 'The revision is not registered.');
    return {
      applicationName: application.name,
      revision: revisionView(revision),
      revisionInfo: await revisionInfo(row),
    };
  };

  const BatchGetApplicationRevisions: Codedeploy<'BatchGetApplicationRevisions'> = async (_call, input) => {
    const application = await requireApplication(house, input.applicationName);
    const wanted = (input.revisions ?? []).map(readRevision);
    if (wanted.length > BATCH_MAX) {
      throw fault('BatchLimitExceededException', `At most ${BATCH_MAX} revisions can be asked for.`);
    }
    const found = await Promise.all(wanted.map((revision) => findRevision(application, revision)));
    const revisions = await Promise.all(
      found.flatMap((row) =>
        row
          ? [
              revisionInfo(row).then((genericRevisionInfo) => ({
                revisionLocation: revisionView(JSON.parse(row.location) as S3Revision),
                genericRevisionInfo,
              })),
            ]
          : [],
      ),
    );
    const missing = found.filter((row) => row === undefined).length;
    return {
      applicationName: application.name,
      revisions,
      errorMessage: missing > 0 ? `${missing} of the revisions are not registered.` : undefined,
    };
  };

  const ListApplicationRevisions: Codedeploy<'ListApplicationRevisions'> = async (_call, input) => {
    const application = await requireApplication(house, input.applicationName);
    if (input.s3KeyPrefix !== undefined && input.s3Bucket === undefined) {
      throw fault('BucketNameFilterRequiredException', 'A key prefix needs the name of a bucket.');
    }
    const all = await database()
      .selectFrom('codedeploy_revisions')
      .selectAll()
      .where('application_id', '=', application.application_id)
      .execute();
    const targets = await targetKeys(application);
    const wanted = all.filter((row) => {
      const location = JSON.parse(row.location) as S3Revision;
      if (input.s3Bucket !== undefined && location.bucket !== input.s3Bucket) return false;
      if (input.s3KeyPrefix !== undefined && !location.key.startsWith(input.s3KeyPrefix)) return false;
      const isDeployed = targets.some((target) => target.key === row.revision_key);
      return input.deployed === 'include' ? isDeployed : input.deployed !== 'exclude' || !isDeployed;
    });
    const timeOf = (row: RevisionRow) =>
      (input.sortBy === 'firstUsedTime'
        ? row.first_used_at
        : input.sortBy === 'lastUsedTime'
          ? row.last_used_at
          : row.registered_at) ?? 0;
    const sign = input.sortOrder === 'descending' ? -1 : 1;
    wanted.sort((a, b) => sign * (timeOf(a) - timeOf(b)) || (a.revision_key < b.revision_key ? -1 : 1));
    const page = pageOf(wanted, input.nextToken);
    return {
      revisions: page.items.map((row) => revisionView(JSON.parse(row.location) as S3Revision)),
      nextToken: page.nextToken,
    };
  };

  async function findRevision(
    application: ApplicationRow,
    revision: S3Revision,
  ): Promise<RevisionRow | undefined> {
    return database()
      .selectFrom('codedeploy_revisions')
      .selectAll()
      .where('application_id', '=', application.application_id)
      .where('revision_key', '=', revisionKey(revision))
      .executeTakeFirst();
  }

  /** The groups of an application, each with what it runs now: as it was pinned, and by place alone. */
  async function targetKeys(application: { readonly application_id: string }) {
    const groups = await database()
      .selectFrom('codedeploy_groups')
      .select(['group_id', 'name'])
      .where('application_id', '=', application.application_id)
      .execute();
    const states = await Promise.all(groups.map(({ group_id }) => house.engine.read(room.machine, group_id)));
    return groups.flatMap(({ name }, index) => {
      const revision = states[index]?.lastSuccessful?.revision;
      if (!revision) return [];
      const { bucket, key, bundleType, version, eTag } = revision;
      const forms = [
        revision,
        { bucket, key, bundleType },
        ...(version === undefined ? [] : [{ bucket, key, bundleType, version }]),
        ...(eTag === undefined ? [] : [{ bucket, key, bundleType, eTag }]),
      ];
      return [...new Set(forms.map(revisionKey))].map((form) => ({ name, key: form }));
    });
  }

  async function revisionInfo(row: RevisionRow): Promise<GenericRevisionInfo> {
    const targets = await targetKeys(row);
    const dateOf = (at: number | null) => (at === null ? undefined : new Date(at));
    return {
      description: row.description ?? undefined,
      deploymentGroups: targets.filter(({ key }) => key === row.revision_key).map(({ name }) => name),
      registerTime: new Date(row.registered_at),
      firstUsedTime: dateOf(row.first_used_at),
      lastUsedTime: dateOf(row.last_used_at),
    };
  }

  return {
    RegisterApplicationRevision,
    GetApplicationRevision,
    BatchGetApplicationRevisions,
    ListApplicationRevisions,
  };
}

/** Registering again renews the description; deploying registers by itself. */
export async function registerRevision(
  database: Kysely<Tables>,
  application: { readonly application_id: string },
  revision: S3Revision,
  given: { readonly at: number; readonly isUse: boolean; readonly description: string | undefined },
): Promise<void> {
  const revision_key = revisionKey(revision);
  const { application_id } = application;
  const known = await database
    .selectFrom('codedeploy_revisions')
    .selectAll()
    .where('application_id', '=', application_id)
    .where('revision_key', '=', revision_key)
    .executeTakeFirst();
  const used = given.isUse
    ? { first_used_at: known?.first_used_at ?? given.at, last_used_at: given.at }
    : { first_used_at: known?.first_used_at ?? null, last_used_at: known?.last_used_at ?? null };
  const description = given.description ?? known?.description ?? null;
  if (known) {
    await database
      .updateTable('codedeploy_revisions')
      .set({ ...used, description })
      .where('application_id', '=', application_id)
      .where('revision_key', '=', revision_key)
      .execute();
    return;
  }
  const location = JSON.stringify(revision);
  await database
    .insertInto('codedeploy_revisions')
    .values({ application_id, revision_key, location, description, registered_at: given.at, ...used })
    .execute();
}

export function readRevision(given: RevisionLocation | undefined): S3Revision {
  if (!given) throw fault('RevisionRequiredException', 'A revision must be specified.');
  const type = given.revisionType ?? (given.s3Location ? 'S3' : undefined);
  if (type !== 'S3') {
    throw fault(
      'InvalidRevisionException',
      `Revisions of the type ${type ?? '(none)'} are not available; give a bundle in S3.`,
    );
  }
  const { bucket, key, bundleType, version, eTag } = given.s3Location ?? {};
  if (!bucket || !key || !bundleType) {
    throw fault('InvalidRevisionException', 'A revision in S3 needs bucket, key and bundleType.');
  }
  if (!BUNDLE_TYPES.includes(bundleType)) {
    throw fault(
      'InvalidRevisionException',
      `Bundles for hosts are of the type tar, tgz or zip, not ${bundleType}.`,
    );
  }
  return {
    bucket,
    key,
    bundleType: bundleType as S3Revision['bundleType'],
    ...(version ? { version } : {}),
    ...(eTag ? { eTag: eTag.replaceAll('"', '') } : {}),
  };
}
