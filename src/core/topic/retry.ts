/**
 * How often, and after which pauses, a message is offered to a subscriber that did not take it. AWS: "Amazon SNS
 * message delivery retries" and "Creating an Amazon SNS HTTP/S delivery policy".
 */

export type BackoffFunction = 'linear' | 'arithmetic' | 'geometric' | 'exponential';

/** Phases in the order in which they run: at once, pre-backoff, backoff, post-backoff. */
export interface RetryPolicy {
  readonly numRetries: number;
  readonly numNoDelayRetries: number;
  readonly numMinDelayRetries: number;
  readonly numMaxDelayRetries: number;
  readonly minDelayTarget: number;
  readonly maxDelayTarget: number;
  readonly backoffFunction: BackoffFunction;
}

export const RETRIES_MAX = 100;
const TOTAL_SECONDS_MAX = 3_600;
const FUNCTIONS: readonly string[] = ['linear', 'arithmetic', 'geometric', 'exponential'];

export const HTTP_RETRY: RetryPolicy = {
  numRetries: 3,
  numNoDelayRetries: 0,
  numMinDelayRetries: 0,
  numMaxDelayRetries: 0,
  minDelayTarget: 20,
  maxDelayTarget: 20,
  backoffFunction: 'linear',
};

/** Fifty attempts over six hours. */
export const MAIL_RETRY: RetryPolicy = {
  numRetries: 49,
  numNoDelayRetries: 0,
  numMinDelayRetries: 2,
  numMaxDelayRetries: 37,
  minDelayTarget: 10,
  maxDelayTarget: 600,
  backoffFunction: 'exponential',
};

/** AWS goes on for 23 days; a queue of this house that fails for half an hour is not coming back by itself. */
export const QUEUE_RETRY: RetryPolicy = {
  numRetries: 100,
  numNoDelayRetries: 3,
  numMinDelayRetries: 2,
  numMaxDelayRetries: 85,
  minDelayTarget: 1,
  maxDelayTarget: 20,
  backoffFunction: 'exponential',
};

/** The pause before the retry number `retry` (from 1), in milliseconds; `undefined` when there is none any more. */
export function pauseBefore(policy: RetryPolicy, retry: number): number | undefined {
  if (retry > policy.numRetries) return undefined;
  if (retry <= policy.numNoDelayRetries) return 0;
  const { minDelayTarget: min, maxDelayTarget: max } = policy;
  const afterPre = policy.numNoDelayRetries + policy.numMinDelayRetries;
  if (retry <= afterPre) return min * 1000;
  const beforePost = policy.numRetries - policy.numMaxDelayRetries;
  if (retry > beforePost) return max * 1000;
  const steps = beforePost - afterPre;
  const part = steps <= 1 ? 1 : (retry - afterPre - 1) / (steps - 1);
  return Math.round(1000 * interpolate(policy.backoffFunction, min, max, part));
}

/** From `min` to `max` as `part` goes from 0 to 1; the functions differ in how late they rise. */
function interpolate(name: BackoffFunction, min: number, max: number, part: number): number {
  switch (name) {
    case 'linear':
      return min + (max - min) * part;
    case 'arithmetic':
      return min + (max - min) * (part * (part + 1)) * 0.5;
    case 'geometric':
      return min + (max - min) * part * part;
    case 'exponential':
      return min * (max / min) ** part;
  }
}

export type ReadPolicy = { readonly policy: RetryPolicy } | { readonly error: string };

/** A `healthyRetryPolicy` as it was set, over the defaults. */
export function readRetryPolicy(value: unknown): ReadPolicy {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { error: 'healthyRetryPolicy must be an object' };
  }
  const policy: Record<string, unknown> = { ...HTTP_RETRY };
  for (const [name, item] of Object.entries(value)) {
    if (!Object.hasOwn(HTTP_RETRY, name)) return { error: `Unexpected JSON member: ${name}` };
    if (item !== null) policy[name] = item;
  }
  return checkPolicy(policy as unknown as RetryPolicy);
}

function checkPolicy(policy: RetryPolicy): ReadPolicy {
  const { numRetries, numNoDelayRetries, numMinDelayRetries, numMaxDelayRetries } = policy;
  const { minDelayTarget: min, maxDelayTarget: max } = policy;
  const counts = [numRetries, numNoDelayRetries, numMinDelayRetries, numMaxDelayRetries];
  if (!counts.every((count) => Number.isInteger(count) && count >= 0 && count <= RETRIES_MAX)) {
    return { error: `The numbers of retries must be whole numbers between 0 and ${RETRIES_MAX}` };
  }
  if (numNoDelayRetries + numMinDelayRetries + numMaxDelayRetries > numRetries) {
    return { error: 'The retries of the phases must not be more than numRetries' };
  }
  if (!Number.isInteger(min) || !Number.isInteger(max) || min < 1 || max < min || max > TOTAL_SECONDS_MAX) {
    return { error: `The delay targets must be between 1 and ${TOTAL_SECONDS_MAX}, minDelayTarget first` };
  }
  if (!FUNCTIONS.includes(policy.backoffFunction)) {
    return { error: `backoffFunction must be one of ${FUNCTIONS.join(', ')}` };
  }
  let totalMs = 0;
  for (let retry = 1; retry <= numRetries; retry++) totalMs += pauseBefore(policy, retry) ?? 0;
  return totalMs > TOTAL_SECONDS_MAX * 1000
    ? { error: `The delays must not add up to more than ${TOTAL_SECONDS_MAX} seconds` }
    : { policy };
}
