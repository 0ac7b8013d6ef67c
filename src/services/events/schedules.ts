/**
 * Schedules of rules. Each firing is an event of its own, whose id is derived from rule and time, so that it reaches
 * the targets once, however often the firing is repeated.
 */

import { deriveUuid } from '#base/ids.ts';
import { type Fire, scheduleDecider } from '#core/schedule/decide.ts';
import { createEnvelope, deliverEvent } from './accepting.ts';
import { DEFAULT_BUS } from './names.ts';
import type { Room } from './room.ts';
import { type RuleRow, tables } from './tables.ts';

export function createSchedules(room: () => Room): Room['schedules'] {
  return {
    kind: 'events.schedule',
    decider: scheduleDecider,
    effects: {
      async Fire(effect, { machineId }) {
        await fire(room(), effect, machineId);
        return undefined;
      },
    },
  };
}

/** After the rule's row was committed; `recoverSchedules` makes up for a crash in between. */
export async function setSchedule({ house, schedules }: Room, row: RuleRow): Promise<void> {
  const expression = row.state === 'DISABLED' ? null : row.schedule;
  const state = await house.engine.read(schedules, row.rule_id);
  if (!state && expression === null) return;
  await house.engine.send(schedules, row.rule_id, {
    type: 'ScheduleSet',
    ...(expression !== null && { expression }),
  });
}

/** Before anything is served: what a crash left between a rule and its schedule. */
export async function recoverSchedules(room: Room): Promise<void> {
  const rows = await tables(room.house.database)
    .selectFrom('events_rule')
    .selectAll()
    .where('bus', '=', DEFAULT_BUS)
    .execute();
  for (const row of rows) await setSchedule(room, row);
}

async function fire(room: Room, { at }: Fire, ruleId: string): Promise<void> {
  const rule = await room.ruleBook.ruleById(ruleId);
  if (!rule?.isEnabled) return;
  const envelope = createEnvelope(room.house, {
    id: deriveUuid(`schedule ${ruleId} ${at}`, 0),
    source: 'aws.events',
    detailType: 'Scheduled Event',
    at,
    resources: [rule.arn],
    detail: '{}',
  });
  await deliverEvent(room, [rule], envelope, 'schedule');
}
