/** The catalogue of actions that ask somebody else: people, functions, state machines, other pipelines. */

import type { ActionType } from './catalogue-type.ts';
import {
  aws,
  between,
  DAY_MS,
  exactly,
  HOUR_MS,
  JSON_TEXT,
  oneOf,
  optional,
  required,
  requiredIf,
} from './catalogue-type.ts';

export const INVOKE_TYPES: readonly ActionType[] = [
  {
    id: aws('Approval', 'Manual'),
    properties: [optional('NotificationArn'), optional('ExternalEntityLink'), optional('CustomData')],
    inputs: exactly(0),
    outputs: exactly(0),
    timeoutMs: 7 * DAY_MS,
    isEverywhere: true,
  },
  {
    id: aws('Invoke', 'Lambda'),
    properties: [required('FunctionName'), optional('UserParameters')],
    inputs: between(0, 5),
    outputs: between(0, 5),
    timeoutMs: DAY_MS,
  },
  {
    id: aws('Invoke', 'StepFunctions'),
    properties: [
      required('StateMachineArn'),
      optional('ExecutionNamePrefix'),
      optional('InputType', oneOf('Literal', 'FilePath')),
      optional('Input', requiredIf('InputType', 'FilePath')),
    ],
    inputs: between(0, 1),
    outputs: between(0, 1),
    timeoutMs: 7 * DAY_MS,
  },
  {
    id: aws('Invoke', 'CodePipeline'),
    properties: [
      required('PipelineName'),
      optional('SourceRevisions', JSON_TEXT),
      optional('Variables', JSON_TEXT),
    ],
    inputs: exactly(0),
    outputs: exactly(0),
    timeoutMs: HOUR_MS,
    isV2Only: true,
  },
];
