/**
 * Subscription filters. Their destinations are Kinesis streams, Firehose streams, Lambda functions and destinations of
 * other accounts. None of these is in the house, so every filter is refused as AWS refuses one whose destination it
 * cannot reach, and there are none to describe.
 */

import { parseArn } from '#base/arn.ts';
import { fault, type Fault } from '#base/fault.ts';
import { parseLogPattern } from '#core/log-pattern/parse.ts';
import type { Handler, House } from '#services/service.ts';
import { requireGroup } from './room.ts';

const REFUSALS: Readonly<Record<string, string>> = {
  lambda:
    'Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function.',
  kinesis:
    'Could not deliver test message to specified Kinesis stream. Check if the given kinesis stream is in ACTIVE state.',
  firehose:
    'Could not deliver test message to specified Firehose stream. Check if the given Firehose stream is in ACTIVE state.',
  logs: 'Could not deliver test message to specified destination. Check if the destination is valid.',
};

export function subscriptionOperations({ database }: House) {
  const PutSubscriptionFilter: Handler<'logs', 'PutSubscriptionFilter'> = async (_call, input) => {
    await requireGroup(database.read, input.logGroupName ?? '');
    parseLogPattern(input.filterPattern ?? '');
    throw refusalOf(input.destinationArn ?? '');
  };

  const DescribeSubscriptionFilters: Handler<'logs', 'DescribeSubscriptionFilters'> = async (
    _call,
    input,
  ) => {
    await requireGroup(database.read, input.logGroupName ?? '');
    return { subscriptionFilters: [] };
  };

  const DeleteSubscriptionFilter: Handler<'logs', 'DeleteSubscriptionFilter'> = async (_call, input) => {
    await requireGroup(database.read, input.logGroupName ?? '');
    throw fault('ResourceNotFoundException', 'The specified subscription filter does not exist.');
  };

  return { PutSubscriptionFilter, DescribeSubscriptionFilters, DeleteSubscriptionFilter };
}

function refusalOf(arn: string): Fault {
  const service = parseArn(arn)?.service ?? '';
  const words = Object.hasOwn(REFUSALS, service) ? REFUSALS[service] : undefined;
  if (words === undefined) {
    return fault('InvalidParameterException', `destinationArn for vendor ${service} cannot be used`);
  }
  return fault('InvalidParameterException', `${words} There are no destinations of this kind here.`);
}
