/** Log groups: made, deleted, kept for so many days, protected from deletion, encrypted with a key of the account. */

import { createText } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { Handler, House } from '#services/service.ts';
import type { DataKeys } from './data-keys.ts';
import type { Dropping } from './dropping.ts';
import { groupArn, groupName } from './names.ts';
import { dropStreams, requireGroup } from './room.ts';
import { tables, type GroupRow } from './tables.ts';
import { checkTags } from './tagging.ts';

const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

export function groupOperations(house: House, keys: DataKeys, dropping: Dropping) {
  const { database } = house;

  const CreateLogGroup: Handler<'logs', 'CreateLogGroup'> = async (call, input) => {
    const name = input.logGroupName ?? '';
    const tags = JSON.stringify(checkTags(input.tags ?? {}));
    checkClass(input.logGroupClass);
    const group_id = Number(createText('0123456789', 15));
    const key = input.kmsKeyId
      ? await keys.create(group_id, groupArn(call, name), input.kmsKeyId)
      : undefined;
    await database.transaction(async (transaction) => {
      const rows = tables(transaction);
      const { numInsertedOrUpdatedRows: made } = await rows
        .insertInto('logs_group')
        .values({
          name,
          group_id,
          created_at: call.at,
          retention_days: null,
          tags,
          data_key_id: key?.data_key_id ?? null,
          is_protected: input.deletionProtectionEnabled ? 1 : 0,
        })
        .onConflict((conflict) => conflict.column('name').doNothing())
        .executeTakeFirstOrThrow();
      if (!made) throw fault('ResourceAlreadyExistsException', 'The specified log group already exists');
      if (key) await rows.insertInto('logs_data_key').values(key).execute();
    });
    return {};
  };

  const DeleteLogGroup: Handler<'logs', 'DeleteLogGroup'> = async (call, input) => {
    await database.transaction(async (transaction) => {
      const { name, is_protected } = await requireGroup(transaction, input.logGroupName ?? '');
      checkUnprotected(is_protected, name);
      const rows = tables(transaction);
      await dropStreams(rows, name);
      await rows.deleteFrom('logs_metric_filter').where('group_name', '=', name).execute();
      await rows.deleteFrom('logs_resource_policy').where('resource', '=', groupArn(call, name)).execute();
      await rows.deleteFrom('logs_group').where('name', '=', name).execute();
    });
    dropping.soon();
    return {};
  };

  async function change(
    nameOrArn: string | undefined,
    set: Partial<Pick<GroupRow, 'retention_days' | 'is_protected'>>,
  ): Promise<object> {
    await database.transaction(async (transaction) => {
      const group = await requireGroup(transaction, groupName(nameOrArn));
      await tables(transaction).updateTable('logs_group').set(set).where('name', '=', group.name).execute();
    });
    return {};
  }

  const PutRetentionPolicy: Handler<'logs', 'PutRetentionPolicy'> = async (_call, input) => {
    const days = input.retentionInDays ?? 0;
    if (!RETENTION_DAYS.includes(days)) {
      throw fault(
        'InvalidParameterException',
        `Invalid retentionInDays: ${days}. Valid: ${RETENTION_DAYS.join(', ')}`,
      );
    }
    return change(input.logGroupName, { retention_days: days });
  };

  const DeleteRetentionPolicy: Handler<'logs', 'DeleteRetentionPolicy'> = async (_call, input) =>
    change(input.logGroupName, { retention_days: null });

  const PutLogGroupDeletionProtection: Handler<'logs', 'PutLogGroupDeletionProtection'> = async (
    _call,
    input,
  ) => change(input.logGroupIdentifier, { is_protected: input.deletionProtectionEnabled ? 1 : 0 });

  const AssociateKmsKey: Handler<'logs', 'AssociateKmsKey'> = async (call, input) => {
    const name = groupOfKey(input);
    const { group_id } = await requireGroup(database.read, name);
    const key = await keys.create(group_id, groupArn(call, name), input.kmsKeyId ?? '');
    await database.transaction(async (transaction) => {
      await tables(transaction).insertInto('logs_data_key').values(key).execute();
      await setKey(transaction, name, group_id, key.data_key_id);
    });
    return {};
  };

  const DisassociateKmsKey: Handler<'logs', 'DisassociateKmsKey'> = async (_call, input) => {
    const name = groupOfKey(input);
    await database.transaction(async (transaction) => {
      const { group_id } = await requireGroup(transaction, name);
      await setKey(transaction, name, group_id, null);
    });
    return {};
  };

  /** For what comes in from now on; what is there stays under the key that it has. */
  async function setKey(
    transaction: Parameters<typeof requireGroup>[0],
    name: string,
    groupId: number,
    data_key_id: number | null,
  ): Promise<void> {
    const group = await requireGroup(transaction, name);
    if (group.group_id !== groupId) {
      throw fault('OperationAbortedException', 'The log group was deleted and made anew. Try again.');
    }
    await tables(transaction)
      .updateTable('logs_group')
      .set({ data_key_id })
      .where('name', '=', name)
      .execute();
  }

  return {
    CreateLogGroup,
    DeleteLogGroup,
    PutRetentionPolicy,
    DeleteRetentionPolicy,
    PutLogGroupDeletionProtection,
    AssociateKmsKey,
    DisassociateKmsKey,
  };
}

interface KeyInput {
  readonly logGroupName?: string | undefined;
  readonly resourceIdentifier?: string | undefined;
}

/** A key can also protect the results of queries, which are not there. */
export function groupOfKey({ logGroupName, resourceIdentifier }: KeyInput): string {
  if (logGroupName !== undefined && resourceIdentifier !== undefined) {
    throw fault('InvalidParameterException', 'Specify either logGroupName or resourceIdentifier, not both.');
  }
  return groupName(logGroupName ?? resourceIdentifier);
}

export function checkUnprotected(isProtected: number, name: string): void {
  if (!isProtected) return;
  throw fault(
    'InvalidOperationException',
    `Deletion protection of the log group ${name} is enabled; disable it first with PutLogGroupDeletionProtection.`,
  );
}

function checkClass(name: string | undefined): void {
  if (name === undefined || name === 'STANDARD') return;
  throw fault(
    'InvalidParameterException',
    `The log group class ${name} is not supported here: its events could be read by queries or deliveries only.`,
  );
}
