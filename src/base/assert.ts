/**
 * Assertions for what cannot be. A failed assertion is a bug of Slipway, never an answer to a user:
 * the gateway logs it with the request id and answers InternalFailure.
 */

export class Bug extends Error {
  override readonly name = 'Bug';
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Bug(message);
}

/** Closes an exhaustive switch: the compiler proves that `value` cannot exist. */
export function unreachable(value: never): never {
  throw new Bug(`unreachable: ${JSON.stringify(value)}`);
}

/** A value that must be there, because something earlier established it. */
export function present<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new Bug(`${what} is missing`);
  return value;
}
