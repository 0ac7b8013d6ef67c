/** The account as a whole: how much of everything there is. */

import type { Operations } from '#services/service.ts';
import type { Iam } from './entities.ts';

export function accountOperations(iam: Iam) {
  return {
    async GetAccountSummary() {
      const count = async (table: 'iam_users' | 'iam_roles' | 'iam_groups' | 'iam_policies') => {
        const row = await iam
          .read()
          .selectFrom(table)
          .select(({ fn }) => fn.countAll<number>().as('count'))
          .executeTakeFirstOrThrow();
        return Number(row.count);
      };
      return {
        SummaryMap: {
          Users: await count('iam_users'),
          Groups: await count('iam_groups'),
          Roles: await count('iam_roles'),
          Policies: await count('iam_policies'),
          UsersQuota: 5000,
          GroupsQuota: 300,
          RolesQuota: 5000,
          PoliciesQuota: 1500,
          AccessKeysPerUserQuota: 2,
          GroupsPerUserQuota: 10,
          AttachedPoliciesPerUserQuota: 10,
          AttachedPoliciesPerRoleQuota: 10,
          AttachedPoliciesPerGroupQuota: 10,
          VersionsPerPolicyQuota: 5,
          PolicySizeQuota: 6144,
          UserPolicySizeQuota: 2048,
          RolePolicySizeQuota: 10_240,
          GroupPolicySizeQuota: 5120,
          AssumeRolePolicySizeQuota: 4096,
          AccountAccessKeysPresent: 1,
        },
      };
    },
  } satisfies Partial<Operations<'iam'>>;
}
