/** Reads the alarms that watch over a deployment, under the service role of its group. */

import { isFault } from '#base/fault.ts';
import type { AlarmReading, WatchedAlarms } from '#core/deployment/state.ts';
import type { Caller } from '#services/service.ts';

/** What cannot be read is told, not thrown: the group says whether it matters. */
export async function readAlarmStates(role: Caller, { names }: WatchedAlarms): Promise<AlarmReading> {
  try {
    const { MetricAlarms = [], CompositeAlarms = [] } = await role.send('cloudwatch:DescribeAlarms', {
      AlarmNames: [...names],
      AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
    });
    const found = [...MetricAlarms, ...CompositeAlarms];
    const active = found
      .filter(({ StateValue }) => StateValue === 'ALARM')
      .map(({ AlarmName = '' }) => AlarmName);
    const missing = names.filter((name) => !found.some(({ AlarmName }) => AlarmName === name));
    if (missing.length === 0) return { active };
    const message = `There is no alarm with the name ${missing.join(', ')}.`;
    return { active, failure: { code: 'CODEDEPLOY_RESOURCE_CANNOT_BE_FOUND', message } };
  } catch (error) {
    if (!isFault(error)) throw error;
    const code = error.code === 'AccessDeniedException' ? 'IAM_ROLE_PERMISSIONS' : 'INTERNAL_ERROR';
    return { active: [], failure: { code, message: error.message } };
  }
}
