/** Rules: a pattern or a schedule, on or off. A rule that a service manages is changed only by force. */

import { createUuid } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import { parseEventPattern } from '#core/event-pattern/parse.ts';
import { principalArn } from '#core/policy/principal.ts';
import { parseSchedule } from '#core/schedule/expression.ts';
import type { Call, Handler, Scope } from '#services/service.ts';
import { tooMany } from './buses.ts';
import { busName, DEFAULT_BUS, ruleArn } from './names.ts';
import { readPage } from './paging.ts';
import { findRule, raiseGeneration, requireBus, requireRule, type Room } from './room.ts';
import { setSchedule } from './schedules.ts';
import { type RuleRow, tables } from './tables.ts';
import { checkTags, tagsOfList } from './tagging.ts';

type Events<Operation extends string> = Handler<'events', Operation>;

const RULES_PER_BUS_MAX = 300;

export function ruleOperations(room: Room) {
  const { house } = room;
  const { database } = house;

  const PutRule: Events<'PutRule'> = async (call, input) => {
    const bus = busName(input.EventBusName);
    const { Name: name = '', EventPattern: pattern, ScheduleExpression: schedule } = input;
    checkTrigger(bus, pattern, schedule);
    if (input.RoleArn !== undefined) await passRole(call, input.RoleArn);
    if (input.Tags?.length) {
      await call.authorize({ action: 'events:TagResource', resource: ruleArn(call, bus, name) });
    }
    const change = {
      pattern: pattern || null,
      schedule: schedule || null,
      state: input.State ?? 'ENABLED',
      description: input.Description ?? null,
      role_arn: input.RoleArn ?? null,
    };
    const tags = JSON.stringify(checkTags(tagsOfList(input.Tags)));
    const row = await database.transaction(async (transaction) => {
      await requireBus(transaction, bus);
      const rows = tables(transaction);
      const there = await findRule(transaction, bus, name);
      if (there) {
        refuseManaged(there);
        await rows.updateTable('events_rule').set(change).where('rule_id', '=', there.rule_id).execute();
      } else {
        if ((await countRules(rows, bus)) >= RULES_PER_BUS_MAX) throw tooMany();
        const made = { rule_id: createUuid(), bus, name, managed_by: null, tags };
        await rows
          .insertInto('events_rule')
          .values({ ...made, ...change, created_by: principalArn(call.principal) })
          .execute();
      }
      await raiseGeneration(rows);
      return requireRule(transaction, bus, name);
    });
    await setSchedule(room, row);
    return { RuleArn: ruleArn(call, bus, name) };
  };

  const DescribeRule: Events<'DescribeRule'> = async (call, input) => {
    const row = await requireRule(database, busName(input.EventBusName), input.Name);
    return { ...viewRule(call, row), CreatedBy: call.account };
  };

  const ListRules: Events<'ListRules'> = async (call, input) => {
    const bus = busName(input.EventBusName);
    await requireBus(database, bus);
    const prefix = input.NamePrefix ?? '';
    const page = await readPage<RuleRow>(
      house,
      ['ListRules', bus, prefix],
      input,
      (row) => row.name,
      (after, limit) =>
        tables(database)
          .selectFrom('events_rule')
          .selectAll()
          .where('bus', '=', bus)
          .where('name', '>', after)
          .where('name', '>=', prefix)
          .where('name', '<', `${prefix}\u{10ffff}`)
          .orderBy('name')
          .limit(limit)
          .execute(),
    );
    return { Rules: page.rows.map((row) => viewRule(call, row)), ...page.next };
  };

  const DeleteRule: Events<'DeleteRule'> = async (_call, input) => {
    const bus = busName(input.EventBusName);
    const gone = await database.transaction(async (transaction) => {
      const row = await findRule(transaction, bus, input.Name ?? '');
      // As on AWS, a rule that is not there is deleted.
      if (!row) return undefined;
      if (input.Force !== true) refuseManaged(row);
      const rows = tables(transaction);
      const target = await rows
        .selectFrom('events_target')
        .select('target_id')
        .where('rule_id', '=', row.rule_id)
        .executeTakeFirst();
      if (target) throw fault('ValidationException', "Rule can't be deleted since it has targets.");
      await rows.deleteFrom('events_rule').where('rule_id', '=', row.rule_id).execute();
      await raiseGeneration(rows);
      return row;
    });
    if (gone) await house.engine.forget(room.schedules, gone.rule_id);
    return {};
  };

  const setState = async (
    input: { readonly Name?: string | undefined; readonly EventBusName?: string | undefined },
    state: string,
  ): Promise<object> => {
    const row = await database.transaction(async (transaction) => {
      const found = await requireRule(transaction, busName(input.EventBusName), input.Name);
      refuseManaged(found);
      const rows = tables(transaction);
      await rows.updateTable('events_rule').set({ state }).where('rule_id', '=', found.rule_id).execute();
      await raiseGeneration(rows);
      return { ...found, state };
    });
    await setSchedule(room, row);
    return {};
  };

  const EnableRule: Events<'EnableRule'> = async (_call, input) => setState(input, 'ENABLED');
  const DisableRule: Events<'DisableRule'> = async (_call, input) => setState(input, 'DISABLED');

  return { PutRule, DescribeRule, ListRules, DeleteRule, EnableRule, DisableRule };
}

/** Who lets a role act must be allowed to pass it on. */
export async function passRole(call: Call, roleArn: string): Promise<void> {
  await call.authorize({
    action: 'iam:PassRole',
    resource: roleArn,
    context: { 'iam:PassedToService': 'events.amazonaws.com' },
  });
}

export function refuseManaged(row: RuleRow): void {
  if (row.managed_by === null) return;
  throw fault('ManagedRuleException', `Rule ${row.name} is managed by ${row.managed_by}.`);
}

export function checkEventPattern(text: string): void {
  const parsed = parseEventPattern(text);
  if ('error' in parsed) {
    throw fault('InvalidEventPatternException', `Event pattern is not valid. Reason: ${parsed.error}`);
  }
}

function checkTrigger(bus: string, pattern: string | undefined, schedule: string | undefined): void {
  if (!pattern && !schedule) {
    throw fault('ValidationException', 'Parameter(s) EventPattern or ScheduleExpression must be specified.');
  }
  if (pattern) checkEventPattern(pattern);
  if (!schedule) return;
  if (bus !== DEFAULT_BUS) {
    throw fault('ValidationException', 'ScheduleExpression is supported only on the default event bus.');
  }
  if ('error' in parseSchedule(schedule)) {
    throw fault('ValidationException', 'Parameter ScheduleExpression is not valid.');
  }
}

async function countRules(rows: ReturnType<typeof tables>, bus: string): Promise<number> {
  const { count } = await rows
    .selectFrom('events_rule')
    .select((row) => row.fn.countAll<number>().as('count'))
    .where('bus', '=', bus)
    .executeTakeFirstOrThrow();
  return Number(count);
}

function viewRule(scope: Scope, row: RuleRow) {
  return {
    Name: row.name,
    Arn: ruleArn(scope, row.bus, row.name),
    ...(row.pattern !== null && { EventPattern: row.pattern }),
    ...(row.schedule !== null && { ScheduleExpression: row.schedule }),
    State: row.state as 'ENABLED',
    ...(row.description !== null && { Description: row.description }),
    ...(row.role_arn !== null && { RoleArn: row.role_arn }),
    ...(row.managed_by !== null && { ManagedBy: row.managed_by }),
    EventBusName: row.bus,
  };
}
