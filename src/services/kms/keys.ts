/** Keys: made, described, listed, turned on and off, and deleted after a time in which that can be taken back. */

import { createUuid } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import { defaultKeyPolicy } from '#core/key/key-policy.ts';
import { isKeySpec, specFacts, type KeySpec, type KeyUsage } from '#core/key/specs.ts';
import type { Call, Handler } from '#services/service.ts';
import { authorize, callConditions, findKey, findKeyById } from './finding.ts';
import { createWrapped, keepMaterial } from './material.ts';
import { pageOf } from './paging.ts';
import { checkPolicy } from './policies.ts';
import { decide, keyArn, KEYS_MAX, type Room } from './room.ts';
import { withTables } from './tables.ts';
import { readTags } from './tagging.ts';
import { metadataOf } from './views.ts';

const DELETION_DAYS_DEFAULT = 30;

export function keyOperations(room: Room) {
  const { house } = room;

  const CreateKey: Handler<'kms', 'CreateKey'> = async (call, input) => {
    if ((input.Origin ?? 'AWS_KMS') !== 'AWS_KMS' || input.CustomKeyStoreId !== undefined) {
      throw fault(
        'UnsupportedOperationException',
        'Only keys whose material is made here (AWS_KMS) are supported.',
      );
    }
    if (input.MultiRegion === true) {
      throw fault('UnsupportedOperationException', 'There is one region, so there are no multi-Region keys.');
    }
    const spec = readSpec(input.KeySpec ?? input.CustomerMasterKeySpec ?? 'SYMMETRIC_DEFAULT');
    const usage = readUsage(spec, input.KeyUsage);
    const tags = readTags(input.Tags ?? []);
    await authorizeCreation(call, spec, usage, tags);
    const id = createUuid();
    const arn = keyArn(house, id);
    const policy = input.Policy ?? defaultKeyPolicy(house.account);
    checkPolicy(call, arn, policy, input.BypassPolicyLockoutSafetyCheck);
    await checkRoomForKey(room);
    const wrapped = await createWrapped(house.keyring, id, 1, spec);
    const { state } = await house.engine.send(
      room.machine,
      id,
      {
        type: 'KeyCreated',
        id,
        arn,
        manager: 'CUSTOMER',
        spec,
        usage,
        description: input.Description ?? '',
        policy,
        tags,
        materialId: wrapped.materialId,
      },
      async (transaction) => void (await keepMaterial(transaction, id, 1, wrapped)),
    );
    return { KeyMetadata: metadataOf(state, house.account) };
  };

  const DescribeKey: Handler<'kms', 'DescribeKey'> = async (call, input) => {
    const key = await findKey(room, call, 'DescribeKey', input.KeyId);
    await authorize(room, call, key, { action: 'DescribeKey', grantTokens: input.GrantTokens });
    return { KeyMetadata: metadataOf(key.state, house.account) };
  };

  const ListKeys: Handler<'kms', 'ListKeys'> = async (_call, input) => {
    const rows = await withTables(house.database.read)
      .selectFrom('kms_key')
      .select('key_id')
      .orderBy('key_id')
      .execute();
    const { shown, page } = pageOf(rows, (row) => row.key_id, input);
    return {
      Keys: shown.map(({ key_id }) => ({ KeyId: key_id, KeyArn: keyArn(house, key_id) })),
      ...page,
    };
  };

  const EnableKey: Handler<'kms', 'EnableKey'> = async (call, input) => {
    const key = await findKeyById(room, call, 'EnableKey', input.KeyId);
    await authorize(room, call, key, { action: 'EnableKey' });
    await decide(room, key.state.id, { type: 'KeyEnabled' });
    return {};
  };

  const DisableKey: Handler<'kms', 'DisableKey'> = async (call, input) => {
    const key = await findKeyById(room, call, 'DisableKey', input.KeyId);
    await authorize(room, call, key, { action: 'DisableKey' });
    await decide(room, key.state.id, { type: 'KeyDisabled' });
    return {};
  };

  const UpdateKeyDescription: Handler<'kms', 'UpdateKeyDescription'> = async (call, input) => {
    const key = await findKeyById(room, call, 'UpdateKeyDescription', input.KeyId);
    await authorize(room, call, key, { action: 'UpdateKeyDescription' });
    await decide(room, key.state.id, { type: 'DescriptionChanged', description: input.Description ?? '' });
    return {};
  };

  const ScheduleKeyDeletion: Handler<'kms', 'ScheduleKeyDeletion'> = async (call, input) => {
    const key = await findKeyById(room, call, 'ScheduleKeyDeletion', input.KeyId);
    const days = input.PendingWindowInDays ?? DELETION_DAYS_DEFAULT;
    const conditions = { 'kms:ScheduleKeyDeletionPendingWindowInDays': String(days) };
    await authorize(room, call, key, { action: 'ScheduleKeyDeletion', conditions });
    if (days < 7 || days > 30) {
      throw fault('ValidationException', 'The waiting period must be between 7 and 30 days.');
    }
    const { arn, deletion } = await decide(room, key.state.id, { type: 'DeletionScheduled', days });
    return {
      KeyId: arn,
      KeyState: 'PendingDeletion',
      PendingWindowInDays: days,
      ...(deletion ? { DeletionDate: new Date(deletion.at) } : {}),
    };
  };

  const CancelKeyDeletion: Handler<'kms', 'CancelKeyDeletion'> = async (call, input) => {
    const key = await findKeyById(room, call, 'CancelKeyDeletion', input.KeyId);
    await authorize(room, call, key, { action: 'CancelKeyDeletion' });
    const { arn } = await decide(room, key.state.id, { type: 'DeletionCancelled' });
    return { KeyId: arn };
  };

  return {
    CreateKey,
    DescribeKey,
    ListKeys,
    EnableKey,
    DisableKey,
    UpdateKeyDescription,
    ScheduleKeyDeletion,
    CancelKeyDeletion,
  };
}

