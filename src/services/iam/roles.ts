/** Roles: who may take them on (trust), for how long, and within which boundary. */

import { createIamId } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { Operations } from '#services/service.ts';
import { sizeOf } from './documents.ts';
import { deleteConflict, findRole, quotaExceeded, type Iam } from './entities.ts';
import { profilesWith } from './instance-profiles.ts';
import { pageByPath } from './pages.ts';
import type { IamDatabase, RoleRow } from './tables.ts';
import { putTags, readTags } from './tags.ts';
import { refuseServiceLinked } from './service-linked-roles.ts';
import { showTrust, storeTrust } from './trust.ts';
import { refuseFull, refuseTaken, refuseWithPolicies, requireBoundary } from './users.ts';
import { viewRole } from './views.ts';

const ROLES_MAX = 5000;
const TRUST_LENGTH_MAX = 4096;
const SESSION_SECONDS_DEFAULT = 3600;

export function roleOperations(iam: Iam) {
  const { account } = iam.house;
  const view = async (database: IamDatabase, row: RoleRow) =>
    viewRole(account, row, await showTrust(database, account, row.trust), await readTags(database, row.id));
  const update = (
    name: string | undefined,
    change: (database: IamDatabase, row: RoleRow) => Promise<Partial<RoleRow>>,
    isProtected = true,
  ) =>
    iam.write(async (database) => {
      const row = await findRole(database, name ?? '');
      if (isProtected) refuseServiceLinked(row);
      const changed = await change(database, row);
      if (Object.keys(changed).length > 0) {
        await database.updateTable('iam_roles').set(changed).where('id', '=', row.id).execute();
      }
      return { ...row, ...changed };
    });

  return {
    async CreateRole(call, input) {
      const name = input.RoleName ?? '';
      return iam.write(async (database) => {
        await refuseTaken(database, 'iam_roles', 'Role', name);
        await refuseFull(database, 'iam_roles', 'RolesPerAccount', ROLES_MAX);
        await requireBoundary(iam, database, input.PermissionsBoundary);
        const row: RoleRow = {
          id: createIamId('AROA'),
          name,
          name_lower: name.toLowerCase(),
          path: input.Path ?? '/',
          created_at: call.at,
          trust: await storeTrust(database, account, fittingTrust(input.AssumeRolePolicyDocument)),
          description: input.Description ?? null,
          session_seconds_max: input.MaxSessionDuration ?? SESSION_SECONDS_DEFAULT,
          boundary_arn: input.PermissionsBoundary ?? null,
        };
        await database.insertInto('iam_roles').values(row).execute();
        await putTags(database, row.id, input.Tags);
        return { Role: await view(database, row) };
      });
    },

    async GetRole(_call, input) {
      const name = input.RoleName ?? '';
      const load = async () => view(iam.read(), await findRole(iam.read(), name));
      return { Role: await iam.memory.recall(`role:${name}`, load) };
    },

    async ListRoles(_call, input) {
      const page = await pageByPath(iam, 'iam_roles', 'roles', input);
      const roles = page.rows.map(async (row) =>
        viewRole(account, row, await showTrust(iam.read(), account, row.trust)),
      );
      return { Roles: await Promise.all(roles), ...page.members };
    },

    async UpdateRole(_call, input) {
      await update(input.RoleName, async () => ({
        ...(input.Description === undefined ? {} : { description: input.Description }),
        ...(input.MaxSessionDuration === undefined ? {} : { session_seconds_max: input.MaxSessionDuration }),
      }));
      return {};
    },

    async UpdateRoleDescription(_call, input) {
      const change = async () => ({ description: input.Description ?? '' });
      const row = await update(input.RoleName, change, false);
      return { Role: await view(iam.read(), row) };
    },

    async UpdateAssumeRolePolicy(_call, input) {
      await update(input.RoleName, async (database) => ({
        trust: await storeTrust(database, account, fittingTrust(input.PolicyDocument)),
      }));
      return {};
    },

    async PutRolePermissionsBoundary(_call, input) {
      await update(input.RoleName, async (database) => {
        await requireBoundary(iam, database, input.PermissionsBoundary);
        return { boundary_arn: input.PermissionsBoundary ?? null };
      });
      return {};
    },

    async DeleteRolePermissionsBoundary(_call, input) {
      await update(input.RoleName, async (_database, row) => {
        if (row.boundary_arn === null) {
          throw fault('NoSuchEntityException', `Role ${row.name} does not have a permission boundary.`);
        }
        return { boundary_arn: null };
      });
      return {};
    },

    async DeleteRole(_call, input) {
      await iam.write(async (database) => {
        const row = await findRole(database, input.RoleName ?? '');
        refuseServiceLinked(row);
        const { id } = row;
        if ((await profilesWith(database, id)).length > 0)
          throw deleteConflict('remove roles from instance profile');
        await refuseWithPolicies(database, id);
        await database.deleteFrom('iam_tags').where('owner_id', '=', id).execute();
        await database.deleteFrom('iam_roles').where('id', '=', id).execute();
      });
      return {};
    },
  } satisfies Partial<Operations<'iam'>>;
}

function fittingTrust(text: string | undefined): string {
  const document = text ?? '';
  if (sizeOf(document) > TRUST_LENGTH_MAX) throw quotaExceeded('ACLSizePerRole', TRUST_LENGTH_MAX);
  return document;
}
