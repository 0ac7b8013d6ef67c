/**
 * Amazon EventBridge: buses, rules with patterns and schedules, targets, archives and replays. Every event of every
 * room comes to the default bus.
 *
 * Targets: CodePipeline, CodeBuild, SNS, SQS, CloudWatch Logs and other buses of this account and region. Any other is
 * accepted as it is on AWS, and its events go to the dead-letter queue at once, or are kept as failed and logged.
 *
 * Gaps: see `gaps.ts`; encryption keys, dead-letter queues and log settings of buses. A rule's state
 * ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS means ENABLED.
 *
 * By design: a firing that was missed while the server was down is made up for by one, late; AWS has no such time. An
 * event that comes back to a bus on which it was is not delivered there again. CloudWatch Logs has no resource
 * policies here, so rules may write to every log group of their account; events go to a stream of the rule's name.
 * A repeated start of a pipeline carries the same token, so that an event starts it once.
 */

import type { BusEvent, House, Service } from '#services/service.ts';
import { acceptEvent, createEnvelope } from './accepting.ts';
import { archiveOperations, createArchiveSweep } from './archives.ts';
import { busPolicyOperations, createPolicyReader } from './bus-policy.ts';
import { busOperations, createDefaultBus } from './buses.ts';
import { createDeliveries } from './deliveries.ts';
import { gaps } from './gaps.ts';
import { DEFAULT_BUS } from './names.ts';
import { permissions } from './permissions.ts';
import { puttingOperations } from './putting.ts';
import { createReplays, replayOperations } from './replays.ts';
import type { Room } from './room.ts';
import { createRuleBook } from './rule-book.ts';
import { ruleOperations } from './rules.ts';
import { createSchedules, recoverSchedules } from './schedules.ts';
import { migrations } from './tables.ts';
import { taggingOperations } from './tagging.ts';
import { targetOperations } from './targets.ts';

export function openEvents(house: House): Service<'events'> {
  const replays = createReplays(() => room);
  const room: Room = {
    house,
    deliveries: createDeliveries(() => room),
    schedules: createSchedules(() => room),
    ruleBook: createRuleBook(house),
  };
  const sweep = createArchiveSweep(house);
  const envelopeOf = (event: BusEvent) =>
    createEnvelope(house, { ...event, detail: JSON.stringify(event.detail) });
  const hear = (event: BusEvent) => acceptEvent(room, DEFAULT_BUS, envelopeOf(event));
  const wants = async (event: BusEvent) => {
    const { rules, archives } = await room.ruleBook.match(DEFAULT_BUS, envelopeOf(event).json);
    return rules.length > 0 || archives.length > 0;
  };
  return {
    name: 'events',
    operations: {
      ...gaps,
      ...busOperations(room),
      ...busPolicyOperations(room),
      ...ruleOperations(room),
      ...targetOperations(room),
      ...puttingOperations(room),
      ...archiveOperations(room),
      ...replayOperations(room, replays),
      ...taggingOperations(room),
    },
    permissions,
    machines: [room.deliveries, room.schedules, replays],
    migrations,
    subscriptions: [{ source: '*', detailType: '*', hear, wants }],
    resourcePolicy: createPolicyReader(house),
    async recover() {
      await createDefaultBus(house);
      await recoverSchedules(room);
      await sweep.start();
    },
    close: async () => sweep.stop(),
  };
}
