/**
 * How one fault is spelled in each protocol. Inside the house every common fault has the name that AWS's JSON
 * services give it (`AccessDeniedException`); this table translates. Faults of one service have code and status in
 * the service's own table. AWS: "Common Errors" of each API reference, "Error responses" of Amazon S3.
 */

import type { Fault } from '#base/fault.ts';
import type { Model, Protocol, StructureShape } from './model.ts';

type Spelling = readonly [code: string, status: number];

/** The CBOR protocol spells as JSON does. */
const COMMON: Readonly<Record<string, Readonly<Record<Exclude<Protocol, 'rpc-cbor'>, Spelling>>>> = {
  MissingAuthenticationTokenException: {
    json: ['MissingAuthenticationTokenException', 400],
    query: ['MissingAuthenticationToken', 403],
    'rest-json': ['MissingAuthenticationTokenException', 403],
    'rest-xml': ['AccessDenied', 403],
  },
  IncompleteSignatureException: {
    json: ['IncompleteSignatureException', 400],
    query: ['IncompleteSignature', 400],
    'rest-json': ['IncompleteSignatureException', 403],
    'rest-xml': ['AuthorizationHeaderMalformed', 400],
  },
  UnrecognizedClientException: {
    json: ['UnrecognizedClientException', 400],
    query: ['InvalidClientTokenId', 403],
    'rest-json': ['UnrecognizedClientException', 403],
    'rest-xml': ['InvalidAccessKeyId', 403],
  },
  // A session token that is not ours or was altered; only S3 tells it from an unknown key.
  InvalidTokenException: {
    json: ['UnrecognizedClientException', 400],
    query: ['InvalidClientTokenId', 403],
    'rest-json': ['UnrecognizedClientException', 403],
    'rest-xml': ['InvalidToken', 400],
  },
  InvalidSignatureException: {
    json: ['InvalidSignatureException', 400],
    query: ['SignatureDoesNotMatch', 403],
    'rest-json': ['InvalidSignatureException', 403],
    'rest-xml': ['SignatureDoesNotMatch', 403],
  },
  RequestTimeTooSkewed: {
    json: ['InvalidSignatureException', 400],
    query: ['SignatureDoesNotMatch', 403],
    'rest-json': ['InvalidSignatureException', 403],
    'rest-xml': ['RequestTimeTooSkewed', 403],
  },
  ExpiredTokenException: {
    json: ['ExpiredTokenException', 400],
    query: ['ExpiredToken', 403],
    'rest-json': ['ExpiredTokenException', 403],
    'rest-xml': ['ExpiredToken', 400],
  },
  AccessDeniedException: {
    json: ['AccessDeniedException', 400],
    query: ['AccessDenied', 403],
    'rest-json': ['AccessDeniedException', 403],
    'rest-xml': ['AccessDenied', 403],
  },
  UnknownOperationException: {
    json: ['UnknownOperationException', 400],
    query: ['InvalidAction', 400],
    'rest-json': ['UnknownOperationException', 404],
    'rest-xml': ['MethodNotAllowed', 405],
  },
  UnsupportedOperationException: {
    json: ['UnsupportedOperationException', 400],
    query: ['NotImplemented', 501],
    'rest-json': ['NotImplemented', 501],
    'rest-xml': ['NotImplemented', 501],
  },
  SerializationException: {
    json: ['SerializationException', 400],
    query: ['MalformedQueryString', 400],
    'rest-json': ['SerializationException', 400],
    'rest-xml': ['MalformedXML', 400],
  },
  ValidationException: {
    json: ['ValidationException', 400],
    query: ['ValidationError', 400],
    'rest-json': ['ValidationException', 400],
    'rest-xml': ['InvalidArgument', 400],
  },
  RequestEntityTooLargeException: {
    json: ['RequestEntityTooLargeException', 413],
    query: ['RequestEntityTooLarge', 413],
    'rest-json': ['RequestEntityTooLargeException', 413],
    'rest-xml': ['EntityTooLarge', 400],
  },
  ThrottlingException: {
    json: ['ThrottlingException', 400],
    query: ['Throttling', 400],
    'rest-json': ['TooManyRequestsException', 429],
    'rest-xml': ['SlowDown', 503],
  },
  ServiceUnavailableException: {
    json: ['ServiceUnavailableException', 503],
    query: ['ServiceUnavailable', 503],
    'rest-json': ['ServiceUnavailableException', 503],
    'rest-xml': ['ServiceUnavailable', 503],
  },
  InternalFailure: {
    json: ['InternalFailure', 500],
    query: ['InternalFailure', 500],
    'rest-json': ['ServiceException', 500],
    'rest-xml': ['InternalError', 500],
  },
};

/** A fault as one protocol shows it. */
export interface SpelledFault {
  readonly code: string;
  readonly status: number;
  /** The error shape, if the service's table has it. */
  readonly shape: StructureShape | undefined;
}

/**
 * In JSON the names are the same everywhere, so the service's own table knows best. In XML the common table goes
 * first, for some services list common faults under the names that they have only inside.
 */
export function spellFault(model: Model | undefined, protocol: Protocol, fault: Fault): SpelledFault {
  const shape = model?.errors.get(fault.code);
  if (isJson(protocol) && shape?.error) return { code: shape.name, status: shape.error.status, shape };
  const common = Object.hasOwn(COMMON, fault.code)
    ? COMMON[fault.code]?.[protocol === 'rpc-cbor' ? 'json' : protocol]
    : undefined;
  if (common) return { code: common[0], status: fault.status ?? common[1], shape };
  if (!shape?.error) return { code: fault.code, status: fault.status ?? 400, shape: undefined };
  return { code: shape.error.code, status: shape.error.status, shape };
}

function isJson(protocol: Protocol): boolean {
  return protocol === 'json' || protocol === 'rest-json' || protocol === 'rpc-cbor';
}
