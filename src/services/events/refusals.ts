/** Why a target did not take an event, in the codes that dead letters carry, and whether trying again may help. */

import { Fault, isFault } from '#base/fault.ts';
import type { DeliveryError } from '#core/event-delivery/state.ts';

export interface Refusal {
  readonly error: DeliveryError;
  readonly isPassing: boolean;
}

/** AWS: "Using dead-letter queues to process undelivered events", error codes. */
const CODES: readonly (readonly [RegExp, string, boolean])[] = [
  [/Throttl|TooManyRequests|RequestLimit/i, 'THROTTLING', true],
  [/LimitExceeded/i, 'RESOURCE_LIMIT_EXCEEDED', true],
  [/Conflict|ConcurrentModification|ResourceInUse/i, 'RESOURCE_MODIFICATION_COLLISION', true],
  [/Timeout/i, 'TIMEOUT', true],
  [/Internal|ServiceUnavailable|ServiceFailure/i, 'ERROR_FROM_TARGET', true],
  [
    /AccessDenied|NotAuthorized|Unauthorized|AuthorizationError|Unrecognized|Forbidden/i,
    'NO_PERMISSIONS',
    false,
  ],
  [/NotFound|NonExistent|DoesNotExist|NoSuch/i, 'NO_RESOURCE', false],
  [/Unsupported|NotImplemented/i, 'NO_RESOURCE', false],
];

/** A fault is the target's answer; anything else is ours, and thrown again. */
export function refusalOf(error: unknown): Refusal {
  if (!isFault(error)) throw error;
  const found = CODES.find(([pattern]) => pattern.test(error.code));
  const [, code, isPassing] = found ?? [undefined, 'INVALID_PARAMETER', false];
  return { error: { code, message: `${error.code}: ${error.message}` }, isPassing };
}

/** The installation has nothing that could take it. */
export function noTarget(arn: string): Fault {
  return new Fault(
    'UnsupportedOperationException',
    `This installation has no service for the target ${arn}.`,
  );
}
