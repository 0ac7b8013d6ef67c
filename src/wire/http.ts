/** HTTP as the wire floor sees it: one request, one answer, nothing of sockets. */

import type { Readable } from 'node:stream';

export interface HttpRequest {
  readonly method: string;
  /** The request target as it came, undecoded: path and query. Routing and signatures read this one. */
  readonly target: string;
  /** Names in lower case; repeated headers joined with `,` in order. */
  readonly headers: Readonly<Record<string, string>>;
  /** Names and values as they came, alternating. */
  readonly rawHeaders: readonly string[];
  /** TLS all the way to us. */
  readonly secure: boolean;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | Readable | undefined;
}

/** The raw path and query of a target; the query is without its `?`. */
export function splitTarget(target: string): { readonly path: string; readonly query: string } {
  const mark = target.indexOf('?');
  return mark < 0
    ? { path: target, query: '' }
    : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}
