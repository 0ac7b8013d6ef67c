/**
 * What a fault of another service means for an action. AWS's codes: PermissionError for anything denied,
 * ConfigurationError for what is missing or wrong; what may pass is thrown on, so that the engine tries again.
 */

import type { Fault } from '#base/fault.ts';
import { isFault } from '#base/fault.ts';
import type { ActionError } from '#core/pipeline/state.ts';
import { ZipRefused } from '#store/zip-entries.ts';
import { ActionRefused, cut } from './action.ts';

const MESSAGE_LENGTH_MAX = 5_000;

const DENIED =
  /^(AccessDenied|AccessDeniedException|UnauthorizedOperation|NotAuthorized.*|KMSAccessDenied.*)$/;
const PASSING = /^(InternalFailure|InternalError|ServiceUnavailable|SlowDown|.*Throttl.*|TooManyRequests.*)/;

export function isDenied(error: Fault): boolean {
  return DENIED.test(error.code) || error.status === 403;
}

/** Asking again may help. What a service lacks, it lacks. */
export function isPassing({ code, status = 400 }: Fault): boolean {
  return PASSING.test(code) || (status >= 500 && code !== 'NotImplemented');
}

/** The error that ends the action, or the thrown thing itself if trying again may help. */
export function failureOf(error: unknown): ActionError {
  if (error instanceof ActionRefused)
    return { code: error.code, message: cut(error.message, MESSAGE_LENGTH_MAX) };
  if (error instanceof ZipRefused) {
    return { code: 'ConfigurationError', message: `The input artifact cannot be unpacked: ${error.message}` };
  }
  if (!isFault(error) || isPassing(error)) throw error;
  if (isDenied(error)) {
    const message = `The provided role does not have permissions to perform this action. Underlying error: ${error.message}`;
    return { code: 'PermissionError', message: cut(message, MESSAGE_LENGTH_MAX) };
  }
  return { code: 'ConfigurationError', message: cut(error.message || error.code, MESSAGE_LENGTH_MAX) };
}
