/**
 * What a fault of another service means for an action. AWS's codes: PermissionError for anything denied,
 * ConfigurationError for what is missing or wrong; what may pass is thrown on, so that the engine tries again.
 */

import type { Fault } from '#base/fault.ts';
import { isFault } from '#base/fault.ts';
import type { ActionError } from '#core/pipeline/state.ts';
import { ActionRefused } from './action.ts';

const DENIED =
  /^(AccessDenied|AccessDeniedException|UnauthorizedOperation|NotAuthorized.*|KMSAccessDenied.*)$/;
const PASSING = /^(InternalFailure|InternalError|ServiceUnavailable|SlowDown|.*Throttl.*|TooManyRequests.*)/;

export function isDenied(error: Fault): boolean {
  return DENIED.test(error.code) || error.status === 403;
}

/** The error that ends the action, or the thrown thing itself if trying again may help. */
export function failureOf(error: unknown): ActionError {
  if (error instanceof ActionRefused) return { code: error.code, message: error.message };
  if (!isFault(error) || PASSING.test(error.code)) throw error;
  if (isDenied(error)) {
    const message = `The provided role does not have permissions to perform this action. Underlying error: ${error.message}`;
    return { code: 'PermissionError', message };
  }
  return { code: 'ConfigurationError', message: error.message || error.code };
}
