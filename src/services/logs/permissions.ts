/** Who may call: what the policies of AWS's documentation are written against. */

import type { Permissions } from '#services/service.ts';
import { groupOfKey } from './groups.ts';
import { groupName, onGroup, onStream } from './names.ts';
import { tailPermissions } from './tailing.ts';

export const permissions: Permissions<'logs'> = {
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
  PutLogGroupDeletionProtection: (input, scope) =>
    onGroup('PutLogGroupDeletionProtection', groupName(input.logGroupIdentifier), scope),
  AssociateKmsKey: (input, scope) => onGroup('AssociateKmsKey', groupOfKey(input), scope),
  DisassociateKmsKey: (input, scope) => onGroup('DisassociateKmsKey', groupOfKey(input), scope),
  PutLogEvents: (input, scope) => onStream('PutLogEvents', input.logGroupName, input.logStreamName, scope),
  GetLogEvents: (input, scope) => onStream('GetLogEvents', nameOf(input), input.logStreamName, scope),
  StartLiveTail: tailPermissions,
  FilterLogEvents: (input, scope) => onGroup('FilterLogEvents', nameOf(input), scope),
  PutMetricFilter: (input, scope) => onGroup('PutMetricFilter', input.logGroupName, scope),
  DeleteMetricFilter: (input, scope) => onGroup('DeleteMetricFilter', input.logGroupName, scope),
  DescribeMetricFilters: (input, scope) => onGroup('DescribeMetricFilters', input.logGroupName, scope),
  PutSubscriptionFilter: (input, scope) => onGroup('PutSubscriptionFilter', input.logGroupName, scope),
  DescribeSubscriptionFilters: (input, scope) =>
    onGroup('DescribeSubscriptionFilters', input.logGroupName, scope),
  DeleteSubscriptionFilter: (input, scope) => onGroup('DeleteSubscriptionFilter', input.logGroupName, scope),
  CreateExportTask: (input, scope) => onGroup('CreateExportTask', input.logGroupName, scope),
  TagResource: (input, scope) => onGroup('TagResource', groupName(input.resourceArn), scope),
  UntagResource: (input, scope) => onGroup('UntagResource', groupName(input.resourceArn), scope),
  ListTagsForResource: (input, scope) => onGroup('ListTagsForResource', groupName(input.resourceArn), scope),
  TagLogGroup: (input, scope) => onGroup('TagLogGroup', input.logGroupName, scope),
  UntagLogGroup: (input, scope) => onGroup('UntagLogGroup', input.logGroupName, scope),
  ListTagsLogGroup: (input, scope) => onGroup('ListTagsLogGroup', input.logGroupName, scope),
};

function nameOf(input: {
  logGroupName?: string | undefined;
  logGroupIdentifier?: string | undefined;
}): string {
  return groupName(input.logGroupName ?? input.logGroupIdentifier);
}
