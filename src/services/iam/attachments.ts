/** Managed policies attached to users, roles and groups. Attaching twice is once; detaching nothing is a fault. */

import { fault } from '#base/fault.ts';
import type { Operations } from '#services/service.ts';
import { findOwner, quotaExceeded, type Iam, type OwnerKind } from './entities.ts';
import { refuseServiceLinked } from './service-linked-roles.ts';
import { pageOf, type PageInput } from './pages.ts';
import { isManagedPolicy } from './policies.ts';
import type { IamDatabase } from './tables.ts';

const ATTACHED_MAX = 10;
const QUOTAS: Readonly<Record<OwnerKind, string>> = {
  user: 'PoliciesPerUser',
  role: 'PoliciesPerRole',
  group: 'PoliciesPerGroup',
};

export function attachmentOperations(iam: Iam) {
  const attach = async (kind: OwnerKind, owner: string | undefined, arn = '') => {
    await iam.write(async (database) => {
      const found = await findOwner(database, kind, owner ?? '');
      refuseServiceLinked(found);
      const { id } = found;
      if (!(await isManagedPolicy(iam, database, arn))) {
        throw fault('NoSuchEntityException', `Policy ${arn} does not exist or is not attachable.`);
      }
      const attached = await arnsOf(database, id);
      if (attached.includes(arn)) return;
      if (attached.length >= ATTACHED_MAX) throw quotaExceeded(QUOTAS[kind], ATTACHED_MAX);
      await database.insertInto('iam_attachments').values({ owner_id: id, policy_arn: arn }).execute();
    });
    return {};
  };

  const detach = async (kind: OwnerKind, owner: string | undefined, arn = '') => {
    await iam.write(async (database) => {
      const found = await findOwner(database, kind, owner ?? '');
      refuseServiceLinked(found);
      const { id } = found;
      const { numDeletedRows } = await database
        .deleteFrom('iam_attachments')
        .where('owner_id', '=', id)
        .where('policy_arn', '=', arn)
        .executeTakeFirst();
      if (Number(numDeletedRows) === 0) throw fault('NoSuchEntityException', `Policy ${arn} was not found.`);
    });
    return {};
  };

  const list = async (
    kind: OwnerKind,
    owner: string | undefined,
    input: PageInput & { readonly PathPrefix?: string | undefined },
  ) => {
    const { id } = await findOwner(iam.read(), kind, owner ?? '');
    const prefix = input.PathPrefix ?? '/';
    const arns = (await arnsOf(iam.read(), id)).filter((arn) => pathOf(arn).startsWith(prefix));
    const page = await pageOf(iam, `attached:${id}:${prefix}`, input, arns, (arn) => arn);
    return {
      AttachedPolicies: page.rows.map((arn) => ({ PolicyName: nameOf(arn), PolicyArn: arn })),
      ...page.members,
    };
  };

  return {
    AttachUserPolicy: (_call, input) => attach('user', input.UserName, input.PolicyArn),
    AttachRolePolicy: (_call, input) => attach('role', input.RoleName, input.PolicyArn),
    AttachGroupPolicy: (_call, input) => attach('group', input.GroupName, input.PolicyArn),
    DetachUserPolicy: (_call, input) => detach('user', input.UserName, input.PolicyArn),
    DetachRolePolicy: (_call, input) => detach('role', input.RoleName, input.PolicyArn),
    DetachGroupPolicy: (_call, input) => detach('group', input.GroupName, input.PolicyArn),
    ListAttachedUserPolicies: (_call, input) => list('user', input.UserName, input),
    ListAttachedRolePolicies: (_call, input) => list('role', input.RoleName, input),
    ListAttachedGroupPolicies: (_call, input) => list('group', input.GroupName, input),

    async ListEntitiesForPolicy(_call, input) {
      const arn = input.PolicyArn ?? '';
      const database = iam.read();
      if (!(await isManagedPolicy(iam, database, arn))) {
        throw fault('NoSuchEntityException', `Policy ${arn} was not found.`);
      }
      const wanted = async (kind: OwnerKind, filter: string) =>
        input.EntityFilter === undefined || input.EntityFilter === filter
          ? readEntities(database, kind, arn, input.PathPrefix ?? '/', input.PolicyUsageFilter)
          : [];
      const entities = [
        ...(await wanted('user', 'User')),
        ...(await wanted('role', 'Role')),
        ...(await wanted('group', 'Group')),
      ];
      const list = `entities:${JSON.stringify([arn, input.EntityFilter, input.PathPrefix, input.PolicyUsageFilter])}`;
      const { rows, members } = await pageOf(iam, list, input, entities, (one) => one.id);
      const of = (kind: OwnerKind) => rows.filter((one) => one.kind === kind);
      return {
        PolicyUsers: of('user').map((one) => ({ UserName: one.name, UserId: one.id })),
        PolicyRoles: of('role').map((one) => ({ RoleName: one.name, RoleId: one.id })),
        PolicyGroups: of('group').map((one) => ({ GroupName: one.name, GroupId: one.id })),
        ...members,
      };
    },
  } satisfies Partial<Operations<'iam'>>;
}

const TABLES = { user: 'iam_users', role: 'iam_roles', group: 'iam_groups' } as const;

/** Who has the policy attached, or as a boundary, as the filter asks; without one, both. */
async function readEntities(
  database: IamDatabase,
  kind: OwnerKind,
  arn: string,
  prefix: string,
  usage: string | undefined,
): Promise<{ kind: OwnerKind; id: string; name: string }[]> {
  const found = new Map<string, string>();
  if (usage !== 'PermissionsBoundary') {
    const attached = await database
      .selectFrom(TABLES[kind])
      .innerJoin('iam_attachments', 'owner_id', 'id')
      .select(['id', 'name', 'path'])
      .where('policy_arn', '=', arn)
      .execute();
    for (const row of attached) if (row.path.startsWith(prefix)) found.set(row.id, row.name);
  }
  if (usage !== 'PermissionsPolicy' && kind !== 'group') {
    const bounded = await database
      .selectFrom(kind === 'user' ? 'iam_users' : 'iam_roles')
      .select(['id', 'name', 'path'])
      .where('boundary_arn', '=', arn)
      .execute();
    for (const row of bounded) if (row.path.startsWith(prefix)) found.set(row.id, row.name);
  }
  return [...found].map(([id, name]) => ({ kind, id, name }));
}

async function arnsOf(database: IamDatabase, ownerId: string): Promise<string[]> {
  const rows = await database
    .selectFrom('iam_attachments')
    .select('policy_arn')
    .where('owner_id', '=', ownerId)
    .execute();
  return rows.map((row) => row.policy_arn);
}

function nameOf(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1);
}

function pathOf(arn: string): string {
  return arn.slice(arn.indexOf('/'), arn.lastIndexOf('/') + 1);
}
