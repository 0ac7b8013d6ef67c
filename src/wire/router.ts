/**
 * Which service, protocol and operation a request means: the decision table of one endpoint for every AWS service.
 * Headers first, the signature's scope second, the body last. What is positively unknown is rejected in the likely
 * protocol; nothing signed for another service ever falls through to S3. Smithy: "Wire protocol selection".
 */

import { fault, isFault } from '#base/fault.ts';
import type { Fault } from '#base/fault.ts';
import { bucketOfHost } from './bucket-host.ts';
import { formOf } from './form.ts';
import { splitTarget } from './http.ts';
import type { HttpRequest } from './http.ts';
import { loadModel, serviceFacts, services } from './model.ts';
import type { Protocol } from './model.ts';
import { findPathOperation } from './rest-path.ts';
import { findRestOperation, labelsOfPath } from './rest-route.ts';

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

const FORM = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;
const SHOWN_LENGTH_MAX = 128;

/**
 * `signingName` is the service in the scope of the signature (header or query), `undefined` for unsigned requests.
 * `hosts` are the names under which buckets may be sub-domains: `['localhost', 's3.slipway.test']`.
 */
export function routeRequest(
  request: HttpRequest,
  signingName: string | undefined,
  hosts: readonly string[] = [],
): Route | Rejection {
  const target = request.headers['x-amz-target'];
  const named = request.headers['smithy-protocol'];
  if (named !== undefined) return routeNamedProtocol(named, request, signingName);
  if (target !== undefined) return routeTarget(target, signingName);
  if (signingName === undefined) {
    if (isForm(request)) return missingToken();
    return routeRest(request, restService(), hosts);
  }
  const service = serviceOfSigningName(signingName);
  const protocol = service === undefined ? undefined : serviceFacts(service)?.protocol;
  if (service === undefined || protocol === undefined) {
    const likely = isForm(request) ? 'query' : 'json';
    return reject(likely, `There is no service ${signingName.slice(0, SHOWN_LENGTH_MAX)} here.`, 404);
  }
  switch (protocol) {
    case 'json':
      if (isForm(request) && speaks(service, 'query')) {
        return { service, protocol: 'query', operation: undefined, labels: {} };
      }
      return reject('json', 'The header X-Amz-Target, which names the operation, is missing.', 404);
    case 'rpc-cbor':
      return reject(protocol, 'The header Smithy-Protocol is missing.', 404);
    case 'query':
      return { service, protocol, operation: undefined, labels: {} };
    case 'rest-json':
      return routePath(request, service);
    case 'rest-xml':
      return routeRest(request, service, hosts);
  }
}

/** The bucket that a request of object storage names, by its host or by its path. */
export function bucketOfRequest(request: HttpRequest, hosts: readonly string[]): string | undefined {
  const bucket = bucketOfHost(request.headers['host'], hosts, restService(), services());
  return labelsOfPath(splitTarget(request.target).path, bucket)?.Bucket;
}

export function isRejection(routing: Route | Rejection): routing is Rejection {
  return 'fault' in routing;
}

/** The operation of a form, from the body or, for GET, from the query. Throws MissingAction if it names none. */
export function operationOfForm(request: HttpRequest, body: Buffer): string {
  const action = formOf(request, body).get('Action');
  if (action) return action;
  throw fault('MissingAction', 'The request must contain the parameter Action.', { status: 400 });
}

/**
 * Without a signature only a few operations may be meant, and only their form tells: `routeRequest`, which has no
 * body, rejects such requests; who has read the body of one (`isForm`) may ask here.
 */
export function routeUnsignedForm(request: HttpRequest, body: Buffer): Route | Rejection {
  const form = formOf(request, body);
  const action = form.get('Action') ?? '';
  const service = services().find((name) => {
    const facts = serviceFacts(name);
    return facts?.apiVersion === form.get('Version') && facts?.unsigned.includes(action);
  });
  if (service !== undefined) return { service, protocol: 'query', operation: action, labels: {} };
  return missingToken();
}

function missingToken(): Rejection {
  return {
    protocol: 'query',
    fault: fault('MissingAuthenticationTokenException', 'Request is missing Authentication Token'),
  };
}

function speaks(service: string, protocol: Protocol): boolean {
  const facts = serviceFacts(service);
  return facts?.protocol === protocol || facts?.furtherProtocols.includes(protocol) === true;
}

