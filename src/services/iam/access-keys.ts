/** Long-term access keys of users. The secret is shown once and rests sealed, because signatures are checked with it. */

import { createIamId, createText } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { Operations } from '#services/service.ts';
import { findUser, quotaExceeded, userNameOf, type Iam } from './entities.ts';
import { pageOf } from './pages.ts';
import type { AccessKeyRow, IamDatabase } from './tables.ts';

const KEYS_PER_USER_MAX = 2;
const SECRET_LENGTH = 40;
const SECRET_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
export const SECRET_PURPOSE = 'iam.access-key';

export function accessKeyOperations(iam: Iam) {
  return {
    async CreateAccessKey(call, input) {
      const userName = userNameOf(call, input.UserName);
      const id = createIamId('AKIA');
      const secret = createText(SECRET_ALPHABET, SECRET_LENGTH);
      return iam.write(async (database) => {
        const user = await findUser(database, userName);
        const others = await keysOf(database, user.id);
        if (others.length >= KEYS_PER_USER_MAX) throw quotaExceeded('AccessKeysPerUser', KEYS_PER_USER_MAX);
        const row: AccessKeyRow = {
          id,
          user_id: user.id,
          secret_sealed: iam.house.keyring.seal(SECRET_PURPOSE, secret, id),
          status: 'Active',
          created_at: call.at,
        };
        await database.insertInto('iam_access_keys').values(row).execute();
        return { AccessKey: { ...viewKey(user.name, row), SecretAccessKey: secret } };
      });
    },

    async ListAccessKeys(call, input) {
      const user = await findUser(iam.read(), userNameOf(call, input.UserName));
      const rows = await keysOf(iam.read(), user.id);
      const page = await pageOf(iam, `keys:${user.id}`, input, rows, (row) => row.id);
      return { AccessKeyMetadata: page.rows.map((row) => viewKey(user.name, row)), ...page.members };
    },

    async UpdateAccessKey(call, input) {
      if (input.Status !== 'Active' && input.Status !== 'Inactive') {
        throw fault('ValidationException', 'Status must be Active or Inactive.');
      }
      const { Status: status } = input;
      await iam.write(async (database) => {
        const key = await findKey(database, userNameOf(call, input.UserName), input.AccessKeyId);
        await database.updateTable('iam_access_keys').set({ status }).where('id', '=', key.id).execute();
      });
      return {};
    },

    async DeleteAccessKey(call, input) {
      await iam.write(async (database) => {
        const key = await findKey(database, userNameOf(call, input.UserName), input.AccessKeyId);
        await database.deleteFrom('iam_access_keys').where('id', '=', key.id).execute();
      });
      return {};
    },
  } satisfies Partial<Operations<'iam'>>;
}

function keysOf(database: IamDatabase, userId: string): Promise<AccessKeyRow[]> {
  return database.selectFrom('iam_access_keys').selectAll().where('user_id', '=', userId).execute();
}

async function findKey(
  database: IamDatabase,
  userName: string,
  id: string | undefined,
): Promise<AccessKeyRow> {
  const user = await findUser(database, userName);
  const row = (await keysOf(database, user.id)).find((key) => key.id === id);
  if (row === undefined) {
    throw fault('NoSuchEntityException', `The Access Key with id ${id} cannot be found.`);
  }
  return row;
}

function viewKey(userName: string, row: AccessKeyRow) {
  return {
    UserName: userName,
    AccessKeyId: row.id,
    Status: row.status,
    CreateDate: new Date(row.created_at),
  };
}
