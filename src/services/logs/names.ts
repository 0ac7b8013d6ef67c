/** ARNs of log groups and streams, and the groups that ARNs and names mean. */

import { arnOf, parseArn } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import type { Permission, Scope } from '#services/service.ts';

/** Without the `:*` that `arn` of a description has. */
export function groupArn(scope: Scope, name: string): string {
  return arnOf('logs', scope.region, scope.account, `log-group:${name}`);
}

export function streamArn(scope: Scope, group: string, stream: string): string {
  return arnOf('logs', scope.region, scope.account, `log-group:${group}:log-stream:${stream}`);
}

/** What the policies of AWS's documentation are written against: a group's actions ask for all of its streams. */
export function onGroup(action: string, group: string | undefined, scope: Scope): readonly Permission[] {
  return [{ action: `logs:${action}`, resource: streamArn(scope, group ?? '', '') }];
}

export function onStream(
  action: string,
  group: string | undefined,
  stream: string | undefined,
  scope: Scope,
): readonly Permission[] {
  return [{ action: `logs:${action}`, resource: streamArn(scope, group ?? '', stream ?? '') }];
}

/** The name of a group that is given by name or by ARN, with or without `:*`. */
export function groupName(nameOrArn: string | undefined): string {
  if (!nameOrArn) throw fault('InvalidParameterException', 'A log group must be specified.');
  if (!nameOrArn.startsWith('arn:')) return nameOrArn;
  const resource = parseArn(nameOrArn)?.resource ?? '';
  const name = resource.replace(/^log-group:/, '').replace(/:\*$/, '');
  if (!resource.startsWith('log-group:') || name === '') {
    throw fault('InvalidParameterException', `Invalid log group ARN: ${nameOrArn}`);
  }
  return name;
}
