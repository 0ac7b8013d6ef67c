/** Groups of users; a user has the policies of its groups. */

import { createIamId } from '#base/chance.ts';
import { deleteConflict, findGroup, findUser, quotaExceeded, type Iam } from './entities.ts';
import type { Operations } from '#services/service.ts';
import { pageByPath, pageOf } from './pages.ts';
import type { IamDatabase } from './tables.ts';
import { refuseFull, refuseTaken, refuseWithPolicies } from './users.ts';
import { viewGroup, viewUser } from './views.ts';

const GROUPS_MAX = 300;
const GROUPS_PER_USER_MAX = 10;

export function groupOperations(iam: Iam) {
  const { account } = iam.house;
  return {
    async CreateGroup(call, input) {
      const name = input.GroupName ?? '';
      const row = {
        id: createIamId('AGPA'),
        name,
        name_lower: name.toLowerCase(),
        path: input.Path ?? '/',
        created_at: call.at,
      };
      return iam.write(async (database) => {
        await refuseTaken(database, 'iam_groups', 'Group', name);
        await refuseFull(database, 'iam_groups', 'GroupsPerAccount', GROUPS_MAX);
        await database.insertInto('iam_groups').values(row).execute();
        return { Group: viewGroup(account, row) };
      });
    },

    async GetGroup(_call, input) {
      const group = await findGroup(iam.read(), input.GroupName ?? '');
      const users = await iam
        .read()
        .selectFrom('iam_users')
        .innerJoin('iam_memberships', 'user_id', 'id')
        .selectAll('iam_users')
        .where('group_id', '=', group.id)
        .execute();
      const page = await pageOf(iam, `members:${group.id}`, input, users, (row) => row.name_lower);
      return {
        Group: viewGroup(account, group),
        Users: page.rows.map((row) => viewUser(account, row)),
        ...page.members,
      };
    },

    async ListGroups(_call, input) {
      const page = await pageByPath(iam, 'iam_groups', 'groups', input);
      return { Groups: page.rows.map((row) => viewGroup(account, row)), ...page.members };
    },

    async ListGroupsForUser(_call, input) {
      const user = await findUser(iam.read(), input.UserName ?? '');
      const groups = await groupsOf(iam.read(), user.id);
      const page = await pageOf(iam, `groups-of:${user.id}`, input, groups, (row) => row.name_lower);
      return { Groups: page.rows.map((row) => viewGroup(account, row)), ...page.members };
    },

    async UpdateGroup(_call, input) {
      await iam.write(async (database) => {
        const row = await findGroup(database, input.GroupName ?? '');
        const name = input.NewGroupName ?? row.name;
        if (name.toLowerCase() !== row.name_lower) await refuseTaken(database, 'iam_groups', 'Group', name);
        await database
          .updateTable('iam_groups')
          .set({ name, name_lower: name.toLowerCase(), path: input.NewPath ?? row.path })
          .where('id', '=', row.id)
          .execute();
      });
      return {};
    },

    async DeleteGroup(_call, input) {
      await iam.write(async (database) => {
        const { id } = await findGroup(database, input.GroupName ?? '');
        const member = await database
          .selectFrom('iam_memberships')
          .select('user_id')
          .where('group_id', '=', id)
          .executeTakeFirst();
        if (member !== undefined) throw deleteConflict('remove users from group');
        await refuseWithPolicies(database, id);
        await database.deleteFrom('iam_groups').where('id', '=', id).execute();
      });
      return {};
    },

    async AddUserToGroup(_call, input) {
      await iam.write(async (database) => {
        const group = await findGroup(database, input.GroupName ?? '');
        const user = await findUser(database, input.UserName ?? '');
        const groups = await groupsOf(database, user.id);
        if (groups.some((row) => row.id === group.id)) return;
        if (groups.length >= GROUPS_PER_USER_MAX) throw quotaExceeded('GroupsPerUser', GROUPS_PER_USER_MAX);
        await database
          .insertInto('iam_memberships')
          .values({ user_id: user.id, group_id: group.id })
          .execute();
      });
      return {};
    },

    async RemoveUserFromGroup(_call, input) {
      await iam.write(async (database) => {
        const group = await findGroup(database, input.GroupName ?? '');
        const user = await findUser(database, input.UserName ?? '');
        await database
          .deleteFrom('iam_memberships')
          .where('user_id', '=', user.id)
          .where('group_id', '=', group.id)
          .execute();
      });
      return {};
    },
  } satisfies Partial<Operations<'iam'>>;
}

function groupsOf(database: IamDatabase, userId: string) {
  return database
    .selectFrom('iam_groups')
    .innerJoin('iam_memberships', 'group_id', 'id')
    .selectAll('iam_groups')
    .where('user_id', '=', userId)
    .execute();
}
