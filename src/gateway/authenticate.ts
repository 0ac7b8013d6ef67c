/**
 * Who sends this request, proven: the claim of its signature, the secret behind the key, and the body that was signed.
 * Cheap checks come first, so that strangers cannot make us read or compute much. Unsigned requests reach only the
 * operations that AWS leaves open, and object storage as `anonymous`.
 */

import type { Readable } from 'node:stream';
import type { Clock } from '#base/clock.ts';
import { fault } from '#base/fault.ts';
import type { Principal } from '#core/policy/principal.ts';
import { openContent } from '#wire/content-coding.ts';
import type { HttpRequest } from '#wire/http.ts';
import { hasStreamingInput, type Model, type Operation } from '#wire/model.ts';
import { operationOfForm, type Route } from '#wire/router.ts';
import type { Claim, Reading } from '#wire/sigv4-claim.ts';
import {
  chunkSeed,
  objectRules,
  ordinaryRules,
  payloadHash,
  readPayload,
  verifyClaim,
  type ChunkSeed,
  type Payload,
} from '#wire/sigv4.ts';
import { readBodyChecks } from './body-checks.ts';
import { WHOLE_BYTES_MAX, withoutChunking, type Bodies, type BodyPlan } from './body.ts';
import type { Exchange } from './exchange.ts';
import type { Identify } from './identify.ts';
import { refusalToFault } from './refusals.ts';

export interface Authenticated {
  readonly principal: Principal;
  /** The name that was asked for; nobody may know it. */
  readonly operation: string;
  /** As the operation should read it. */
  readonly request: HttpRequest;
  readonly body: Buffer | Readable;
  /** Condition keys of the signature. */
  readonly context: Readonly<Record<string, string>>;
}

export type Authenticate = (
  exchange: Exchange,
  reading: Reading,
  route: Route,
  model: Model,
  /** The body, where it was needed to find the route of an unsigned request. */
  form: Buffer | undefined,
) => Promise<Authenticated>;

export interface AuthenticateParts {
  readonly region: string;
  readonly clock: Clock;
  readonly bodies: Bodies;
  readonly identify: Identify;
}

const ANONYMOUS: Principal = { type: 'anonymous' };

