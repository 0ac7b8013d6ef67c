/** Where a request comes from, as policies and records see it: another room, or a client at a door. */

import type { IncomingMessage } from 'node:http';
import type { Origin } from './authorize.ts';

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
