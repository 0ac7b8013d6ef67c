/**
 * The way of a request, as one list in the order in which it runs. Calls from outside pass all of it; calls inside the
 * house join at `validate`. Every way ends in the record and the audit, also those that were refused.
 *
 *   route ─▶ authenticate ─▶ parse ─▶ validate ─▶ authorize ─▶ operate ─▶ record ─▶ encode ─▶ audit
 */

import { Readable } from 'node:stream';
import type { Clock } from '#base/clock.ts';
import { present } from '#base/assert.ts';
import { fault, Fault } from '#base/fault.ts';
import type { Log } from '#base/log.ts';
import { principalArn, type PolicySubject, type Principal } from '#core/policy/principal.ts';
import type { Call, Caller, Scope } from '#services/service.ts';
import { createRequestId, decodeInput, encodeFault, encodeOutput, findOperation } from '#wire/codec.ts';
import type { HttpAnswer, HttpRequest } from '#wire/http.ts';
import { loadModel, type Model, type Operation, type Protocol } from '#wire/model.ts';
import { isFormUpload } from '#wire/form-data.ts';
import {
  bucketOfRequest,
  isForm,
  isRejection,
  routeRequest,
  routeUnsignedForm,
  type Route,
} from '#wire/router.ts';
import { readClaim, type Reading } from '#wire/sigv4-claim.ts';
import { validateInput } from '#wire/validate.ts';
import type { Audit } from './audit.ts';
import type { Authenticate } from './authenticate.ts';
import type { Authorize, Origin } from './authorize.ts';
import { UNSIGNED_BYTES_MAX, type Bodies } from './body.ts';
import { createCrossOriginDoor } from './cross-origin.ts';
import type { Exchange } from './exchange.ts';
import type { FormUploads } from './form-uploads.ts';
import type { Recording } from './recording.ts';
import { isGap, type Room, type Rooms } from './rooms.ts';

/** One call from inside. */
export interface InnerCall {
  readonly service: string;
  readonly operation: string;
  readonly input: object;
  readonly principal: Principal;
  readonly origin: Origin;
  readonly endpoint: string;
  readonly signal: AbortSignal;
}

export interface HandleParts {
  readonly account: string;
  readonly region: string;
  /** Host names below which buckets may be sub-domains. */
  readonly bucketHosts: readonly string[];
  readonly rooms: Rooms;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  readonly recording: Recording;
  readonly bodies: Bodies;
  readonly authenticate: Authenticate;
  readonly formUploads: FormUploads;
  readonly authorize: Authorize;
  /** Callers for what handlers send on. */
  readonly callerFor: (principal: Principal, origin: Origin, endpoint: string, signal: AbortSignal) => Caller;
}

export interface Handling {
  handle(exchange: Exchange): Promise<HttpAnswer>;
  /** Throws the operation's fault. */
  call(inner: InnerCall): Promise<object>;
}

