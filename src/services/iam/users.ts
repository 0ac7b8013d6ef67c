/** Users, and the permissions boundaries of users and roles. */

import { createIamId } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { Operations } from '#services/service.ts';
import { isManagedPolicy } from './policies.ts';
import { deleteConflict, findUser, quotaExceeded, userNameOf, type Iam } from './entities.ts';
import { pageByPath } from './pages.ts';
import type { IamDatabase } from './tables.ts';
import { putTags, readTags } from './tags.ts';
import { viewUser } from './views.ts';

const USERS_MAX = 5000;

export function userOperations(iam: Iam) {
  const { account } = iam.house;
  return {
    async CreateUser(call, input) {
      const name = input.UserName ?? '';
      const row = {
        id: createIamId('AIDA'),
        name,
        name_lower: name.toLowerCase(),
        path: input.Path ?? '/',
        created_at: call.at,
        boundary_arn: input.PermissionsBoundary ?? null,
      };
      return iam.write(async (database) => {
        await refuseTaken(database, 'iam_users', 'User', name);
        await refuseFull(database, 'iam_users', 'UsersPerAccount', USERS_MAX);
        await requireBoundary(iam, database, input.PermissionsBoundary);
        await database.insertInto('iam_users').values(row).execute();
        await putTags(database, row.id, input.Tags);
        return { User: viewUser(account, row, await readTags(database, row.id)) };
      });
    },

    async GetUser(call, input) {
      if (input.UserName === undefined && call.principal.type === 'root') return { User: viewRoot(account) };
      const row = await findUser(iam.read(), userNameOf(call, input.UserName));
      return { User: viewUser(account, row, await readTags(iam.read(), row.id)) };
    },

    async ListUsers(_call, input) {
      const page = await pageByPath(iam, 'iam_users', 'users', input);
      return { Users: page.rows.map((row) => viewUser(account, row)), ...page.members };
    },

    async UpdateUser(_call, input) {
      await iam.write(async (database) => {
        const row = await findUser(database, input.UserName ?? '');
        const name = input.NewUserName ?? row.name;
        if (name.toLowerCase() !== row.name_lower) await refuseTaken(database, 'iam_users', 'User', name);
        await database
          .updateTable('iam_users')
          .set({ name, name_lower: name.toLowerCase(), path: input.NewPath ?? row.path })
          .where('id', '=', row.id)
          .execute();
      });
      return {};
    },

    async DeleteUser(_call, input) {
      await iam.write(async (database) => {
        const { id } = await findUser(database, input.UserName ?? '');
        await refuseInUse(database, id);
        await database.deleteFrom('iam_tags').where('owner_id', '=', id).execute();
        await database.deleteFrom('iam_users').where('id', '=', id).execute();
      });
      return {};
    },

    async PutUserPermissionsBoundary(_call, input) {
      await iam.write(async (database) => {
        const { id } = await findUser(database, input.UserName ?? '');
        await requireBoundary(iam, database, input.PermissionsBoundary);
        await setUserBoundary(database, id, input.PermissionsBoundary ?? null);
      });
      return {};
    },

    async DeleteUserPermissionsBoundary(_call, input) {
      await iam.write(async (database) => {
        const { id, boundary_arn } = await findUser(database, input.UserName ?? '');
        if (boundary_arn === null) {
          throw fault('NoSuchEntityException', `User ${input.UserName} does not have a permission boundary.`);
        }
        await setUserBoundary(database, id, null);
      });
      return {};
    },
  } satisfies Partial<Operations<'iam'>>;
}

type UserOwned =
  'iam_access_keys' | 'iam_service_credentials' | 'iam_memberships' | 'iam_login_profiles' | 'iam_ssh_keys';
type Named = 'iam_users' | 'iam_groups' | 'iam_roles';

export async function refuseTaken(
  database: IamDatabase,
  table: Named,
  kind: string,
  name: string,
): Promise<void> {
  const taken = await database
    .selectFrom(table)
    .select('id')
    .where('name_lower', '=', name.toLowerCase())
    .executeTakeFirst();
  if (taken !== undefined)
    throw fault('EntityAlreadyExistsException', `${kind} with name ${name} already exists.`);
}

export async function refuseFull(
  database: IamDatabase,
  table: Named,
  quota: string,
  limit: number,
): Promise<void> {
  const { count } = await database
    .selectFrom(table)
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  if (Number(count) >= limit) throw quotaExceeded(quota, limit);
}

export async function requireBoundary(
  iam: Iam,
  database: IamDatabase,
  arn: string | undefined,
): Promise<void> {
  if (arn === undefined || (await isManagedPolicy(iam, database, arn))) return;
  throw fault('NoSuchEntityException', `Scope ARN: ${arn} does not exist or is not attachable.`);
}

async function setUserBoundary(database: IamDatabase, id: string, arn: string | null): Promise<void> {
  await database.updateTable('iam_users').set({ boundary_arn: arn }).where('id', '=', id).execute();
}

/** What belongs to a user must be taken away first, in the words for each. */
async function refuseInUse(database: IamDatabase, id: string): Promise<void> {
  const has = async (table: UserOwned) =>
    (await database.selectFrom(table).select('user_id').where('user_id', '=', id).executeTakeFirst()) !==
    undefined;
  if (await has('iam_access_keys')) throw deleteConflict('delete access keys');
  if (await has('iam_service_credentials')) throw deleteConflict('delete service specific credentials');
  if (await has('iam_ssh_keys')) throw deleteConflict('delete SSH public keys');
  if (await has('iam_login_profiles')) throw deleteConflict('delete login profile');
  if (await has('iam_memberships')) throw deleteConflict('remove user from all groups');
  await refuseWithPolicies(database, id);
}

export async function refuseWithPolicies(database: IamDatabase, ownerId: string): Promise<void> {
  const has = async (table: 'iam_attachments' | 'iam_inline_policies') =>
    (await database
      .selectFrom(table)
      .select('owner_id')
      .where('owner_id', '=', ownerId)
      .executeTakeFirst()) !== undefined;
  if (await has('iam_attachments')) throw deleteConflict('detach all policies');
  if (await has('iam_inline_policies')) throw deleteConflict('delete policies');
}

/** The account itself is no row; it was made with the installation. */
function viewRoot(account: string) {
  return {
    Path: '/',
    UserName: 'root',
    UserId: account,
    Arn: `arn:aws:iam::${account}:root`,
    CreateDate: new Date(0),
  };
}
