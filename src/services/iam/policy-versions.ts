/** The versions of managed policies: up to five, of which one counts. */

import { fault } from '#base/fault.ts';
import type { Operations } from '#services/service.ts';
import { AWS_MANAGED_SINCE, findAwsManagedPolicy, isAwsManagedArn } from './aws-managed.ts';
import { encodeDocument, readDocument, sizeOf } from './documents.ts';
import { findLocalPolicy, quotaExceeded, type Iam } from './entities.ts';
import { pageOf } from './pages.ts';
import type { IamDatabase, PolicyVersionRow } from './tables.ts';

const VERSIONS_MAX = 5;
const DOCUMENT_LENGTH_MAX = 6144;

export function policyVersionOperations(iam: Iam) {
  const { account } = iam.house;
  return {
    async CreatePolicyVersion(call, input) {
      const arn = modifiable(input.PolicyArn);
      const text = fittingDocument(input.PolicyDocument);
      return iam.write(async (database) => {
        const row = await findLocalPolicy(database, account, arn);
        if ((await versionsOf(database, row.id)).length >= VERSIONS_MAX) {
          throw fault(
            'LimitExceededException',
            `A managed policy can have up to ${VERSIONS_MAX} versions. Before you create a new version, you must ` +
              'delete an existing version.',
          );
        }
        const version = { policy_id: row.id, version: row.next_version, document: text, created_at: call.at };
        await database.insertInto('iam_policy_versions').values(version).execute();
        const isDefault = input.SetAsDefault === true;
        await database
          .updateTable('iam_policies')
          .set({
            next_version: row.next_version + 1,
            updated_at: call.at,
            ...(isDefault ? { default_version: version.version } : {}),
          })
          .where('id', '=', row.id)
          .execute();
        return { PolicyVersion: viewVersion(version, isDefault ? version.version : row.default_version) };
      });
    },

    async GetPolicyVersion(_call, input) {
      const arn = input.PolicyArn ?? '';
      const managed = findAwsManagedPolicy(arn);
      if (managed !== undefined) {
        if (input.VersionId !== 'v1') throw noSuchVersion(arn, input.VersionId);
        return { PolicyVersion: { ...viewManagedVersion(), Document: encodeDocument(managed.text) } };
      }
      const { row, version } = await findVersion(iam.read(), account, arn, input.VersionId);
      const view = viewVersion(version, row.default_version);
      return { PolicyVersion: { ...view, Document: encodeDocument(version.document) } };
    },

    async ListPolicyVersions(_call, input) {
      const arn = input.PolicyArn ?? '';
      if (findAwsManagedPolicy(arn) !== undefined)
        return { Versions: [viewManagedVersion()], IsTruncated: false };
      const row = await findLocalPolicy(iam.read(), account, arn);
      const versions = await versionsOf(iam.read(), row.id);
      // Newest first, as AWS lists them.
      const keyOf = (one: PolicyVersionRow) => String(Number.MAX_SAFE_INTEGER - one.version);
      const page = await pageOf(iam, `versions:${row.id}`, input, versions, keyOf);
      return { Versions: page.rows.map((one) => viewVersion(one, row.default_version)), ...page.members };
    },

    async SetDefaultPolicyVersion(call, input) {
      const arn = modifiable(input.PolicyArn);
      await iam.write(async (database) => {
        const { row, version } = await findVersion(database, account, arn, input.VersionId);
        await database
          .updateTable('iam_policies')
          .set({ default_version: version.version, updated_at: call.at })
          .where('id', '=', row.id)
          .execute();
      });
      return {};
    },

    async DeletePolicyVersion(_call, input) {
      const arn = modifiable(input.PolicyArn);
      await iam.write(async (database) => {
        const { row, version } = await findVersion(database, account, arn, input.VersionId);
        if (version.version === row.default_version) {
          throw fault('DeleteConflictException', 'Cannot delete the default version of a policy.');
        }
        await database
          .deleteFrom('iam_policy_versions')
          .where('policy_id', '=', row.id)
          .where('version', '=', version.version)
          .execute();
      });
      return {};
    },
  } satisfies Partial<Operations<'iam'>>;
}

/** A document that fits into a managed policy. */
export function fittingDocument(text: string | undefined): string {
  const document = text ?? '';
  if (sizeOf(document) > DOCUMENT_LENGTH_MAX) throw quotaExceeded('PolicySize', DOCUMENT_LENGTH_MAX);
  readDocument(document, 'identity');
  return document;
}

/** The ARN, unless the policy is AWS's. */
export function modifiable(arn = ''): string {
  if (!isAwsManagedArn(arn)) return arn;
  throw fault('AccessDeniedException', `Policies of AWS cannot be changed: ${arn}`);
}

export function versionsOf(database: IamDatabase, policyId: string): Promise<PolicyVersionRow[]> {
  return database.selectFrom('iam_policy_versions').selectAll().where('policy_id', '=', policyId).execute();
}

async function findVersion(
  database: IamDatabase,
  account: string,
  arn: string,
  versionId: string | undefined,
) {
  const row = await findLocalPolicy(database, account, arn);
  const version = (await versionsOf(database, row.id)).find((one) => `v${one.version}` === versionId);
  if (version === undefined) throw noSuchVersion(arn, versionId);
  return { row, version };
}

function noSuchVersion(arn: string, versionId: string | undefined): Error {
  return fault(
    'NoSuchEntityException',
    `Policy ${arn} version ${versionId} does not exist or is not attachable.`,
  );
}

function viewVersion(row: Pick<PolicyVersionRow, 'version' | 'created_at'>, defaultVersion: number) {
  return {
    VersionId: `v${row.version}`,
    IsDefaultVersion: row.version === defaultVersion,
    CreateDate: new Date(row.created_at),
  };
}

function viewManagedVersion() {
  return viewVersion({ version: 1, created_at: AWS_MANAGED_SINCE }, 1);
}
