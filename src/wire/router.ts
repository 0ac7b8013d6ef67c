/**
 * Which service, protocol and operation a request means: the decision table of one endpoint for every AWS service.
 * Headers first, the signature's scope second, the body last. What is positively unknown is rejected in the likely
 * protocol; nothing signed ever falls through to S3. Smithy: "Wire protocol selection".
 */

import { fault } from '#base/fault.ts';
import type { Fault } from '#base/fault.ts';
import type { HttpRequest } from './http.ts';
import { serviceFacts, services } from './model.ts';
import type { Protocol } from './model.ts';

export interface Route {
  readonly service: string;
  readonly protocol: Protocol;
  /** `undefined` in the query protocol until the form is read: see `operationOfForm`. May be a name that nobody knows. */
  readonly operation: string | undefined;
  /** The parts of the path that are input, decoded: `Bucket`, `Key`. */
  readonly labels: Readonly<Record<string, string>>;
}

/** A request that means nothing here; `encodeFault(undefined, protocol, fault, …)` answers it. */
export interface Rejection {
  readonly fault: Fault;
  readonly protocol: Protocol;
}

/**
 * `signingName` is the service in the scope of the signature (header or query), `undefined` for unsigned requests.
 * `hosts` are the names under which buckets may be sub-domains: `['localhost', 's3.slipway.test']`.
 */
export function routeRequest(
  request: HttpRequest,
  signingName: string | undefined,
  _hosts: readonly string[] = [],
): Route | Rejection {
  const target = request.headers['x-amz-target'];
  if (target !== undefined) return routeTarget(target, signingName);
  return {
    fault: fault('UnknownOperationException', 'No service takes this request.', { status: 404 }),
    protocol: 'json',
  };
}

export function isRejection(routing: Route | Rejection): routing is Rejection {
  return 'fault' in routing;
}

/** Prefixes may contain dots: the operation is behind the last one. */
function routeTarget(target: string, signingName: string | undefined): Route | Rejection {
  const dot = target.lastIndexOf('.');
  const prefix = target.slice(0, dot);
  const service = services().find((name) => serviceFacts(name)?.targetPrefixes.includes(prefix));
  const facts = service === undefined ? undefined : serviceFacts(service);
  const agrees = signingName === undefined || facts?.signingNames.includes(signingName);
  if (service === undefined || !facts || !agrees) {
    const shown = target.slice(0, 128);
    return {
      fault: fault('UnknownOperationException', `No service takes the target ${shown}.`, { status: 404 }),
      protocol: 'json',
    };
  }
  return { service, protocol: facts.protocol, operation: target.slice(dot + 1), labels: {} };
}

/** The operation of a form, from the body or, for GET, from the query. */
export function operationOfForm(_request: HttpRequest, body: Buffer): string | undefined {
  return new URLSearchParams(body.toString('utf8')).get('Action') ?? undefined;
}
