/** Notification rules: made, changed, described, listed, deleted. */

import { createText } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { Kysely } from 'kysely';
import { EVENT_TYPES, prefixOfResource } from '#core/notification/event-types.ts';
import { principalArn } from '#core/policy/principal.ts';
import type { Call, Handler } from '#services/service.ts';
import type { Target } from '@aws-sdk/client-codestar-notifications';
import {
  eventTypesOf,
  findRule,
  pageOf,
  requireRule,
  ruleArn,
  tagsOf,
  targetStatus,
  type Room,
} from './room.ts';
import { tables, type RuleRow, type TargetRow } from './tables.ts';
import { checkTags } from './tagging.ts';

type Notifications<Operation extends string> = Handler<'codestar-notifications', Operation>;

const RULES_MAX = 1_000;
const RULES_PER_RESOURCE_MAX = 10;
export const TARGETS_MAX = 10;
const PAGE_SIZE = 50;

export function ruleOperations(room: Room) {
  const { database } = room.house;

  const CreateNotificationRule: Notifications<'CreateNotificationRule'> = async (call, input) => {
    const resource = input.Resource ?? '';
    const eventTypes = checkEventTypes(resource, input.EventTypeIds ?? []);
    const tags = checkTags(input.Tags ?? {});
    const ruleId = createText('0123456789abcdef', 40);
    const row: RuleRow = {
      rule_id: ruleId,
      name: input.Name ?? '',
      resource,
      event_types: JSON.stringify(eventTypes),
      is_full: input.DetailType === 'FULL' ? 1 : 0,
      is_enabled: input.Status === 'DISABLED' ? 0 : 1,
      created_by: principalArn(call.principal),
      created_at: call.at,
      changed_at: call.at,
      tags: JSON.stringify(tags),
      client_token: input.ClientRequestToken ?? null,
    };
    const targets = await resolveTargets(call, ruleId, input.Targets ?? []);
    const made = await database.transaction(async (transaction) => {
      const twin = await findRepeated(transaction, row);
      if (twin) return twin;
      await checkRoom(transaction, row, targets);
      await tables(transaction).insertInto('notifications_rule').values(row).execute();
      await putTargets(transaction, targets);
      return row;
    });
    return { Arn: ruleArn(call, made.rule_id) };
  };

  const UpdateNotificationRule: Notifications<'UpdateNotificationRule'> = async (call, input) => {
    const before = await requireRule(database.read, call, input.Arn);
    const targets =
      input.Targets === undefined ? undefined : await resolveTargets(call, before.rule_id, input.Targets);
    const eventTypes =
      input.EventTypeIds === undefined ? undefined : checkEventTypes(before.resource, input.EventTypeIds);
    await database.transaction(async (transaction) => {
      const row = await requireRule(transaction, call, input.Arn);
      const rows = tables(transaction);
      if (input.Name !== undefined && input.Name !== row.name) await requireFreeName(transaction, input.Name);
      await rows
        .updateTable('notifications_rule')
        .set({
          changed_at: call.at,
          ...(input.Name === undefined ? {} : { name: input.Name }),
          ...(eventTypes === undefined ? {} : { event_types: JSON.stringify(eventTypes) }),
          ...(input.DetailType === undefined ? {} : { is_full: input.DetailType === 'FULL' ? 1 : 0 }),
          ...(input.Status === undefined ? {} : { is_enabled: input.Status === 'ENABLED' ? 1 : 0 }),
        })
        .where('rule_id', '=', row.rule_id)
        .execute();
      if (targets === undefined) return;
      await rows.deleteFrom('notifications_target').where('rule_id', '=', row.rule_id).execute();
      await putTargets(transaction, targets);
    });
    return {};
  };

  const DeleteNotificationRule: Notifications<'DeleteNotificationRule'> = async (call, input) => {
    await database.transaction(async (transaction) => {
      const row = await findRule(transaction, call, input.Arn);
      if (!row) return;
      const rows = tables(transaction);
      await rows.deleteFrom('notifications_target').where('rule_id', '=', row.rule_id).execute();
      await rows.deleteFrom('notifications_rule').where('rule_id', '=', row.rule_id).execute();
    });
    return { Arn: input.Arn };
  };

  const DescribeNotificationRule: Notifications<'DescribeNotificationRule'> = async (call, input) => {
    const row = await requireRule(database.read, call, input.Arn);
    const wanted = new Set(eventTypesOf(row));
    return {
      Arn: input.Arn,
      Name: row.name,
      Resource: row.resource,
      DetailType: row.is_full === 1 ? 'FULL' : 'BASIC',
      Status: row.is_enabled === 1 ? 'ENABLED' : 'DISABLED',
      CreatedBy: row.created_by,
      CreatedTimestamp: new Date(row.created_at),
      LastModifiedTimestamp: new Date(row.changed_at),
      Tags: tagsOf(row),
      EventTypes: EVENT_TYPES.filter(({ id }) => wanted.has(id)).map(viewEventType),
      Targets: (await targetsOf(database.read, row.rule_id)).map(viewTarget),
    };
  };

  const ListNotificationRules: Notifications<'ListNotificationRules'> = async (call, input) => {
    const rows = await tables(database)
      .selectFrom('notifications_rule')
      .selectAll()
      .orderBy('rule_id')
      .execute();
    const targets = await tables(database).selectFrom('notifications_target').selectAll().execute();
    const matching = rows.filter((row) =>
      (input.Filters ?? []).every(({ Name, Value = '' }) => {
        switch (Name) {
          case 'RESOURCE':
            return row.resource === Value;
          case 'CREATED_BY':
            return row.created_by === Value;
          case 'EVENT_TYPE_ID':
            return eventTypesOf(row).includes(Value);
          default:
            return targets.some((target) => target.rule_id === row.rule_id && target.address === Value);
        }
      }),
    );
    const { page, ...more } = pageOf(matching, input.NextToken, input.MaxResults ?? PAGE_SIZE);
    return {
      NotificationRules: page.map((row) => ({ Id: row.rule_id, Arn: ruleArn(call, row.rule_id) })),
      ...more,
    };
  };

  const ListEventTypes: Notifications<'ListEventTypes'> = async (_call, input) => {
    const matching = EVENT_TYPES.filter(({ service, resourceType }) =>
      (input.Filters ?? []).every(({ Name, Value }) =>
        Name === 'SERVICE_NAME' ? service === Value : resourceType === Value,
      ),
    );
    const { page, ...more } = pageOf(matching, input.NextToken, input.MaxResults ?? PAGE_SIZE);
    return { EventTypes: page.map(viewEventType), ...more };
  };

  async function resolveTargets(
    call: Call,
    ruleId: string,
    targets: readonly Target[],
  ): Promise<readonly TargetRow[]> {
    return Promise.all(targets.map((target) => resolveTarget(room, call, ruleId, target)));
  }

  return {
    CreateNotificationRule,
    UpdateNotificationRule,
    DeleteNotificationRule,
    DescribeNotificationRule,
    ListNotificationRules,
    ListEventTypes,
  };
}

