/**
 * Amazon CloudWatch: metrics that are put, read and computed with, and alarms on them, also composed of others.
 *
 * Gaps: see `gaps.ts`. Extended statistics other than percentiles; metric math beyond arithmetic, comparisons, ABS, CEIL,
 * FLOOR, FILL, IF, METRICS, SUM, AVG, MIN, MAX and SIZE; action suppressors of composite alarms; actions other than
 * topics, which fail and are kept in the history. CodeBuild's metrics of utilisation.
 *
 * By design: data can be read as soon as it is put. Percentiles of periods with more than 500 different values are exact
 * to one percent. All metrics of one alarm have the same period. An alarm is evaluated on the two periods beyond those
 * that it asks for. The region of a message is its code. Deployments, of which AWS keeps no metrics, are counted in the
 * namespace `Slipway`.
 */

import type { House, Service } from '#services/service.ts';
import { createAlarmMachine } from './alarm-machine.ts';
import { alarmOperations } from './alarms.ts';
import { describingOperations } from './describing.ts';
import { gaps } from './gaps.ts';
import { createOwnMetrics } from './own-metrics.ts';
import { permissions } from './permissions.ts';
import { puttingOperations } from './putting.ts';
import { readingOperations } from './reading.ts';
import { createRetention } from './retention.ts';
import type { AlarmMachine, Room } from './room.ts';
import { migrations } from './tables.ts';
import { taggingOperations } from './tagging.ts';
import { createWatch } from './watching.ts';

export function openCloudwatch(house: House): Service<'cloudwatch'> {
  const watch = createWatch(house, () => alarms);
  const alarms: AlarmMachine = createAlarmMachine(house, (name) => watch.lookAtParents(name));
  const room: Room = { house, alarms };
  const ownMetrics = createOwnMetrics(house);
  const retention = createRetention(house);
  return {
    name: 'cloudwatch',
    operations: {
      ...gaps,
      ...puttingOperations(room),
      ...readingOperations(room),
      ...alarmOperations(room, watch),
      ...describingOperations(room),
      ...taggingOperations(room),
    },
    permissions,
    machines: [alarms],
    migrations,
    subscriptions: ownMetrics.subscriptions,
    metrics: () => ownMetrics.text(),
    async recover() {
      watch.start();
      retention.start();
    },
    async close() {
      await Promise.all([watch.stop(), retention.stop()]);
    },
  };
}
