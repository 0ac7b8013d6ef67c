/** Who may call what on which resource. AWS: "Actions, resources, and condition keys for Amazon CloudWatch". */

import type { Permission, Permissions, Scope } from '#services/service.ts';
import { alarmArn } from './names.ts';

type Named = string | undefined;

const byAlarm = (operation: string) => (input: { AlarmName?: Named }, scope: Scope) =>
  onAlarms(operation, [input.AlarmName ?? '*'], scope);
const byAlarms =
  (operation: string) => (input: { AlarmNames?: readonly string[] | undefined }, scope: Scope) =>
    onAlarms(operation, input.AlarmNames?.length ? input.AlarmNames : ['*'], scope);
const byArn = (operation: string) => (input: { ResourceARN?: Named }) => [
  { action: `cloudwatch:${operation}`, resource: input.ResourceARN ?? '*' },
];

function onAlarms(operation: string, names: readonly string[], scope: Scope): readonly Permission[] {
  return names.map((name) => ({ action: `cloudwatch:${operation}`, resource: alarmArn(scope, name) }));
}

export const permissions: Permissions<'cloudwatch'> = {
  PutMetricAlarm: byAlarm('PutMetricAlarm'),
  PutCompositeAlarm: byAlarm('PutCompositeAlarm'),
  DeleteAlarms: byAlarms('DeleteAlarms'),
  SetAlarmState: byAlarm('SetAlarmState'),
  EnableAlarmActions: byAlarms('EnableAlarmActions'),
  DisableAlarmActions: byAlarms('DisableAlarmActions'),
  DescribeAlarms: byAlarms('DescribeAlarms'),
  DescribeAlarmHistory: byAlarm('DescribeAlarmHistory'),
  PutMetricData: (input) => [
    {
      action: 'cloudwatch:PutMetricData',
      resource: '*',
      context: { 'cloudwatch:namespace': input.Namespace ?? '' },
    },
  ],
  TagResource: byArn('TagResource'),
  UntagResource: byArn('UntagResource'),
  ListTagsForResource: byArn('ListTagsForResource'),
};