/** `/service/<target prefix>/operation/<operation>`; what stands before in the path is the endpoint's own. */
const RPC_PATH = /\/service\/([^/]+)\/operation\/([^/]+)$/;

function routeNamedProtocol(
  named: string,
  request: HttpRequest,
  signingName: string | undefined,
): Route | Rejection {
  const shown = named.slice(0, SHOWN_LENGTH_MAX);
  if (named !== 'rpc-v2-cbor') return reject('json', `The protocol ${shown} is not spoken here.`, 415);
  const [, prefix = '', operation = ''] = RPC_PATH.exec(splitTarget(request.target).path) ?? [];
  const routing = routeTarget(`${prefix}.${operation}`, signingName);
  if (isRejection(routing)) return { ...routing, protocol: 'rpc-cbor' };
  if (speaks(routing.service, 'rpc-cbor')) return { ...routing, protocol: 'rpc-cbor' };
  return reject('rpc-cbor', `The service ${routing.service} does not speak the protocol ${shown}.`, 415);
}

/** Prefixes may contain dots: the operation is behind the last one. The scope of the signature must agree. */
function routeTarget(target: string, signingName: string | undefined): Route | Rejection {
  const dot = target.lastIndexOf('.');
  const prefix = target.slice(0, Math.max(0, dot));
  const service = services().find((name) => serviceFacts(name)?.targetPrefixes.includes(prefix));
  const facts = service === undefined ? undefined : serviceFacts(service);
  const shown = target.slice(0, SHOWN_LENGTH_MAX);
  if (service === undefined || !facts)
    return reject('json', `No service here takes the target ${shown}.`, 404);
  if (signingName !== undefined && !facts.signingNames.includes(signingName)) {
    const scope = signingName.slice(0, SHOWN_LENGTH_MAX);
    return reject(
      'json',
      `The target ${shown} does not belong to the service ${scope}, which was signed for.`,
      404,
    );
  }
  return { service, protocol: facts.protocol, operation: target.slice(dot + 1), labels: {} };
}

function routeRest(request: HttpRequest, service: string, hosts: readonly string[]): Route | Rejection {
  const model = loadModel(service);
  const { protocol } = model;
  const bucket = bucketOfHost(request.headers['host'], hosts, service, services());
  const labels = labelsOfPath(splitTarget(request.target).path, bucket);
  if (!labels) return { protocol, fault: uriFault() };
  try {
    const operation = findRestOperation(model, request, labels);
    if (operation) return { service, protocol, operation: operation.name, labels };
  } catch (error) {
    if (!isFault(error)) throw error;
    return { protocol, fault: uriFault(error) };
  }
  const message = 'The specified method is not allowed against this resource.';
  return { protocol, fault: fault('UnknownOperationException', message) };
}

function routePath(request: HttpRequest, service: string): Route | Rejection {
  const protocol = 'rest-json';
  const found = findPathOperation(loadModel(service), request);
  if (found) return { service, protocol, operation: found.operation.name, labels: found.labels };
  const shown = splitTarget(request.target).path.slice(0, SHOWN_LENGTH_MAX);
  return reject(protocol, `The service ${service} has no operation at ${request.method} ${shown}.`, 404);
}

function uriFault(cause?: unknown): Fault {
  return fault('InvalidURI', "Couldn't parse the specified URI.", { status: 400, cause });
}

/** In the query protocol: a posted form, or parameters of a GET. */
export function isForm(request: HttpRequest): boolean {
  if (request.method === 'POST') return FORM.test(request.headers['content-type'] ?? '');
  const { path, query } = splitTarget(request.target);
  return request.method === 'GET' && path === '/' && /(?:^|&)Action=/.test(query);
}

function serviceOfSigningName(signingName: string): string | undefined {
  return services().find((name) => serviceFacts(name)?.signingNames.includes(signingName));
}

/** The service whose addresses are plain paths: requests that name nobody else are for it. */
function restService(): string {
  const service = services().find((name) => serviceFacts(name)?.protocol === 'rest-xml');
  if (service === undefined)
    throw fault('UnknownOperationException', 'No service takes this path.', { status: 404 });
  return service;
}

function reject(protocol: Protocol, message: string, status: number): Rejection {
  return { protocol, fault: fault('UnknownOperationException', message, { status }) };
}
