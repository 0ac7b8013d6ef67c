/** Calls inside the house: the same steps as from outside, without a signature, since the principal is already proven. */

import type { IncomingMessage } from 'node:http';
import type { Principal } from '#core/policy/principal.ts';
import type { Caller } from '#services/service.ts';
import type { Origin } from './authorize.ts';
import type { Handling } from './handle.ts';

/** Never aborted. */
const QUIET = new AbortController().signal;
const USER_AGENT = 'slipway';

/** `source` is who calls: a service's principal name, or `slipway` for what people do on the server itself. */
export function innerOrigin(source: string, region: string, sourceArn?: string): Origin {
  return {
    source,
    ...(sourceArn !== undefined && { sourceArn }),
    address: undefined,
    userAgent: USER_AGENT,
    referer: undefined,
    secure: true,
    region,
    calledVia: [],
    signature: {},
  };
}

/** A request to a door of another protocol, such as git. */
export function outerOrigin(message: IncomingMessage, region: string): Origin {
  const address = plainAddress(message.socket.remoteAddress);
  return {
    source: address,
    address,
    userAgent: message.headers['user-agent'] ?? '',
    referer: message.headers.referer,
    secure: 'encrypted' in message.socket,
    region,
    calledVia: [],
    signature: {},
  };
}

export function plainAddress(address: string | undefined): string {
  return (address ?? 'unknown').replace(/^::ffff:(?=\d+\.)/, '');
}

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
