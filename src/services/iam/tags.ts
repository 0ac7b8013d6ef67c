/** Tags of users, roles and policies. Keys are unique without regard to case and keep the spelling they came with. */

import { fault } from '#base/fault.ts';
import { findLocalPolicy, findRole, findUser, quotaExceeded, type Iam } from './entities.ts';
import type { Operations } from '#services/service.ts';
import { pageOf, type PageInput } from './pages.ts';
import type { IamDatabase } from './tables.ts';

const TAGS_MAX = 50;

/** As the models have it: members may be absent by type, but were validated. */
interface Tag {
  readonly Key: string | undefined;
  readonly Value: string | undefined;
}

export function tagOperations(iam: Iam) {
  const { account } = iam.house;
  const list = async (owner: { id: string }, input: PageInput) => {
    const rows = await readTags(iam.read(), owner.id);
    const page = await pageOf(iam, `tags:${owner.id}`, input, rows, (tag) => tag.Key.toLowerCase());
    return { Tags: [...page.rows], ...page.members };
  };
  return {
    async TagUser(_call, input) {
      await iam.write(async (database) =>
        putTags(database, (await findUser(database, input.UserName ?? '')).id, input.Tags),
      );
      return {};
    },
    async UntagUser(_call, input) {
      await iam.write(async (database) =>
        dropTags(database, (await findUser(database, input.UserName ?? '')).id, input.TagKeys),
      );
      return {};
    },
    async ListUserTags(_call, input) {
      return list(await findUser(iam.read(), input.UserName ?? ''), input);
    },
    async TagRole(_call, input) {
      await iam.write(async (database) =>
        putTags(database, (await findRole(database, input.RoleName ?? '')).id, input.Tags),
      );
      return {};
    },
    async UntagRole(_call, input) {
      await iam.write(async (database) =>
        dropTags(database, (await findRole(database, input.RoleName ?? '')).id, input.TagKeys),
      );
      return {};
    },
    async ListRoleTags(_call, input) {
      return list(await findRole(iam.read(), input.RoleName ?? ''), input);
    },
    async TagPolicy(_call, input) {
      await iam.write(async (database) =>
        putTags(database, (await findLocalPolicy(database, account, input.PolicyArn ?? '')).id, input.Tags),
      );
      return {};
    },
    async UntagPolicy(_call, input) {
      await iam.write(async (database) =>
        dropTags(
          database,
          (await findLocalPolicy(database, account, input.PolicyArn ?? '')).id,
          input.TagKeys,
        ),
      );
      return {};
    },
    async ListPolicyTags(_call, input) {
      return list(await findLocalPolicy(iam.read(), account, input.PolicyArn ?? ''), input);
    },
  } satisfies Partial<Operations<'iam'>>;
}

export async function readTags(
  database: IamDatabase,
  ownerId: string,
): Promise<{ Key: string; Value: string }[]> {
  const rows = await database
    .selectFrom('iam_tags')
    .select(['key', 'value'])
    .where('owner_id', '=', ownerId)
    .orderBy('key_lower')
    .execute();
  return rows.map(({ key, value }) => ({ Key: key, Value: value }));
}

export async function putTags(
  database: IamDatabase,
  ownerId: string,
  tags: readonly Tag[] | undefined,
): Promise<void> {
  const given = tags ?? [];
  const keys = given.map((tag) => (tag.Key ?? '').toLowerCase());
  if (new Set(keys).size < keys.length) {
    throw fault(
      'InvalidInputException',
      'Duplicate tag keys found. Please note that Tag keys are case insensitive.',
    );
  }
  if (keys.some((key) => key.startsWith('aws:'))) {
    throw fault('InvalidInputException', 'Tag keys beginning with "aws:" are reserved.');
  }
  await dropTags(database, ownerId, keys);
  for (const tag of given) {
    const key = tag.Key ?? '';
    const row = { owner_id: ownerId, key, key_lower: key.toLowerCase(), value: tag.Value ?? '' };
    await database.insertInto('iam_tags').values(row).execute();
  }
  if ((await readTags(database, ownerId)).length > TAGS_MAX) throw quotaExceeded('TagsPerResource', TAGS_MAX);
}

export async function dropTags(
  database: IamDatabase,
  ownerId: string,
  keys: readonly string[] | undefined,
): Promise<void> {
  const lower = (keys ?? []).map((key) => key.toLowerCase());
  if (lower.length === 0) return;
  await database
    .deleteFrom('iam_tags')
    .where('owner_id', '=', ownerId)
    .where('key_lower', 'in', lower)
    .execute();
}
