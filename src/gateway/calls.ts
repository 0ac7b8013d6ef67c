/** Calls inside the house: the same steps as from outside, without a signature, since the principal is already proven. */

import type { Principal } from '#core/policy/principal.ts';
import type { Caller } from '#services/service.ts';
import type { Origin } from './authorize.ts';
import type { Handling } from './handle.ts';

/** Never aborted. */
const QUIET = new AbortController().signal;

export function createCaller(
  handling: Handling,
  principal: Principal,
  origin: Origin,
  endpoint: () => string,
  signal: AbortSignal = QUIET,
): Caller {
  return {
    principal,
    send(id, input) {
      const mark = id.indexOf(':');
      // The ids are typed by the clients' commands, and outputs are checked against the same names by the rooms.
      return handling.call({
        service: id.slice(0, mark),
        operation: id.slice(mark + 1),
        input: input as object,
        principal,
        origin,
        endpoint: endpoint(),
        signal,
      }) as ReturnType<Caller['send']> as never;
    },
  };
}
