/** The ARNs of alarms. */

import { arnOf, parseArn } from '#base/arn.ts';
import type { Scope } from '#services/service.ts';

export function alarmArn({ region, account }: Scope, name: string): string {
  return arnOf('cloudwatch', region, account, `alarm:${name}`);
}

/** The name of an alarm of ours that an ARN means. */
export function alarmOfArn(scope: Scope, text: string | undefined): string | undefined {
  const name = parseArn(text ?? '')?.resource.replace(/^alarm:/, '') ?? '';
  return name !== '' && alarmArn(scope, name) === text ? name : undefined;
}