export function createHandling(parts: HandleParts): Handling {
  const { rooms, clock, audit, account, region } = parts;
  const scope: Scope = { account, region };
  const crossOrigin = createCrossOriginDoor(rooms, parts.bucketHosts);
  return { handle, call };

  async function handle(exchange: Exchange): Promise<HttpAnswer> {
    const startedAt = audit.measure();
    const { request, signal } = exchange;
    const seen: Seen = { protocol: 'json', at: clock.now(), requestId: '', arns: [] };
    let answer: HttpAnswer;
    try {
      answer = request.method === 'OPTIONS' ? await preflight(request, seen) : await answerTo(exchange, seen);
    } catch (error) {
      seen.requestId ||= createRequestId(seen.protocol);
      seen.fault = toFault(error, seen.requestId, signal);
      seen.reason = reasonOf(seen.fault);
      answer = encodeFault(seen.model, seen.protocol, seen.fault, seen.requestId, seen.operation);
    }
    try {
      await keep(seen, originOf(exchange, {}));
    } catch (error) {
      if (answer.body instanceof Readable) answer.body.destroy();
      seen.fault = toFault(error, seen.requestId, signal);
      answer = encodeFault(seen.model, seen.protocol, seen.fault, seen.requestId, seen.operation);
    }
    audit.record({
      requestId: seen.requestId,
      service: seen.model?.service,
      operation: seen.operation,
      principal: seen.principal && principalArn(seen.principal),
      source: exchange.address,
      userAgent: request.headers['user-agent'] ?? '',
      code: seen.fault?.code,
      reason: seen.reason,
      startedAt,
    });
    return request.headers['origin'] && seen.model?.protocol === 'rest-xml'
      ? { ...answer, headers: { ...answer.headers, ...(await crossOrigin.headersFor(request)) } }
      : answer;
  }

  /** No call: nobody is known, nothing is done, and browsers remember what they heard. */
  function preflight(request: HttpRequest, seen: Seen): Promise<HttpAnswer> {
    seen.protocol = 'rest-xml';
    seen.requestId = createRequestId(seen.protocol);
    return crossOrigin.preflight(request);
  }

  async function answerTo(exchange: Exchange, seen: Seen): Promise<HttpAnswer> {
    const { request } = exchange;
    const reading = readClaim(request);
    if (reading.type === 'unsigned' && isFormUpload(request.method, request.headers['content-type'])) {
      const bucket = bucketOfRequest(request, parts.bucketHosts);
      if (bucket !== undefined) return answerForm(exchange, bucket, seen);
    }
    const form = await openForm(exchange, reading);
    const route = findRoute(request, reading, form, seen);
    seen.requestId = createRequestId(route.protocol);
    const model = loadModel(route.service);
    seen.model = model;
    const authenticated = await parts.authenticate(exchange, reading, route, model, form);
    // Whoever sends a form without a signature is nobody yet: a token in it may prove them.
    if (form === undefined) seen.principal = authenticated.principal;
    seen.accessKeyId = reading.type === 'claim' ? reading.claim.accessKeyId : undefined;
    if (seen.accessKeyId?.startsWith('AKIA')) rooms.identities?.noteUse?.(seen.accessKeyId, model.service);
    seen.asked = authenticated.operation;
    const operation = findOperation(model, authenticated.operation);
    seen.operation = operation.name;
    const { request: opened, body } = authenticated;
    seen.input = decodeInput(model, operation, opened, body, route.labels, route.protocol);
    seen.output = await perform(
      {
        model,
        operation,
        input: seen.input,
        principal: authenticated.principal,
        origin: originOf(exchange, authenticated.context),
        endpoint: exchange.endpoint,
        signal: exchange.signal,
        requestId: seen.requestId,
        at: seen.at,
      },
      seen,
    );
    seen.principal ??= authenticated.principal;
    return encodeOutput(model, operation, seen.output, seen.requestId, route.protocol);
  }

  /** A form of a browser means a PutObject, and is answered as the form asks. */
  async function answerForm(exchange: Exchange, bucket: string, seen: Seen): Promise<HttpAnswer> {
    seen.protocol = 'rest-xml';
    seen.requestId = createRequestId(seen.protocol);
    const model = loadModel('s3');
    seen.model = model;
    seen.asked = 'PutObject';
    const form = await parts.formUploads.open(exchange, bucket);
    const { principal, accessKeyId, request, body, labels } = form;
    Object.assign(seen, { principal, accessKeyId });
    const operation = findOperation(model, seen.asked);
    seen.operation = operation.name;
    const input = decodeInput(model, operation, request, body, labels, seen.protocol);
    seen.input = input;
    const origin = originOf(exchange, form.context);
    const { endpoint, signal } = exchange;
    const { requestId, at } = seen;
    seen.output = await perform(
      { model, operation, input, principal, origin, endpoint, signal, requestId, at },
      seen,
    );
    return form.answer(seen.output, requestId);
  }

  /** Records the call, if anybody is known to have made it. */
  async function keep(seen: Seen, origin: Origin): Promise<void> {
    const { model, principal, asked, accessKeyId, requestId, at, arns, input, output, fault } = seen;
    if (!model || !principal || asked === undefined) return;
    const { source, userAgent } = origin;
    const call = { model, operation: asked, principal, accessKeyId, requestId, at, source, userAgent };
    await parts.recording.record({ ...call, arns, input, output, fault });
  }

  /** Only the form tells which operation an unsigned form means, so it is read first, if it is short. */
  async function openForm(exchange: Exchange, reading: Reading): Promise<Buffer | undefined> {
    const { request } = exchange;
    if (reading.type !== 'unsigned' || request.headers['x-amz-target'] !== undefined || !isForm(request))
      return undefined;
    return parts.bodies.collect(exchange.body, UNSIGNED_BYTES_MAX);
  }

  function findRoute(request: HttpRequest, reading: Reading, form: Buffer | undefined, seen: Seen): Route {
    const routing = form
      ? routeUnsignedForm(request, form)
      : routeRequest(request, signingNameOf(reading), parts.bucketHosts);
    seen.protocol = routing.protocol;
    if (isRejection(routing)) throw routing.fault;
    return routing;
  }

  async function call(inner: InnerCall): Promise<object> {
    const startedAt = audit.measure();
    const { principal, origin, input } = inner;
    const model = loadModel(inner.service);
    const seen: Seen = {
      protocol: model.protocol,
      model,
      principal,
      asked: inner.operation,
      at: clock.now(),
      requestId: createRequestId(model.protocol),
      input,
      arns: [],
    };
    try {
      const operation = findOperation(model, inner.operation);
      seen.output = await perform(
        { ...inner, model, operation, requestId: seen.requestId, at: seen.at },
        seen,
      );
    } catch (error) {
      seen.fault = toFault(error, seen.requestId, inner.signal);
    }
    // Not being able to record is nobody's answer: whoever called is to try again, not to take it for a refusal.
    await keep(seen, origin);
    audit.record({
      requestId: seen.requestId,
      service: model.service,
      operation: inner.operation,
      principal: principalArn(principal),
      source: origin.source,
      userAgent: origin.userAgent,
      code: seen.fault?.code,
      reason: undefined,
      startedAt,
    });
    if (seen.fault) throw seen.fault;
    return present(seen.output, 'the output of a call without a fault');
  }

  async function perform(step: Step, seen: Seen): Promise<object> {
    const { model, operation, input, principal, origin, at } = step;
    validateInput(model, operation, input as Record<string, unknown>);
    const room = rooms.find(model.service);
    const permissions = permissionsOf(room, model, operation, input);
    seen.arns = permissions.map((permission) => permission.resource);
    await parts.authorize(principal, permissions, origin, at);
    const handler = room?.operations[operation.name];
    if (!handler || isGap(handler)) throw unsupported(model, operation, handler?.gap);
    parts.recording.admit(model.service, operation.name, principal);
    return handler(createCall(step, seen), input);
  }

  function permissionsOf(room: Room | undefined, model: Model, operation: Operation, input: object) {
    const table = room && Object.hasOwn(room.permissions, operation.name) ? room.permissions : undefined;
    return (
      table?.[operation.name]?.(input, scope) ?? [
        { action: `${model.service}:${operation.name}`, resource: '*' },
      ]
    );
  }

  function createCall(step: Step, seen: Seen): Call {
    const { principal, origin, endpoint, signal, model, at } = step;
    // As on AWS, what a service passes on does not come from the client's address.
    const { sourceArn, ...inherited } = origin;
    const passedOn: Origin = {
      ...inherited,
      address: undefined,
      referer: undefined,
      signature: {},
      secure: true,
      source: `${model.service}.amazonaws.com`,
      calledVia: [...origin.calledVia, `${model.service}.amazonaws.com`],
    };
    return {
      ...parts.callerFor(principal, passedOn, endpoint, signal),
      account,
      region,
      requestId: step.requestId,
      at,
      source: origin.source,
      ...(sourceArn !== undefined && { sourceArn }),
      userAgent: origin.userAgent,
      endpoint,
      signal,
      authorize: (...permissions) => parts.authorize(principal, permissions, origin, at),
      authorizeAs: (subject, ...permissions) => {
        seen.principal = subject;
        return parts.authorize(subject, permissions, origin, at);
      },
    };
  }

  /** Whatever is no fault is a bug of ours: logged with the request id, and nothing of it is shown. */
  function toFault(error: unknown, requestId: string, signal: AbortSignal): Fault {
    if (error instanceof Fault) return error;
    if (signal.aborted && error instanceof Error && error.name === 'AbortError') {
      return fault('RequestTimeout', 'The client went away before the answer.', { status: 408 });
    }
    parts.log.error('a request failed by a bug', { requestId, error });
    return fault('InternalFailure', `We encountered an internal error. Request id ${requestId}.`, {
      status: 500,
      cause: error,
    });
  }

  function originOf(exchange: Exchange, signature: Origin['signature']): Origin {
    const { request, address } = exchange;
    return {
      source: address,
      address,
      userAgent: request.headers['user-agent'] ?? '',
      referer: request.headers['referer'],
      secure: request.secure,
      region,
      calledVia: [],
      signature,
    };
  }
}