export async function resolveTarget(
  room: Room,
  call: Call,
  ruleId: string,
  { TargetAddress: address = '', TargetType: type = 'SNS' }: Target,
): Promise<TargetRow> {
  if (type !== 'SNS') {
    throw fault(
      'ValidationException',
      `Targets of the type ${type} are not supported: Slipway notifies SNS topics.`,
    );
  }
  if (!/^arn:aws:sns:[^:]+:\d{12}:[^:]+$/.test(address)) {
    throw fault('ValidationException', 'The address of a target must be the ARN of an SNS topic.');
  }
  const status = await targetStatus(room.house, ruleArn(call, ruleId), address);
  return { rule_id: ruleId, address, type, status };
}

export function targetsOf(database: Kysely<unknown>, ruleId: string): Promise<TargetRow[]> {
  return tables(database)
    .selectFrom('notifications_target')
    .selectAll()
    .where('rule_id', '=', ruleId)
    .orderBy('address')
    .execute();
}

async function putTargets(transaction: Kysely<unknown>, targets: readonly TargetRow[]): Promise<void> {
  const unique = new Map(targets.map((target) => [target.address, target]));
  if (unique.size > 0) {
    await tables(transaction)
      .insertInto('notifications_target')
      .values([...unique.values()])
      .execute();
  }
}

