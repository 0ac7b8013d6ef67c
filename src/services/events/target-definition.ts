/** A target as AWS's API has it, checked when it is put, and as deliveries keep it. */

import type { Target } from '@aws-sdk/client-eventbridge';
import { parseArn } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import { unknownPlaceholder } from '#core/event-delivery/input.ts';
import { parseJsonPath } from '#core/event-delivery/json-path.ts';
import {
  AGE_SECONDS_DEFAULT,
  RETRIES_DEFAULT,
  type RuleTarget,
  type TargetInput,
} from '#core/event-delivery/target.ts';
import type { TargetRow } from './tables.ts';

/** Services that act only under a role. */
const NEEDS_ROLE = new Set(['codepipeline', 'codebuild', 'ecs', 'kinesis', 'states', 'batch', 'ssm']);
const PATHS_MAX = 100;

/** Faults of the whole request; AWS refuses all targets for one of these. */
export function checkTarget(target: Target): void {
  const { Id: id, Arn: arn = '', Input, InputPath, InputTransformer } = target;
  const given = [Input, InputPath, InputTransformer].filter((each) => each !== undefined);
  if (given.length > 1) {
    throw invalid(`Only one of Input, InputPath, or InputTransformer must be provided for target ${id}.`);
  }
  if (NEEDS_ROLE.has(parseArn(arn)?.service ?? '') && target.RoleArn === undefined) {
    throw invalid(`RoleArn is required for target ${arn}.`);
  }
  if (Input !== undefined && !isJson(Input)) throw invalid(`JSON syntax error in input for target ${id}.`);
  if (InputPath !== undefined && !parseJsonPath(InputPath)) {
    throw invalid(`Invalid InputPath for target ${id}.`);
  }
  if (InputTransformer) checkTransformer(id, InputTransformer);
}

/** What is wrong with one target alone, which then fails by itself. */
export function targetFault(target: Target): string | undefined {
  const { Id: id, Arn: arn = '' } = target;
  const parsed = parseArn(arn);
  if (!parsed || (parsed.resource === '' && parsed.service !== 'events')) {
    return `Parameter ${arn} is not valid. Reason: Provided Arn is not in correct format.`;
  }
  if (parsed.service === 'sqs' && arn.endsWith('.fifo') && !target.SqsParameters?.MessageGroupId) {
    return `Parameter(s) SqsParameters must be specified for target: ${id}.`;
  }
  const queue = target.DeadLetterConfig?.Arn;
  if (queue !== undefined && parseArn(queue)?.service !== 'sqs') {
    return `Parameter ${queue} is not valid. Reason: A dead-letter queue is a standard SQS queue.`;
  }
  return undefined;
}

export function targetOf(row: TargetRow): RuleTarget {
  const target = JSON.parse(row.definition) as Target;
  const input = inputOf(target);
  const groupId = target.SqsParameters?.MessageGroupId;
  return {
    id: row.target_id,
    arn: row.arn,
    ...(target.RoleArn !== undefined && { roleArn: target.RoleArn }),
    ...(input && { input }),
    retriesMax: target.RetryPolicy?.MaximumRetryAttempts ?? RETRIES_DEFAULT,
    ageSecondsMax: target.RetryPolicy?.MaximumEventAgeInSeconds ?? AGE_SECONDS_DEFAULT,
    ...(target.DeadLetterConfig?.Arn !== undefined && { deadLetterArn: target.DeadLetterConfig.Arn }),
    ...(groupId !== undefined && { messageGroupId: groupId }),
  };
}

function inputOf(target: Target): TargetInput | undefined {
  if (target.Input !== undefined) return { type: 'constant', text: target.Input };
  if (target.InputPath !== undefined) return { type: 'path', path: target.InputPath };
  const transformer = target.InputTransformer;
  if (!transformer) return undefined;
  return {
    type: 'template',
    paths: transformer.InputPathsMap ?? {},
    template: transformer.InputTemplate ?? '',
  };
}

function checkTransformer(
  id: string | undefined,
  transformer: NonNullable<Target['InputTransformer']>,
): void {
  const paths = transformer.InputPathsMap ?? {};
  if (Object.keys(paths).length > PATHS_MAX) {
    throw invalid(`InputPathsMap for target ${id} has more than ${PATHS_MAX} entries.`);
  }
  for (const [name, path] of Object.entries(paths)) {
    if (name.toLowerCase().startsWith('aws')) {
      throw invalid(`InputPathsMap for target ${id} contains the reserved name ${name}.`);
    }
    if (!parseJsonPath(path)) throw invalid(`Invalid InputPathsMap for target ${id}: ${path}.`);
  }
  const unknown = unknownPlaceholder(transformer.InputTemplate ?? '', paths);
  if (unknown !== undefined) {
    throw invalid(`InputTemplate for target ${id} contains invalid placeholder ${unknown}.`);
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

function invalid(message: string) {
  return fault('ValidationException', message);
}
