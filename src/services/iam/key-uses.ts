/**
 * When access keys last signed a request, and for what: noted in passing, at most once a minute for each key, so that a busy
 * key costs nothing. See "GetAccessKeyLastUsed", which is not exact on AWS either.
 */

import { fault } from '#base/fault.ts';
import type { Operations } from '#services/service.ts';
import type { Iam } from './entities.ts';
import type { IamTables } from './tables.ts';

const NOTED_MS_MIN = 60_000;
const KEYS_WATCHED_MAX = 10_000;
const NOWHERE = 'N/A';

export type NoteKeyUse = (accessKeyId: string, service: string) => void;

export function createNoteKeyUse(iam: Iam): NoteKeyUse {
  const noted = new Map<string, number>();
  const { clock, database, log, region } = iam.house;
  return (accessKeyId, service) => {
    const now = clock.now();
    if (now - (noted.get(accessKeyId) ?? 0) < NOTED_MS_MIN) return;
    if (noted.size >= KEYS_WATCHED_MAX) noted.clear();
    noted.set(accessKeyId, now);
    const row = { key_id: accessKeyId, at: now, service, region };
    const { key_id: _, ...changed } = row;
    database
      .transaction((transaction) =>
        transaction
          .withTables<IamTables>()
          .insertInto('iam_access_key_uses')
          .values(row)
          .onConflict((conflict) => conflict.column('key_id').doUpdateSet(changed))
          .execute(),
      )
      .catch((error: unknown) => log.warn('the use of an access key could not be noted', { error }));
  };
}

export function keyUseOperations(iam: Iam) {
  return {
    async GetAccessKeyLastUsed(_call, input) {
      const id = input.AccessKeyId ?? '';
      const key = await iam
        .read()
        .selectFrom('iam_access_keys')
        .innerJoin('iam_users', 'iam_users.id', 'user_id')
        .select('name')
        .where('iam_access_keys.id', '=', id)
        .executeTakeFirst();
      if (key === undefined)
        throw fault('NoSuchEntityException', `The Access Key with id ${id} cannot be found`);
      const use = await iam
        .read()
        .selectFrom('iam_access_key_uses')
        .selectAll()
        .where('key_id', '=', id)
        .executeTakeFirst();
      return {
        UserName: key.name,
        AccessKeyLastUsed: use
          ? { LastUsedDate: new Date(use.at), ServiceName: use.service, Region: use.region }
          : { LastUsedDate: undefined, ServiceName: NOWHERE, Region: NOWHERE },
      };
    },
  } satisfies Partial<Operations<'iam'>>;
}
