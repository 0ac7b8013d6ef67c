/** Alarms in the world: their rows and history in the transaction of each decision, their announcements and actions. */

import { isFault } from '#base/fault.ts';
import { parseArn } from '#base/arn.ts';
import { eventDetail, messageSubject, messageText, settingsDetail } from '#core/alarm/announcement.ts';
import { alarmDecider } from '#core/alarm/decide.ts';
import { historyOf } from '#core/alarm/history.ts';
import type { AlarmEvent, TakeAction } from '#core/alarm/state.ts';
import { metricKey } from '#core/metric/metric.ts';
import type { House } from '#services/service.ts';
import { alarmArn } from './names.ts';
import type { AlarmMachine } from './room.ts';
import { tables } from './tables.ts';

const SERVICE = 'cloudwatch';

/** `onAnnounced` lets composed alarms look again; it may be told of one change more than once. */
export function createAlarmMachine(house: House, onAnnounced: (name: string) => Promise<void>): AlarmMachine {
  const machine: AlarmMachine = {
    kind: 'cloudwatch.alarm',
    decider: alarmDecider,
    effects: {
      async Announce(effect, { effectId }) {
        const { change } = effect;
        await tell(house, effectId, 'CloudWatch Alarm State Change', change, eventDetail(change));
        await onAnnounced(change.name);
        return undefined;
      },
      async AnnounceSettings({ change }, { effectId }) {
        const detail = settingsDetail(change);
        await tell(house, effectId, 'CloudWatch Alarm Configuration Change', change, detail);
        return undefined;
      },
      TakeAction: (effect) => act(house, effect),
      async Forget(_effect, { machineId }) {
        const state = await house.engine.read(machine, machineId);
        if (state?.deletedAt !== undefined) await house.engine.forget(machine, machineId);
        return undefined;
      },
    },
    async record(transaction, { before, after, event }) {
      const rows = tables(transaction);
      const { name, settings, verdict } = after;
      const alarmType = settings.type === 'metric' ? 'MetricAlarm' : 'CompositeAlarm';
      if (after.deletedAt !== undefined) {
        await rows.deleteFrom('cloudwatch_alarm').where('name', '=', name).execute();
      } else {
        const stat = settings.type === 'metric' ? settings.stat : undefined;
        const copy = {
          type: settings.type,
          value: verdict.value,
          metric_key: stat ? metricKey(stat.metric) : null,
          state: JSON.stringify(after),
        };
        await rows
          .insertInto('cloudwatch_alarm')
          .values({ name, ...copy, tags: '{}' })
          .onConflict((conflict) => conflict.column('name').doUpdateSet(copy))
          .execute();
      }
      for (const [index, item] of historyOf(before, after, event).entries()) {
        const id = `${String(event.at).padStart(15, '0')} ${event.chance} ${index}`;
        await rows
          .insertInto('cloudwatch_history')
          .values({ item_id: id, name, alarm_type: alarmType, at: event.at, ...item })
          .execute();
      }
    },
  };
  return machine;
}

async function tell(
  house: House,
  id: string,
  detailType: string,
  { name, at }: { readonly name: string; readonly at: number },
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { account, region } = house;
  const resources = [alarmArn(house, name)];
  await house.publish({ id, source: 'aws.cloudwatch', detailType, account, region, at, resources, detail });
}

/** Topics are told under their own policies, for this alarm; any other action has nobody here who could take it. */
async function act(house: House, { arn, change }: TakeAction): Promise<AlarmEvent> {
  const ownArn = alarmArn(house, change.name);
  const service = parseArn(arn)?.service;
  if (service !== 'sns') {
    const error = `This installation has no service that takes actions of ${service}.`;
    return { type: 'ActionEnded', arn, error };
  }
  const home = { account: house.account, region: house.region, arn: ownArn };
  try {
    await house.asService(SERVICE, ownArn).send('sns:Publish', {
      TopicArn: arn,
      Subject: messageSubject(change, home),
      Message: messageText(change, home),
    });
    return { type: 'ActionEnded', arn };
  } catch (error) {
    if (!isFault(error) || /^(InternalFailure|Throttl|ServiceUnavailable)/.test(error.code)) throw error;
    house.log.warn('the action of an alarm was refused', { alarm: change.name, arn, code: error.code });
    return { type: 'ActionEnded', arn, error: `${error.code}: ${error.message}` };
  }
}
