/** Aliases: names for keys that can be moved to another key of the same kind. `alias/aws/` belongs to the services. */

import { fault } from '#base/fault.ts';
import type { Call, Handler } from '#services/service.ts';
import { stateFault } from '#core/key/faults.ts';
import { authorize, callConditions, findKeyById, type FoundKey } from './finding.ts';
import { pageOf } from './paging.ts';
import { ALIASES_PER_KEY_MAX, aliasArn, type Room } from './room.ts';
import { withTables, type AliasRow } from './tables.ts';

const NAME = /^alias\/[a-zA-Z0-9/_-]+$/;

export function aliasOperations(room: Room) {
  const { house } = room;

  const CreateAlias: Handler<'kms', 'CreateAlias'> = async (call, input) => {
    const name = checkName(input.AliasName);
    await authorizeAlias(room, call, 'CreateAlias', name);
    const key = await findKeyById(room, call, 'CreateAlias', input.TargetKeyId);
    await authorize(room, call, key, { action: 'CreateAlias' });
    checkNotPending(key);
    await house.database.transaction(async (transaction) => {
      const rows = withTables(transaction);
      const key_id = key.state.id;
      const taken = await rows
        .selectFrom('kms_alias')
        .select('name')
        .where('name', '=', name)
        .executeTakeFirst();
      if (taken) {
        const message = `An alias with the name ${aliasArn(house, name)} already exists`;
        throw fault('AlreadyExistsException', message);
      }
      const there = await rows.selectFrom('kms_alias').select('name').where('key_id', '=', key_id).execute();
      if (there.length >= ALIASES_PER_KEY_MAX) {
        throw fault('LimitExceededException', `A key can have ${ALIASES_PER_KEY_MAX} aliases.`);
      }
      await rows
        .insertInto('kms_alias')
        .values({ name, key_id, created_at: call.at, updated_at: call.at })
        .execute();
    });
    return {};
  };

  const UpdateAlias: Handler<'kms', 'UpdateAlias'> = async (call, input) => {
    const name = checkName(input.AliasName);
    await authorizeAlias(room, call, 'UpdateAlias', name);
    const row = await findAlias(room, name);
    const key = await findKeyById(room, call, 'UpdateAlias', input.TargetKeyId);
    const before = await findKeyById(room, call, 'UpdateAlias', row.key_id);
    await authorize(room, call, key, { action: 'UpdateAlias' });
    await authorize(room, call, before, { action: 'UpdateAlias' });
    checkNotPending(key);
    const { spec, usage } = before.state;
    if (
      (spec === 'SYMMETRIC_DEFAULT') !== (key.state.spec === 'SYMMETRIC_DEFAULT') ||
      usage !== key.state.usage
    ) {
      const message = `${aliasArn(house, name)} cannot be moved to a key of another kind or usage.`;
      throw fault('ValidationException', message);
    }
    await house.database.transaction(async (transaction) => {
      await withTables(transaction)
        .updateTable('kms_alias')
        .set({ key_id: key.state.id, updated_at: call.at })
        .where('name', '=', name)
        .execute();
    });
    return {};
  };

  const DeleteAlias: Handler<'kms', 'DeleteAlias'> = async (call, input) => {
    const name = checkName(input.AliasName);
    await authorizeAlias(room, call, 'DeleteAlias', name);
    const row = await findAlias(room, name);
    const key = await findKeyById(room, call, 'DeleteAlias', row.key_id);
    await authorize(room, call, key, { action: 'DeleteAlias' });
    await house.database.transaction(async (transaction) => {
      await withTables(transaction).deleteFrom('kms_alias').where('name', '=', name).execute();
    });
    return {};
  };

  const ListAliases: Handler<'kms', 'ListAliases'> = async (call, input) => {
    const only =
      input.KeyId === undefined
        ? undefined
        : (await findKeyById(room, call, 'ListAliases', input.KeyId)).state.id;
    const all = await withTables(house.database.read)
      .selectFrom('kms_alias')
      .selectAll()
      .orderBy('name')
      .execute();
    const rows = only === undefined ? all : all.filter((row) => row.key_id === only);
    const { shown, page } = pageOf(rows, (row) => row.name, input, 50);
    return {
      Aliases: shown.map((row) => ({
        AliasName: row.name,
        AliasArn: aliasArn(house, row.name),
        TargetKeyId: row.key_id,
        CreationDate: new Date(row.created_at),
        LastUpdatedDate: new Date(row.updated_at),
      })),
      ...page,
    };
  };

  return { CreateAlias, UpdateAlias, DeleteAlias, ListAliases };
}

function checkName(name: string | undefined): string {
  if (name === undefined || !NAME.test(name)) {
    throw fault(
      'ValidationException',
      'Alias must start with the prefix "alias/" and hold only letters, digits, "/", "_" and "-".',
    );
  }
  if (name.startsWith('alias/aws/'))
    throw fault('InvalidAliasNameException', 'Alias names starting with alias/aws/ are reserved.');
  return name;
}

async function findAlias({ house }: Room, name: string): Promise<AliasRow> {
  const row = await withTables(house.database.read)
    .selectFrom('kms_alias')
    .selectAll()
    .where('name', '=', name)
    .executeTakeFirst();
  if (!row) throw fault('NotFoundException', `Alias ${aliasArn(house, name)} is not found.`);
  return row;
}

/** Needed on the alias, besides the same on the key. */
async function authorizeAlias(
  room: Room,
  call: Call,
  action: 'CreateAlias' | 'UpdateAlias' | 'DeleteAlias',
  name: string,
): Promise<void> {
  await call.authorize({
    action: `kms:${action}`,
    resource: aliasArn(room.house, name),
    context: callConditions(call),
  });
}

function checkNotPending({ state }: FoundKey): void {
  const blocked = state.status === 'PendingDeletion' ? stateFault(state) : undefined;
  if (blocked) throw fault(blocked.code, blocked.message);
}
