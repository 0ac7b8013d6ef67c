/** The targets of rules. */

import type { Target } from '@aws-sdk/client-eventbridge';
import { fault } from '#base/fault.ts';
import type { Handler } from '#services/service.ts';
import { tooMany } from './buses.ts';
import { busName } from './names.ts';
import { readPage } from './paging.ts';
import { raiseGeneration, requireBus, requireRule, type Room } from './room.ts';
import { passRole, refuseManaged } from './rules.ts';
import { checkTarget, targetFault } from './target-definition.ts';
import { tables, type TargetRow } from './tables.ts';

type Events<Operation extends string> = Handler<'events', Operation>;

const TARGETS_PER_RULE_MAX = 5;

export function targetOperations(room: Room) {
  const { house } = room;
  const { database } = house;

  const PutTargets: Events<'PutTargets'> = async (call, input) => {
    const targets = input.Targets ?? [];
    const ids = new Set(targets.map(({ Id }) => Id));
    if (ids.size < targets.length) {
      throw fault('ValidationException', 'The targets contain the same Id more than once.');
    }
    targets.forEach(checkTarget);
    for (const role of new Set(targets.flatMap(({ RoleArn }) => RoleArn ?? []))) await passRole(call, role);
    const faults = new Map(targets.map((target) => [target, targetFault(target)]));
    const good = targets.filter((target) => faults.get(target) === undefined);
    await database.transaction(async (transaction) => {
      const rule = await requireRule(transaction, busName(input.EventBusName), input.Rule);
      refuseManaged(rule);
      const rows = tables(transaction);
      const there = await rows
        .selectFrom('events_target')
        .select('target_id')
        .where('rule_id', '=', rule.rule_id)
        .execute();
      const all = new Set([...there.map((row) => row.target_id), ...good.map(({ Id }) => Id)]);
      if (all.size > TARGETS_PER_RULE_MAX) throw tooMany();
      for (const target of good) {
        const { Id: target_id = '', Arn: arn = '' } = target;
        const definition = JSON.stringify(target);
        await rows
          .insertInto('events_target')
          .values({ rule_id: rule.rule_id, target_id, arn, definition })
          .onConflict((conflict) =>
            conflict.columns(['rule_id', 'target_id']).doUpdateSet({ arn, definition }),
          )
          .execute();
      }
      await raiseGeneration(rows);
    });
    const FailedEntries = targets.flatMap((target) => {
      const ErrorMessage = faults.get(target);
      if (ErrorMessage === undefined) return [];
      return [{ TargetId: target.Id, ErrorCode: 'ValidationException', ErrorMessage }];
    });
    return { FailedEntryCount: FailedEntries.length, FailedEntries };
  };

  const RemoveTargets: Events<'RemoveTargets'> = async (_call, input) => {
    const ids = input.Ids ?? [];
    const missing = await database.transaction(async (transaction) => {
      const rule = await requireRule(transaction, busName(input.EventBusName), input.Rule);
      if (input.Force !== true) refuseManaged(rule);
      const rows = tables(transaction);
      const there = await rows
        .selectFrom('events_target')
        .select('target_id')
        .where('rule_id', '=', rule.rule_id)
        .execute();
      await rows
        .deleteFrom('events_target')
        .where('rule_id', '=', rule.rule_id)
        .where('target_id', 'in', ids)
        .execute();
      await raiseGeneration(rows);
      return ids.filter((id) => !there.some((row) => row.target_id === id));
    });
    const FailedEntries = missing.map((id) => ({
      TargetId: id,
      ErrorCode: 'ResourceNotFoundException',
      ErrorMessage: `Rule ${input.Rule} does not have a target with the Id ${id}.`,
    }));
    return { FailedEntryCount: FailedEntries.length, FailedEntries };
  };

  const ListTargetsByRule: Events<'ListTargetsByRule'> = async (_call, input) => {
    const rule = await requireRule(database, busName(input.EventBusName), input.Rule);
    const page = await readPage<TargetRow>(
      house,
      ['ListTargetsByRule', rule.rule_id],
      input,
      (row) => row.target_id,
      (after, limit) =>
        tables(database)
          .selectFrom('events_target')
          .selectAll()
          .where('rule_id', '=', rule.rule_id)
          .where('target_id', '>', after)
          .orderBy('target_id')
          .limit(limit)
          .execute(),
    );
    return { Targets: page.rows.map((row) => JSON.parse(row.definition) as Target), ...page.next };
  };

  const ListRuleNamesByTarget: Events<'ListRuleNamesByTarget'> = async (_call, input) => {
    const bus = busName(input.EventBusName);
    await requireBus(database, bus);
    const arn = input.TargetArn ?? '';
    const page = await readPage<{ name: string }>(
      house,
      ['ListRuleNamesByTarget', bus, arn],
      input,
      (row) => row.name,
      (after, limit) =>
        tables(database)
          .selectFrom('events_rule')
          .select('name')
          .where('bus', '=', bus)
          .where('name', '>', after)
          .where('rule_id', 'in', (subquery) =>
            subquery.selectFrom('events_target').select('rule_id').where('arn', '=', arn),
          )
          .orderBy('name')
          .limit(limit)
          .execute(),
    );
    return { RuleNames: page.rows.map((row) => row.name), ...page.next };
  };

  return { PutTargets, RemoveTargets, ListTargetsByRule, ListRuleNamesByTarget };
}
