/** Managed policies of the account, and those of AWS beside them; their versions are in `policy-versions.ts`. */

import { createIamId } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { Operations } from '#services/service.ts';
import {
  AWS_MANAGED_SINCE,
  awsManagedPolicies,
  findAwsManagedPolicy,
  type AwsManagedPolicy,
} from './aws-managed.ts';
import { findLocalPolicy, findLocalPolicyIfAny, iamArn, quotaExceeded, type Iam } from './entities.ts';
import { pageOf } from './pages.ts';
import { fittingDocument, modifiable, versionsOf } from './policy-versions.ts';
import type { IamDatabase, PolicyRow } from './tables.ts';
import { putTags, readTags } from './tags.ts';
import { viewPolicy, type PolicyUse } from './views.ts';

const POLICIES_MAX = 1500;

export function policyOperations(iam: Iam) {
  const { account } = iam.house;
  const viewWithUse = async (database: IamDatabase, row: PolicyRow) =>
    viewPolicy(
      account,
      row,
      await useOf(database, iamArn(account, 'policy', row)),
      await readTags(database, row.id),
    );

  return {
    async CreatePolicy(call, input) {
      const name = input.PolicyName ?? '';
      const text = fittingDocument(input.PolicyDocument);
      return iam.write(async (database) => {
        await refuseTakenName(database, name);
        const row: PolicyRow = {
          id: createIamId('ANPA'),
          name,
          name_lower: name.toLowerCase(),
          path: input.Path ?? '/',
          created_at: call.at,
          description: input.Description ?? null,
          updated_at: call.at,
          default_version: 1,
          next_version: 2,
        };
        await database.insertInto('iam_policies').values(row).execute();
        const version = { policy_id: row.id, version: 1, document: text, created_at: call.at };
        await database.insertInto('iam_policy_versions').values(version).execute();
        await putTags(database, row.id, input.Tags);
        return { Policy: await viewWithUse(database, row) };
      });
    },

    async GetPolicy(_call, input) {
      const arn = input.PolicyArn ?? '';
      const managed = findAwsManagedPolicy(arn);
      if (managed !== undefined) return { Policy: viewManaged(managed, await useOf(iam.read(), arn)) };
      return { Policy: await viewWithUse(iam.read(), await findLocalPolicy(iam.read(), account, arn)) };
    },

    async ListPolicies(_call, input) {
      const { Scope: scope = 'All', OnlyAttached: onlyAttached = false, PathPrefix: prefix = '/' } = input;
      const usage = input.PolicyUsageFilter;
      const uses = await readUses(iam.read());
      const local = scope === 'AWS' ? [] : await iam.read().selectFrom('iam_policies').selectAll().execute();
      const views = [
        ...local.map((row) => viewPolicy(account, row, usedBy(uses, iamArn(account, 'policy', row)))),
        ...(scope === 'Local' ? [] : awsManagedPolicies()).map((one) =>
          viewManaged(one, usedBy(uses, one.arn)),
        ),
      ].filter(
        (view) =>
          view.Path.startsWith(prefix) &&
          (!onlyAttached || view.AttachmentCount > 0) &&
          (usage !== 'PermissionsBoundary' || view.PermissionsBoundaryUsageCount > 0),
      );
      const list = `policies:${JSON.stringify([scope, onlyAttached, prefix, usage])}`;
      const page = await pageOf(iam, list, input, views, (view) => view.Arn);
      return { Policies: [...page.rows], ...page.members };
    },

    async DeletePolicy(_call, input) {
      const arn = modifiable(input.PolicyArn);
      await iam.write(async (database) => {
        const row = await findLocalPolicy(database, account, arn);
        const use = await useOf(database, arn);
        if (use.attachments > 0 || use.boundaries > 0) {
          throw fault('DeleteConflictException', 'Cannot delete a policy attached to entities.');
        }
        if ((await versionsOf(database, row.id)).length > 1) {
          throw fault(
            'DeleteConflictException',
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. " +
              'The default version is deleted with the policy.',
          );
        }
        await database.deleteFrom('iam_policy_versions').where('policy_id', '=', row.id).execute();
        await database.deleteFrom('iam_tags').where('owner_id', '=', row.id).execute();
        await database.deleteFrom('iam_policies').where('id', '=', row.id).execute();
      });
      return {};
    },
  } satisfies Partial<Operations<'iam'>>;
}

/** Of the account or of AWS: can it be attached, or be a boundary? */
export async function isManagedPolicy(iam: Iam, database: IamDatabase, arn: string): Promise<boolean> {
  if (findAwsManagedPolicy(arn) !== undefined) return true;
  return (await findLocalPolicyIfAny(database, iam.house.account, arn)) !== undefined;
}

async function refuseTakenName(database: IamDatabase, name: string): Promise<void> {
  const names = await database.selectFrom('iam_policies').select('name_lower').execute();
  if (names.some((one) => one.name_lower === name.toLowerCase())) {
    throw fault(
      'EntityAlreadyExistsException',
      `A policy called ${name} already exists. Duplicate names are not allowed.`,
    );
  }
  if (names.length >= POLICIES_MAX) throw quotaExceeded('PoliciesPerAccount', POLICIES_MAX);
}

type Uses = ReadonlyMap<string, PolicyUse>;

const UNUSED: PolicyUse = { attachments: 0, boundaries: 0 };

function usedBy(uses: Uses, arn: string): PolicyUse {
  return uses.get(arn) ?? UNUSED;
}

async function useOf(database: IamDatabase, arn: string): Promise<PolicyUse> {
  return usedBy(await readUses(database), arn);
}

/** How often each policy is attached or a boundary. */
async function readUses(database: IamDatabase): Promise<Uses> {
  const uses = new Map<string, PolicyUse>();
  const attached = await database
    .selectFrom('iam_attachments')
    .select(({ fn }) => ['policy_arn', fn.countAll<number>().as('count')])
    .groupBy('policy_arn')
    .execute();
  for (const { policy_arn, count } of attached)
    uses.set(policy_arn, { attachments: Number(count), boundaries: 0 });
  for (const table of ['iam_users', 'iam_roles'] as const) {
    const bounded = await database
      .selectFrom(table)
      .select(({ fn }) => ['boundary_arn', fn.countAll<number>().as('count')])
      .where('boundary_arn', 'is not', null)
      .groupBy('boundary_arn')
      .execute();
    for (const { boundary_arn, count } of bounded) {
      if (boundary_arn === null) continue;
      const known = usedBy(uses, boundary_arn);
      uses.set(boundary_arn, { ...known, boundaries: known.boundaries + Number(count) });
    }
  }
  return uses;
}

function viewManaged(policy: AwsManagedPolicy, use: PolicyUse) {
  return {
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: 'v1',
    AttachmentCount: use.attachments,
    PermissionsBoundaryUsageCount: use.boundaries,
    IsAttachable: true,
    Description: policy.description,
    CreateDate: new Date(AWS_MANAGED_SINCE),
    UpdateDate: new Date(AWS_MANAGED_SINCE),
  };
}