/** Sorted, without repetitions. Throws for types that the resource cannot have. */
function checkEventTypes(resource: string, ids: readonly string[]): readonly string[] {
  const prefix = prefixOfResource(resource);
  if (prefix === undefined) {
    throw fault('ValidationException', `Notification rules are not supported for the resource ${resource}.`);
  }
  if (ids.length === 0) throw fault('ValidationException', 'A notification rule must have an event type.');
  const known = new Set(EVENT_TYPES.map(({ id }) => id).filter((id) => id.startsWith(`${prefix}-`)));
  const unknown = ids.find((id) => !known.has(id));
  if (unknown !== undefined) {
    throw fault(
      'ValidationException',
      `The event type ${unknown} is not valid for the resource ${resource}.`,
    );
  }
  return [...new Set(ids)].sort();
}

/** A request that is repeated under its token makes no second rule. */
async function findRepeated(transaction: Kysely<unknown>, row: RuleRow): Promise<RuleRow | undefined> {
  if (row.client_token === null) return undefined;
  const there = await tables(transaction)
    .selectFrom('notifications_rule')
    .selectAll()
    .where('client_token', '=', row.client_token)
    .executeTakeFirst();
  if (!there) return undefined;
  if (there.name === row.name && there.resource === row.resource) return there;
  throw fault('ValidationException', 'The client request token was used for another notification rule.');
}

async function checkRoom(
  transaction: Kysely<unknown>,
  row: RuleRow,
  targets: readonly TargetRow[],
): Promise<void> {
  await requireFreeName(transaction, row.name);
  const rows = tables(transaction);
  const { total } = await rows
    .selectFrom('notifications_rule')
    .select((select) => select.fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow();
  const siblings = await rows
    .selectFrom('notifications_rule')
    .selectAll()
    .where('resource', '=', row.resource)
    .execute();
  if (Number(total) >= RULES_MAX || siblings.length >= RULES_PER_RESOURCE_MAX) {
    throw fault(
      'LimitExceededException',
      `A resource can have ${RULES_PER_RESOURCE_MAX} notification rules, an account ${RULES_MAX}.`,
    );
  }
  for (const sibling of siblings.filter(({ event_types: types }) => types === row.event_types)) {
    const theirs = await targetsOf(transaction, sibling.rule_id);
    if (targets.some(({ address }) => theirs.some((target) => target.address === address))) {
      throw alreadyThere(`A rule with the same resource, event types and target exists: ${sibling.name}.`);
    }
  }
}

async function requireFreeName(transaction: Kysely<unknown>, name: string): Promise<void> {
  const there = await tables(transaction)
    .selectFrom('notifications_rule')
    .select('rule_id')
    .where('name', '=', name)
    .executeTakeFirst();
  if (there) throw alreadyThere(`A notification rule with the name ${name} already exists.`);
}

function alreadyThere(message: string) {
  return fault('ResourceAlreadyExistsException', message);
}

function viewEventType({ id, service, name, resourceType }: (typeof EVENT_TYPES)[number]) {
  return { EventTypeId: id, ServiceName: service, EventTypeName: name, ResourceType: resourceType };
}

function viewTarget(row: TargetRow) {
  return { TargetAddress: row.address, TargetType: row.type, TargetStatus: row.status as 'ACTIVE' };
}