/** What is known so far, for the answer, the record and the audit of a request, also of one that fails on its way. */
interface Seen {
  protocol: Protocol;
  readonly at: number;
  requestId: string;
  model?: Model;
  /** As the request named it; nobody may know it. */
  asked?: string;
  operation?: string;
  principal?: PolicySubject;
  accessKeyId?: string | undefined;
  input?: object;
  output?: object;
  /** What was to be allowed. */
  arns: readonly string[];
  fault?: Fault;
  reason?: string | undefined;
}

interface Step {
  readonly model: Model;
  readonly operation: Operation;
  readonly input: object;
  readonly principal: Principal;
  readonly origin: Origin;
  readonly endpoint: string;
  readonly signal: AbortSignal;
  readonly requestId: string;
  readonly at: number;
}

function signingNameOf(reading: Reading): string | undefined {
  switch (reading.type) {
    case 'unsigned':
      return undefined;
    case 'claim':
      return reading.claim.service;
    case 'refused':
      return reading.service;
  }
}

function unsupported(model: Model, operation: Operation, why: string | undefined): Fault {
  const reason = why ?? `the service ${model.service} is not part of this installation`;
  return fault(
    'UnsupportedOperationException',
    `Slipway does not support ${model.service}:${operation.name}: ${reason}`,
  );
}

/** Details of a refused signature go to the log; callers get the general text. */
function reasonOf(answer: Fault): string | undefined {
  return answer.code === 'InternalFailure' ? undefined : answer.message.slice(0, 300);
}
