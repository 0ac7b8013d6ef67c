/**
 * Instance profiles: a name under which a machine is given a role. No machines are started here, so nothing is run with
 * them; hosts of deployments have credentials of their own.
 */

import { createIamId } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { Operations } from '#services/service.ts';
import { deleteConflict, findRole, iamArn, quotaExceeded, type Iam } from './entities.ts';
import { pageByPath, pageOf } from './pages.ts';
import type { IamDatabase, InstanceProfileRow } from './tables.ts';
import { dropTags, putTags, readTags } from './tags.ts';
import { showTrust } from './trust.ts';
import { viewRole } from './views.ts';

const PROFILES_MAX = 1000;

export function instanceProfileOperations(iam: Iam) {
  const { account } = iam.house;
  const view = async (row: InstanceProfileRow) => {
    const database = iam.read();
    const role = await database
      .selectFrom('iam_roles')
      .selectAll()
      .where('id', '=', row.role_id ?? '')
      .executeTakeFirst();
    const tags = await readTags(database, row.id);
    return {
      Path: row.path,
      InstanceProfileName: row.name,
      InstanceProfileId: row.id,
      Arn: iamArn(account, 'instance-profile', row),
      CreateDate: new Date(row.created_at),
      Roles:
        role === undefined ? [] : [viewRole(account, role, await showTrust(database, account, role.trust))],
      ...(tags.length > 0 && { Tags: tags }),
    };
  };
  const list = async (rows: readonly InstanceProfileRow[]) => Promise.all(rows.map(view));

  return {
    async CreateInstanceProfile(call, input) {
      const name = input.InstanceProfileName ?? '';
      const row: InstanceProfileRow = {
        id: createIamId('AIPA'),
        name,
        name_lower: name.toLowerCase(),
        path: input.Path ?? '/',
        role_id: null,
        created_at: call.at,
      };
      await iam.write(async (database) => {
        const others = await database.selectFrom('iam_instance_profiles').select('name_lower').execute();
        if (others.some((other) => other.name_lower === row.name_lower))
          throw fault('EntityAlreadyExistsException', `Instance Profile ${name} already exists.`);
        if (others.length >= PROFILES_MAX) throw quotaExceeded('InstanceProfilesPerAccount', PROFILES_MAX);
        await database.insertInto('iam_instance_profiles').values(row).execute();
        await putTags(database, row.id, input.Tags);
      });
      return { InstanceProfile: await view(row) };
    },

    async GetInstanceProfile(_call, input) {
      return { InstanceProfile: await view(await findProfile(iam.read(), input.InstanceProfileName)) };
    },

    async ListInstanceProfiles(_call, input) {
      const page = await pageByPath(iam, 'iam_instance_profiles', 'instance-profiles', input);
      return { InstanceProfiles: await list(page.rows), ...page.members };
    },

    async ListInstanceProfilesForRole(_call, input) {
      const { id } = await findRole(iam.read(), input.RoleName ?? '');
      const rows = await profilesWith(iam.read(), id);
      const page = await pageOf(iam, `instance-profiles-of:${id}`, input, rows, (row) => row.name_lower);
      return { InstanceProfiles: await list(page.rows), ...page.members };
    },

    async DeleteInstanceProfile(_call, input) {
      await iam.write(async (database) => {
        const { id, role_id } = await findProfile(database, input.InstanceProfileName);
        if (role_id !== null) throw deleteConflict('remove roles from instance profile');
        await database.deleteFrom('iam_tags').where('owner_id', '=', id).execute();
        await database.deleteFrom('iam_instance_profiles').where('id', '=', id).execute();
      });
      return {};
    },

    /** Whoever reaches a machine with the profile acts under the role, so it must be theirs to pass. */
    async AddRoleToInstanceProfile(call, input) {
      const role = await findRole(iam.read(), input.RoleName ?? '');
      await call.authorize({
        action: 'iam:PassRole',
        resource: iamArn(account, 'role', role),
        context: { 'iam:PassedToService': 'ec2.amazonaws.com' },
      });
      await iam.write(async (database) => {
        const { id, role_id } = await findProfile(database, input.InstanceProfileName);
        if (role_id !== null) throw quotaExceeded('InstanceSessionsPerInstanceProfile', 1);
        const { id: roleId } = await findRole(database, role.name);
        await database
          .updateTable('iam_instance_profiles')
          .set({ role_id: roleId })
          .where('id', '=', id)
          .execute();
      });
      return {};
    },

    async RemoveRoleFromInstanceProfile(_call, input) {
      await iam.write(async (database) => {
        const { id, role_id } = await findProfile(database, input.InstanceProfileName);
        const role = await findRole(database, input.RoleName ?? '');
        if (role.id !== role_id) {
          const message = `Role ${role.name} is not in instance profile ${input.InstanceProfileName}.`;
          throw fault('NoSuchEntityException', message);
        }
        await database
          .updateTable('iam_instance_profiles')
          .set({ role_id: null })
          .where('id', '=', id)
          .execute();
      });
      return {};
    },

    async TagInstanceProfile(_call, input) {
      await iam.write(async (database) =>
        putTags(database, (await findProfile(database, input.InstanceProfileName)).id, input.Tags),
      );
      return {};
    },

    async UntagInstanceProfile(_call, input) {
      await iam.write(async (database) =>
        dropTags(database, (await findProfile(database, input.InstanceProfileName)).id, input.TagKeys),
      );
      return {};
    },

    async ListInstanceProfileTags(_call, input) {
      const { id } = await findProfile(iam.read(), input.InstanceProfileName);
      const tags = await readTags(iam.read(), id);
      const page = await pageOf(iam, `tags:${id}`, input, tags, (tag) => tag.Key.toLowerCase());
      return { Tags: [...page.rows], ...page.members };
    },
  } satisfies Partial<Operations<'iam'>>;
}

export function profilesWith(database: IamDatabase, roleId: string): Promise<InstanceProfileRow[]> {
  return database.selectFrom('iam_instance_profiles').selectAll().where('role_id', '=', roleId).execute();
}

export async function findProfile(
  database: IamDatabase,
  name: string | undefined,
): Promise<InstanceProfileRow> {
  const row = await database
    .selectFrom('iam_instance_profiles')
    .selectAll()
    .where('name_lower', '=', (name ?? '').toLowerCase())
    .executeTakeFirst();
  if (row === undefined) throw fault('NoSuchEntityException', `Instance Profile ${name} cannot be found.`);
  return row;
}
