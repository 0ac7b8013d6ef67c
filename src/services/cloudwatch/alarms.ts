/** Making, changing, switching, setting and deleting alarms. */

import { fault } from '#base/fault.ts';
import { alarmsOfRule, parseAlarmRule } from '#core/alarm/rule.ts';
import type { AlarmSettings } from '#core/alarm/state.ts';
import type { Call, Handler } from '#services/service.ts';
import { compositeSettings, metricSettings } from './alarm-input.ts';
import { alarmArn } from './names.ts';
import { findAlarms, requireAlarms, stateOfRow, validationError, type Room } from './room.ts';
import { tables } from './tables.ts';
import { checkTags, tagsOfList } from './tagging.ts';
import type { Watch } from './watching.ts';

type CloudWatch<Operation extends string> = Handler<'cloudwatch', Operation>;

const ALARMS_MAX = 5_000;
const DELETED_MAX = 100;
const COMPOSITES_DEEP_MAX = 1_000;

export function alarmOperations({ house, alarms }: Room, watch: Watch) {
  const { database, engine } = house;

  const PutMetricAlarm: CloudWatch<'PutMetricAlarm'> = async (call, input) => {
    const settings = metricSettings(call.account, input);
    await put(call, input.AlarmName ?? '', settings, tagsOfList(input.Tags));
    return {};
  };

  const PutCompositeAlarm: CloudWatch<'PutCompositeAlarm'> = async (call, input) => {
    const { parsed, ...settings } = compositeSettings(input);
    const name = input.AlarmName ?? '';
    await checkChildren(name, alarmsOfRule(parsed));
    await put(call, name, settings, tagsOfList(input.Tags));
    return {};
  };

  /** As on AWS, tags are only taken when the alarm is made. */
  const put = async (
    call: Call,
    name: string,
    settings: AlarmSettings,
    tags: Readonly<Record<string, string>>,
  ): Promise<void> => {
    if (Object.keys(tags).length > 0) {
      await call.authorize({ action: 'cloudwatch:TagResource', resource: alarmArn(call, name) });
    }
    const tagText = JSON.stringify(checkTags(tags));
    const there = await findAlarms(database, [name]);
    if (there.length === 0 && (await countAlarms()) >= ALARMS_MAX) {
      throw fault('LimitExceededFault', `The account has ${ALARMS_MAX} alarms already.`);
    }
    await engine.send(alarms, name, { type: 'AlarmPut', name, settings });
    if (there.length === 0 && tagText !== '{}') await setTags(name, tagText);
    await watch.look(name);
  };

  const setTags = (name: string, tags: string) =>
    database.transaction(async (transaction) => {
      await tables(transaction)
        .updateTable('cloudwatch_alarm')
        .set({ tags })
        .where('name', '=', name)
        .execute();
    });

  const countAlarms = async (): Promise<number> => {
    const { count } = await tables(database)
      .selectFrom('cloudwatch_alarm')
      .select((row) => row.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow();
    return Number(count);
  };

  /** All children exist, and the alarm is not among its own children's children. */
  const checkChildren = async (name: string, children: readonly string[]): Promise<void> => {
    const seen = new Set<string>();
    let level = children;
    for (let isFirst = true; level.length > 0; isFirst = false) {
      const rows = await findAlarms(database, level);
      const missing = level.filter((child) => child !== name && !rows.some((row) => row.name === child));
      if (isFirst && missing.length > 0) {
        throw validationError(
          `Could not save the composite alarm as alarms [${missing.join(', ')}] in the alarm rule do not exist`,
        );
      }
      if (level.includes(name)) {
        throw validationError('Could not save the composite alarm: its rule would depend on itself.');
      }
      level.forEach((child) => seen.add(child));
      if (seen.size > COMPOSITES_DEEP_MAX)
        throw validationError('The composite alarm depends on too many alarms.');
      const next = rows.flatMap((row) => {
        const { settings } = stateOfRow(row);
        const rule = settings.type === 'composite' ? parseAlarmRule(settings.rule) : undefined;
        return rule && 'type' in rule ? alarmsOfRule(rule) : [];
      });
      level = [...new Set(next)].filter((child) => !seen.has(child));
    }
  };

  const DeleteAlarms: CloudWatch<'DeleteAlarms'> = async (_call, input) => {
    const names = [...new Set(input.AlarmNames ?? [])];
    if (names.length > DELETED_MAX)
      throw validationError(`At most ${DELETED_MAX} alarms can be deleted at once.`);
    const rows = await requireAlarms(database, names);
    if (rows.filter((row) => row.type === 'composite').length > 1) {
      throw validationError('At most one composite alarm can be deleted at once.');
    }
    for (const name of names) await engine.send(alarms, name, { type: 'AlarmDeleted' });
    return {};
  };

  const SetAlarmState: CloudWatch<'SetAlarmState'> = async (_call, input) => {
    const { AlarmName: name = '', StateValue, StateReason: reason = '', StateReasonData: reasonData } = input;
    await requireAlarms(database, [name]);
    if (reasonData !== undefined) checkJson(reasonData);
    const verdict = {
      value: StateValue ?? 'OK',
      reason,
      ...(reasonData !== undefined && { reasonData }),
    };
    await engine.send(alarms, name, { type: 'ValueSet', verdict });
    return {};
  };

  const switchActions = async (names: readonly string[], enabled: boolean): Promise<object> => {
    await requireAlarms(database, names);
    for (const name of names) await engine.send(alarms, name, { type: 'ActionsSwitched', enabled });
    return {};
  };
  const EnableAlarmActions: CloudWatch<'EnableAlarmActions'> = async (_call, input) =>
    switchActions(input.AlarmNames ?? [], true);
  const DisableAlarmActions: CloudWatch<'DisableAlarmActions'> = async (_call, input) =>
    switchActions(input.AlarmNames ?? [], false);

  return {
    PutMetricAlarm,
    PutCompositeAlarm,
    DeleteAlarms,
    SetAlarmState,
    EnableAlarmActions,
    DisableAlarmActions,
  };
}

function checkJson(text: string): void {
  try {
    JSON.parse(text);
  } catch (cause) {
    throw fault('InvalidFormatFault', 'StateReasonData was not valid JSON', { cause });
  }
}
