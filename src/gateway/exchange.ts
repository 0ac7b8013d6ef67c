/** One request from outside and all that belongs to it. */

import type { HttpRequest } from '#wire/http.ts';
import type { IncomingBody } from './body.ts';

export interface Exchange {
  readonly request: HttpRequest;
  readonly body: IncomingBody;
  /** Address of the client. */
  readonly address: string;
  /** As the client reaches us: `http://127.0.0.1:7600`. */
  readonly endpoint: string;
  /** Aborted when the client has gone away. */
  readonly signal: AbortSignal;
}
