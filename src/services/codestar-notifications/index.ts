/**
 * CodeStar Notifications: rules that tell SNS topics what happens to pipelines, builds, deployments and repositories.
 *
 * Gaps: chat clients as targets are refused; whether the resource of a rule exists is not asked when it is made.
 *
 * By design: a topic is told at least once for each event; a topic that does not let the service in is shown as
 * UNREACHABLE when the rule is made and after each event, and the server's log says why.
 */

import type { House, Permission, Permissions, Scope, Service } from '#services/service.ts';
import { createNoticeMachine, createSubscriptions } from './hearing.ts';
import { onRule, ruleArn, SERVICE, type Room } from './room.ts';
import { ruleOperations } from './rules.ts';
import { createNoticeSweep } from './sweeping.ts';
import { migrations } from './tables.ts';
import { taggingOperations } from './tagging.ts';
import { targetOperations } from './targets.ts';

const permissions: Permissions<'codestar-notifications'> = {
  CreateNotificationRule: (input, scope) => onNewRule(input.Resource, scope),
  DeleteNotificationRule: onRule('DeleteNotificationRule'),
  DescribeNotificationRule: onRule('DescribeNotificationRule'),
  ListTagsForResource: onRule('ListTagsforResource'),
  Subscribe: onRule('Subscribe'),
  TagResource: onRule('TagResource'),
  Unsubscribe: onRule('Unsubscribe'),
  UntagResource: onRule('UntagResource'),
  UpdateNotificationRule: onRule('UpdateNotificationRule'),
};

function onNewRule(resource: string | undefined, scope: Scope): readonly Permission[] {
  return [
    {
      action: `${SERVICE}:CreateNotificationRule`,
      resource: ruleArn(scope, '*'),
      context: { 'codestar-notifications:NotificationsForResource': resource ?? '' },
    },
  ];
}

export function openCodestarNotifications(house: House): Service<'codestar-notifications'> {
  const room: Room = { house, machine: createNoticeMachine(house) };
  const sweep = createNoticeSweep(house, room.machine);
  return {
    name: 'codestar-notifications',
    operations: { ...ruleOperations(room), ...targetOperations(room), ...taggingOperations(room) },
    permissions,
    machines: [room.machine],
    migrations,
    subscriptions: createSubscriptions(room),
    async recover() {
      sweep.start();
    },
    close: () => sweep.stop(),
  };
}