async function authorizeCreation(
  call: Call,
  spec: KeySpec,
  usage: KeyUsage,
  tags: Readonly<Record<string, string>>,
): Promise<void> {
  const names = Object.keys(tags);
  const context = {
    ...callConditions(call),
    'kms:KeySpec': spec,
    'kms:KeyUsage': usage,
    'kms:KeyOrigin': 'AWS_KMS',
    ...(names.length > 0 ? { 'aws:TagKeys': names } : {}),
    ...Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:RequestTag/${key}`, value])),
  };
  await call.authorize({ action: 'kms:CreateKey', resource: '*', context });
  if (names.length > 0) await call.authorize({ action: 'kms:TagResource', resource: '*', context });
}

function readSpec(text: string): KeySpec {
  if (isKeySpec(text)) return text;
  throw fault('UnsupportedOperationException', `Keys of the spec ${text} are not supported.`);
}

/** Keys that could do two things must say which one; the others have a default only for encryption. */
function readUsage(spec: KeySpec, wanted: string | undefined): KeyUsage {
  const { usages } = specFacts[spec];
  const usage = usages.find((each) => each === (wanted ?? 'ENCRYPT_DECRYPT'));
  if (usage !== undefined && (wanted !== undefined || spec === 'SYMMETRIC_DEFAULT')) return usage;
  if (wanted === undefined) {
    throw fault('ValidationException', `You must specify a KeyUsage value for the key spec ${spec}.`);
  }
  throw fault('ValidationException', `KeyUsage ${wanted} is not compatible with KeySpec ${spec}`);
}

async function checkRoomForKey({ house }: Room): Promise<void> {
  const { count } = await withTables(house.database.read)
    .selectFrom('kms_key')
    .select((select) => select.fn.countAll().as('count'))
    .executeTakeFirstOrThrow();
  if (Number(count) < KEYS_MAX) return;
  throw fault('LimitExceededException', `There are ${KEYS_MAX} keys already, which is the limit.`);
}