export function createAuthenticate(parts: AuthenticateParts): Authenticate {
  const { bodies, clock, identify } = parts;
  return async (exchange, reading, route, model, form) => {
    switch (reading.type) {
      case 'refused':
        throw refusalToFault(reading.refusal, route.protocol, reading.place);
      case 'unsigned':
        return route.protocol === 'rest-xml'
          ? openObject(exchange, route, model, asAnonymous(exchange.request, route))
          : openUnsigned(exchange.request, route, model, form);
      case 'claim':
        return route.protocol === 'rest-xml'
          ? openObject(exchange, route, model, await proveObject(exchange, reading.claim, route))
          : prove(exchange, reading.claim, route);
    }
  };

  /** JSON and forms: the body is part of the proof. */
  async function prove(exchange: Exchange, claim: Claim, route: Route): Promise<Authenticated> {
    const { request } = exchange;
    checkRegion(claim, route);
    const identity = await identify(claim.accessKeyId, claim.sessionToken);
    const payload = readPayload(request, claim.place, ordinaryRules);
    if ('reason' in payload) throw refusalToFault(payload, route.protocol, claim.place, claim);
    const body = await bodies.collect(exchange.body, WHOLE_BYTES_MAX);
    // A hash that the client names counts only as far as it is the hash of the body.
    const proof = {
      secretAccessKey: identity.secretAccessKey,
      payloadHash: payloadHash({ type: 'whole', sha256: undefined }, body),
      now: clock.now(),
    };
    const refusal = verifyClaim(request, claim, proof, ordinaryRules);
    if (refusal) throw refusalToFault(refusal, route.protocol, claim.place, claim);
    const content = await openContent(request, body, WHOLE_BYTES_MAX);
    return {
      principal: identity.principal,
      operation: operationOf(route, request, content),
      request,
      body: content,
      context: {},
    };
  }

  /** Object storage: the signature is proven before the body is read, and the body later against the signature. */
  async function proveObject(exchange: Exchange, claim: Claim, route: Route): Promise<Proven> {
    const { request } = exchange;
    checkRegion(claim, route);
    const identity = await identify(claim.accessKeyId, claim.sessionToken);
    const payload = readPayload(request, claim.place, objectRules);
    if ('reason' in payload) throw refusalToFault(payload, route.protocol, claim.place, claim);
    const { secretAccessKey, principal } = identity;
    const now = clock.now();
    const proof = { secretAccessKey, payloadHash: payloadHash(payload, undefined), now };
    const refusal = verifyClaim(request, claim, proof, objectRules);
    if (refusal) throw refusalToFault(refusal, route.protocol, claim.place, claim);
    return {
      principal,
      payload,
      seed: payload.type === 'chunked' && payload.signed ? chunkSeed(claim, secretAccessKey) : undefined,
      context: {
        's3:signatureversion': 'AWS4-HMAC-SHA256',
        's3:authType': claim.place === 'query' ? 'REST-QUERY-STRING' : 'REST-HEADER',
        's3:signatureAge': String(Math.max(0, now - claim.at)),
      },
    };
  }

  async function openObject(
    exchange: Exchange,
    route: Route,
    model: Model,
    proven: Proven,
  ): Promise<Authenticated> {
    const { request } = exchange;
    const operation = model.operations.get(route.operation ?? '');
    const isStreaming = operation !== undefined && hasStreamingInput(operation);
    const checks = readBodyChecks(request, proven.payload, {
      isChecked: isStreaming || operation?.checksumRequired === true,
      isRequired: operation?.checksumRequired === true,
    });
    const plan: BodyPlan = { payload: proven.payload, seed: proven.seed, checks };
    return {
      principal: proven.principal,
      operation: route.operation ?? '',
      request: withoutChunking(request, proven.payload),
      body: isStreaming ? bodies.open(exchange.body, plan) : await wholeBody(exchange, operation, plan),
      context: proven.context,
    };
  }

  async function wholeBody(
    exchange: Exchange,
    operation: Operation | undefined,
    plan: BodyPlan,
  ): Promise<Buffer> {
    const { headers } = exchange.request;
    const hasBody =
      Number(headers['content-length'] ?? '0') > 0 || headers['transfer-encoding'] !== undefined;
    if (!hasBody || !operation) return Buffer.alloc(0);
    return bodies.collectOpen(exchange.body, plan, WHOLE_BYTES_MAX);
  }

  function openUnsigned(
    request: HttpRequest,
    route: Route,
    model: Model,
    form: Buffer | undefined,
  ): Authenticated {
    const operation = route.operation ?? '';
    if (!form || !model.unsigned.includes(operation)) {
      throw fault('MissingAuthenticationTokenException', 'Request is missing Authentication Token');
    }
    return { principal: ANONYMOUS, operation, request, body: form, context: {} };
  }

  /** One region lives here. Elsewhere AWS would show an empty region; we say that there is none. */
  function checkRegion(claim: Claim, route: Route): void {
    if (claim.region === parts.region || GLOBAL_SERVICES.has(route.service)) return;
    if (route.protocol === 'rest-xml') {
      throw fault(
        'AuthorizationHeaderMalformed',
        `The authorization header is malformed; the region '${claim.region}' is wrong; expecting '${parts.region}'`,
        { status: 400, members: { Region: parts.region } },
      );
    }
    throw fault(
      'InvalidSignatureException',
      `Credential should be scoped to a valid region, not '${claim.region}'. This installation has '${parts.region}'.`,
    );
  }
}

/** Signed for us-east-1, or for any region, wherever they are called from. */
const GLOBAL_SERVICES = new Set(['iam', 'sts']);

function asAnonymous(request: HttpRequest, route: Route): Proven {
  const payload = readPayload(request, 'unsigned', objectRules);
  if ('reason' in payload) throw refusalToFault(payload, route.protocol, 'header');
  return { principal: ANONYMOUS, payload, seed: undefined, context: {} };
}

interface Proven {
  readonly principal: Principal;
  readonly payload: Payload;
  readonly seed: ChunkSeed | undefined;
  readonly context: Readonly<Record<string, string>>;
}

function operationOf(route: Route, request: HttpRequest, body: Buffer): string {
  return route.operation ?? operationOfForm(request, body);
}
