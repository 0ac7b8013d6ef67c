/** The faults of SQS, in its words. */

import { fault, type Fault } from '#base/fault.ts';

export function invalidParameter(message: string): Fault {
  return fault('InvalidParameterValueException', message);
}

/** As SQS words it for single parameters. */
export function invalidValue(value: string | number | undefined, parameter: string, reason: string): Fault {
  return invalidParameter(`Value ${value} for parameter ${parameter} is invalid. Reason: ${reason}`);
}

export function missingParameter(name: string): Fault {
  return fault('MissingRequiredParameterException', `The request must contain the parameter ${name}.`);
}

export function noSuchQueue(): Fault {
  return fault('QueueDoesNotExist', 'The specified queue does not exist.');
}
