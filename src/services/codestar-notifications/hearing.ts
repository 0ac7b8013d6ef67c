/**
 * From the bus to the topics: what is heard becomes a notice for every rule that asks for it, and each notice tells the
 * rule's targets. The message is the event with what a person wants to know of it besides, which is looked up when the
 * message is written. AWS: "Understanding notification contents and security".
 */

import { isFault } from '#base/fault.ts';
import { resourceOfEvent, typesOfEvent } from '#core/notification/event-types.ts';
import { hasEnded, noticeDecider, type Notice } from '#core/notification/notice.ts';
import type { BusEvent, House, Subscription } from '#services/service.ts';
import { additionalAttributes } from './attributes.ts';
import { eventTypesOf, ruleArn, SERVICE, type NoticeMachine, type Room } from './room.ts';
import { targetsOf } from './rules.ts';
import { tables } from './tables.ts';

const SOURCES = ['aws.codepipeline', 'aws.codebuild', 'aws.codedeploy', 'aws.codecommit'];

export function createNoticeMachine(house: House): NoticeMachine {
  const { database, log } = house;
  return {
    kind: 'codestar-notifications.notice',
    decider: noticeDecider,
    effects: {
      async TellTarget({ target, notice }) {
        const Message = await messageOf(house, notice);
        try {
          await house.asService(SERVICE, notice.ruleArn).send('sns:Publish', { TopicArn: target, Message });
          await setStatus(notice.ruleArn, target, 'ACTIVE');
          return { type: 'TargetTold', target };
        } catch (error) {
          if (!isFault(error) || /^(InternalFailure|Throttl|ServiceUnavailable)/.test(error.code))
            throw error;
          const reason = `${error.code}: ${error.message}`;
          log.warn('a topic was not notified', { rule: notice.ruleArn, topic: target, reason });
          await setStatus(notice.ruleArn, target, 'UNREACHABLE');
          return { type: 'TargetRefused', target, reason };
        }
      },
    },
    async record(transaction, { id, after, event }) {
      if (!hasEnded(after)) return;
      await tables(transaction)
        .insertInto('notifications_notice')
        .values({ notice_id: id, ended_at: event.at })
        .onConflict((conflict) => conflict.column('notice_id').doNothing())
        .execute();
    },
  };

  async function setStatus(arn: string, address: string, status: string): Promise<void> {
    const change = tables(database)
      .selectFrom('notifications_target')
      .select('status')
      .where('rule_id', '=', arn.split('/').at(-1) ?? '')
      .where('address', '=', address);
    const row = await change.executeTakeFirst();
    if (!row || row.status === status) return;
    await database.transaction(async (transaction) => {
      await tables(transaction)
        .updateTable('notifications_target')
        .set({ status })
        .where('rule_id', '=', arn.split('/').at(-1) ?? '')
        .where('address', '=', address)
        .execute();
    }, 'snapshot');
  }
}

export function createSubscriptions(room: Room): readonly Subscription[] {
  return SOURCES.map((source) => ({ source, detailType: '*', hear: (event) => hear(room, event) }));
}

async function hear({ house, machine }: Room, event: BusEvent): Promise<void> {
  const types = typesOfEvent(event);
  if (types.length === 0) return;
  const rules = await tables(house.database)
    .selectFrom('notifications_rule')
    .selectAll()
    .where('resource', '=', resourceOfEvent(event, house))
    .where('is_enabled', '=', 1)
    .execute();
  for (const rule of rules) {
    const wanted = eventTypesOf(rule).filter((id) => types.includes(id));
    if (wanted.length === 0) continue;
    const targets = await targetsOf(house.database.read, rule.rule_id);
    if (targets.length === 0) continue;
    const { source, detailType, account, region, at, resources, detail } = event;
    const notice: Notice = {
      ...{ source, detailType, account, region, at, resources, detail },
      ruleArn: ruleArn(house, rule.rule_id),
      eventTypes: wanted,
      isFull: rule.is_full === 1,
    };
    await house.engine.send(machine, `${rule.rule_id}#${event.id}`, {
      type: 'EventHeard',
      notice,
      targets: targets.map(({ address }) => address),
    });
  }
}

async function messageOf(house: House, notice: Notice): Promise<string> {
  const { account, detailType, region, source, at, ruleArn: notificationRuleArn, detail, resources } = notice;
  return JSON.stringify({
    account,
    detailType,
    region,
    source,
    time: new Date(at).toISOString().replace(/\.\d{3}Z$/, 'Z'),
    notificationRuleArn,
    detail,
    resources,
    additionalAttributes: await additionalAttributes(house, notice),
  });
}
