/** Who may call what on which resource. AWS: "Actions, resources, and condition keys for Amazon EventBridge". */

import type { Permission, Permissions, Scope } from '#services/service.ts';
import { archiveArn, busArn, busName, replayArn, ruleArn } from './names.ts';

type Named = string | undefined;

function on(operation: string, resource: string): readonly Permission[] {
  return [{ action: `events:${operation}`, resource }];
}

const byRuleName = (operation: string) => (input: { Name?: Named; EventBusName?: Named }, scope: Scope) =>
  on(operation, ruleArn(scope, busName(input.EventBusName), input.Name ?? ''));
const byRule = (operation: string) => (input: { Rule?: Named; EventBusName?: Named }, scope: Scope) =>
  on(operation, ruleArn(scope, busName(input.EventBusName), input.Rule ?? ''));
const byBus = (operation: string) => (input: { Name?: Named }, scope: Scope) =>
  on(operation, busArn(scope, busName(input.Name)));
const byBusName = (operation: string) => (input: { EventBusName?: Named }, scope: Scope) =>
  on(operation, busArn(scope, busName(input.EventBusName)));
const byArchive = (operation: string) => (input: { ArchiveName?: Named }, scope: Scope) =>
  on(operation, archiveArn(scope, input.ArchiveName ?? ''));
const byReplay = (operation: string) => (input: { ReplayName?: Named }, scope: Scope) =>
  on(operation, replayArn(scope, input.ReplayName ?? ''));
const byArn = (operation: string) => (input: { ResourceARN?: Named }) =>
  on(operation, input.ResourceARN ?? '*');

export const permissions: Permissions<'events'> = {
  PutRule: byRuleName('PutRule'),
  DescribeRule: byRuleName('DescribeRule'),
  DeleteRule: byRuleName('DeleteRule'),
  EnableRule: byRuleName('EnableRule'),
  DisableRule: byRuleName('DisableRule'),
  PutTargets: byRule('PutTargets'),
  RemoveTargets: byRule('RemoveTargets'),
  ListTargetsByRule: byRule('ListTargetsByRule'),
  CreateEventBus: byBus('CreateEventBus'),
  UpdateEventBus: byBus('UpdateEventBus'),
  DescribeEventBus: byBus('DescribeEventBus'),
  DeleteEventBus: byBus('DeleteEventBus'),
  PutPermission: byBusName('PutPermission'),
  RemovePermission: byBusName('RemovePermission'),
  PutEvents: (input, scope) =>
    (input.Entries ?? []).map(({ EventBusName, Source = '', DetailType = '' }) => ({
      action: 'events:PutEvents',
      resource: busArn(scope, busName(EventBusName)),
      context: { 'events:source': Source, 'events:detail-type': DetailType },
    })),
  CreateArchive: byArchive('CreateArchive'),
  UpdateArchive: byArchive('UpdateArchive'),
  DescribeArchive: byArchive('DescribeArchive'),
  DeleteArchive: byArchive('DeleteArchive'),
  StartReplay: byReplay('StartReplay'),
  CancelReplay: byReplay('CancelReplay'),
  DescribeReplay: byReplay('DescribeReplay'),
  TagResource: byArn('TagResource'),
  UntagResource: byArn('UntagResource'),
  ListTagsForResource: byArn('ListTagsForResource'),
};
