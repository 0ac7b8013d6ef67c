/**
 * CloudWatch Logs: groups, streams and their events.
 *
 * Gaps: see `gaps.ts`. Where several nodes share a database, a Live Tail session sees what its own node takes in.
 *
 * By design: a `sequenceToken` of the form `position/<n>`, as PutLogEvents gives them out, says how many events the
 * stream had before this batch; events that are already stored are passed over. So a writer whose answer got lost
 * repeats its batch without doubling it. All other tokens are ignored, as AWS does. Sizes (`storedBytes`) are 0.
 */

import type { House, Permissions, Service } from '#services/service.ts';
import { eventOperations } from './events.ts';
import { gaps } from './gaps.ts';
import { groupOperations } from './groups.ts';
import { createMetricFilters } from './metric-filters.ts';
import { groupName, onGroup, onStream } from './names.ts';
import { createRetention } from './retention.ts';
import { migrations } from './tables.ts';
import { taggingOperations } from './tagging.ts';
import { createTails, tailPermissions } from './tailing.ts';

const permissions: Permissions<'logs'> = {
  CreateLogGroup: (input, scope) => onGroup('CreateLogGroup', input.logGroupName, scope),
  DeleteLogGroup: (input, scope) => onGroup('DeleteLogGroup', input.logGroupName, scope),
  DescribeLogGroups: (_input, scope) => onGroup('DescribeLogGroups', '', scope),
  CreateLogStream: (input, scope) =>
    onStream('CreateLogStream', input.logGroupName, input.logStreamName, scope),
  DeleteLogStream: (input, scope) =>
    onStream('DeleteLogStream', input.logGroupName, input.logStreamName, scope),
  DescribeLogStreams: (input, scope) => onGroup('DescribeLogStreams', nameOf(input), scope),
  PutRetentionPolicy: (input, scope) => onGroup('PutRetentionPolicy', input.logGroupName, scope),
  DeleteRetentionPolicy: (input, scope) => onGroup('DeleteRetentionPolicy', input.logGroupName, scope),
  PutLogEvents: (input, scope) => onStream('PutLogEvents', input.logGroupName, input.logStreamName, scope),
  GetLogEvents: (input, scope) => onStream('GetLogEvents', nameOf(input), input.logStreamName, scope),
  StartLiveTail: tailPermissions,
  FilterLogEvents: (input, scope) => onGroup('FilterLogEvents', nameOf(input), scope),
  PutMetricFilter: (input, scope) => onGroup('PutMetricFilter', input.logGroupName, scope),
  DeleteMetricFilter: (input, scope) => onGroup('DeleteMetricFilter', input.logGroupName, scope),
  DescribeMetricFilters: (input, scope) => onGroup('DescribeMetricFilters', input.logGroupName, scope),
  TagResource: (input, scope) => onGroup('TagResource', groupName(input.resourceArn), scope),
  UntagResource: (input, scope) => onGroup('UntagResource', groupName(input.resourceArn), scope),
  ListTagsForResource: (input, scope) => onGroup('ListTagsForResource', groupName(input.resourceArn), scope),
  TagLogGroup: (input, scope) => onGroup('TagLogGroup', input.logGroupName, scope),
  UntagLogGroup: (input, scope) => onGroup('UntagLogGroup', input.logGroupName, scope),
  ListTagsLogGroup: (input, scope) => onGroup('ListTagsLogGroup', input.logGroupName, scope),
};

export function openLogs(house: House): Service<'logs'> {
  const retention = createRetention(house);
  const tails = createTails(house);
  const metrics = createMetricFilters(house);
  return {
    name: 'logs',
    operations: {
      ...gaps,
      ...groupOperations(house),
      ...eventOperations(house, tails, metrics),
      ...metrics.operations,
      ...tails.operations,
      ...taggingOperations(house),
    },
    permissions,
    machines: [metrics.machine],
    migrations,
    async recover() {
      await metrics.recover();
      await retention.start();
    },
    drain: () => tails.end(),
    close: async () => retention.stop(),
  };
}

function nameOf(input: {
  logGroupName?: string | undefined;
  logGroupIdentifier?: string | undefined;
}): string {
  return groupName(input.logGroupName ?? input.logGroupIdentifier);
}
