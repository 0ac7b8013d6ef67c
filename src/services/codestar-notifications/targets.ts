/** Targets: added to a rule and taken from it, listed, and taken from all rules at once. */

import { fault } from '#base/fault.ts';
import type { Handler } from '#services/service.ts';
import { pageOf, requireRule, type Room } from './room.ts';
import { resolveTarget, targetsOf, TARGETS_MAX } from './rules.ts';
import { tables } from './tables.ts';

type Notifications<Operation extends string> = Handler<'codestar-notifications', Operation>;

const PAGE_SIZE = 50;

export function targetOperations(room: Room) {
  const { database } = room.house;

  const Subscribe: Notifications<'Subscribe'> = async (call, input) => {
    const rule = await requireRule(database.read, call, input.Arn);
    const target = await resolveTarget(room, call, rule.rule_id, input.Target ?? {});
    await database.transaction(async (transaction) => {
      await requireRule(transaction, call, input.Arn);
      const present = await targetsOf(transaction, rule.rule_id);
      const isNew = !present.some(({ address }) => address === target.address);
      if (isNew && present.length >= TARGETS_MAX) {
        throw fault('ConfigurationException', `A notification rule can have ${TARGETS_MAX} targets.`);
      }
      await tables(transaction)
        .insertInto('notifications_target')
        .values(target)
        .onConflict((conflict) =>
          conflict.columns(['rule_id', 'address']).doUpdateSet({ status: target.status }),
        )
        .execute();
    });
    return { Arn: input.Arn };
  };

  /** Taking away what is not there is no error. */
  const Unsubscribe: Notifications<'Unsubscribe'> = async (call, input) => {
    await database.transaction(async (transaction) => {
      const rule = await requireRule(transaction, call, input.Arn);
      await tables(transaction)
        .deleteFrom('notifications_target')
        .where('rule_id', '=', rule.rule_id)
        .where('address', '=', input.TargetAddress ?? '')
        .execute();
    });
    return { Arn: input.Arn };
  };

  const ListTargets: Notifications<'ListTargets'> = async (_call, input) => {
    const rows = await tables(database)
      .selectFrom('notifications_target')
      .select(['address', 'type', 'status'])
      .distinct()
      .orderBy('address')
      .execute();
    const matching = rows.filter((row) =>
      (input.Filters ?? []).every(({ Name, Value }) => {
        switch (Name) {
          case 'TARGET_ADDRESS':
            return row.address === Value;
          case 'TARGET_TYPE':
            return row.type === Value;
          default:
            return row.status === Value;
        }
      }),
    );
    const { page, ...more } = pageOf(matching, input.NextToken, input.MaxResults ?? PAGE_SIZE);
    return {
      Targets: page.map(({ address, type, status }) => ({
        TargetAddress: address,
        TargetType: type,
        TargetStatus: status as 'ACTIVE',
      })),
      ...more,
    };
  };

  const DeleteTarget: Notifications<'DeleteTarget'> = async (_call, input) => {
    await database.transaction(async (transaction) => {
      const rows = tables(transaction);
      const address = input.TargetAddress ?? '';
      const used = await rows
        .selectFrom('notifications_target')
        .select('rule_id')
        .where('address', '=', address)
        .limit(1)
        .executeTakeFirst();
      if (used && input.ForceUnsubscribeAll !== true) {
        throw fault(
          'ValidationException',
          'The target is used by notification rules; ForceUnsubscribeAll removes it from all of them.',
        );
      }
      await rows.deleteFrom('notifications_target').where('address', '=', address).execute();
    });
    return {};
  };

  return { Subscribe, Unsubscribe, ListTargets, DeleteTarget };
}
