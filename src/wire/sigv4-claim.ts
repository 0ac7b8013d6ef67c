/**
 * What a signed request claims: who, when, for which scope, over which headers. Read from the Authorization header or
 * from the query of a presigned URL, strictly: whatever is doubled, missing or of another scheme is refused, and
 * nothing is believed yet. `sigv4.ts` proves a claim.
 */

import { splitTarget, type HttpRequest } from './http.ts';

export interface Claim {
  readonly place: 'header' | 'query';
  readonly accessKeyId: string;
  /** `YYYYMMDD` of the scope. */
  readonly date: string;
  readonly region: string;
  /** The signing name. */
  readonly service: string;
  /** Lower case, in the order of the request. */
  readonly signedHeaders: readonly string[];
  /** 64 hexadecimal digits. */
  readonly signature: string;
  /** `YYYYMMDDTHHMMSSZ`, as signed. */
  readonly timestamp: string;
  /** The same in milliseconds since the epoch. */
  readonly at: number;
  readonly sessionToken: string | undefined;
  /** Only presigned. */
  readonly expiresSeconds: number | undefined;
}

export type RefusalReason =
  | 'malformed'
  | 'doubled'
  | 'unsupported'
  | 'scope'
  | 'headers'
  | 'payload'
  | 'skewed'
  | 'expired'
  | 'mismatch';

/** Why a signature does not count. The message is for the caller; the rest helps honest ones to find their mistake. */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly message: string;
  readonly canonicalRequest?: string;
  readonly stringToSign?: string;
}

export type Reading =
  | { readonly type: 'unsigned' }
  | { readonly type: 'claim'; readonly claim: Claim }
  | {
      readonly type: 'refused';
      readonly place: 'header' | 'query';
      /** The signing name, as far as it could be read; only for the form of the answer. */
      readonly service: string | undefined;
      readonly refusal: Refusal;
    };

export const ALGORITHM = 'AWS4-HMAC-SHA256';
const TERMINATOR = 'aws4_request';
const EXPIRES_SECONDS_MAX = 7 * 24 * 3600;
const AUTHORIZATION_LENGTH_MAX = 16_384;
const SIGNED_HEADERS_MAX = 200;
const SIGNATURE_FORM = /^[0-9a-f]{64}$/;
const TIMESTAMP_FORM = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;
const PRESIGNED_NAMES = new Set([
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-expires',
  'x-amz-signedheaders',
  'x-amz-signature',
  'x-amz-security-token',
]);

/** What the request says about its signer. Cheap, and safe on any input. */
export function readClaim(request: HttpRequest): Reading {
  const authorization = request.headers['authorization'];
  const { query } = splitTarget(request.target);
  const presigned = readPresignedQuery(query);
  if (presigned === 'doubled')
    return refused('query', 'doubled', 'A signature parameter appears more than once.');
  if (authorization !== undefined && presigned) {
    return refused(
      'header',
      'doubled',
      'Only one authentication mechanism is allowed: header or query string.',
    );
  }
  if (presigned) return readQueryClaim(request, presigned);
  if (authorization === undefined) {
    return /(?:^|&)(?:AWSAccessKeyId|SignatureVersion)=/.test(query)
      ? refused('query', 'unsupported', `Please use ${ALGORITHM}.`)
      : { type: 'unsigned' };
  }
  return readHeaderClaim(request, authorization);
}

/** Milliseconds since the epoch of a `YYYYMMDDTHHMMSSZ`; `undefined` when it is no such time. */
export function parseTimestamp(text: string): number | undefined {
  const match = TIMESTAMP_FORM.exec(text);
  if (!match) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  const at = Date.UTC(year, month - 1, day, hour, minute, second);
  return formatTimestamp(at) === text ? at : undefined;
}

export function formatTimestamp(at: number): string {
  return `${new Date(at).toISOString().replace(/[-:]/g, '').slice(0, 15)}Z`;
}

function refused(
  place: 'header' | 'query',
  reason: RefusalReason,
  message: string,
  service?: string,
): Reading {
  return { type: 'refused', place, service, refusal: { reason, message } };
}

function readHeaderClaim(request: HttpRequest, authorization: string): Reading {
  const refuse = (reason: RefusalReason, message: string) => refused('header', reason, message);
  if (authorization.length > AUTHORIZATION_LENGTH_MAX)
    return refuse('malformed', 'Authorization header is too long.');
  const space = authorization.indexOf(' ');
  const algorithm = space < 0 ? authorization : authorization.slice(0, space);
  if (algorithm !== ALGORITHM) {
    return refuse('unsupported', `The authorization mechanism is not supported. Please use ${ALGORITHM}.`);
  }
  const fields = new Map<string, string>();
  for (const part of authorization.slice(space + 1).split(',')) {
    const text = part.trim();
    const mark = text.indexOf('=');
    const name = text.slice(0, Math.max(0, mark));
    if (mark < 1) return refuse('malformed', "Authorization header has a part that is not 'Name=Value'.");
    if (fields.has(name)) return refuse('doubled', `Authorization header has '${name}' more than once.`);
    fields.set(name, text.slice(mark + 1));
  }
  const missing = ['Credential', 'SignedHeaders', 'Signature'].filter((name) => !fields.get(name));
  if (missing.length > 0) {
    const names = missing.map((name) => `'${name}'`).join(', ');
    return refuse('malformed', `Authorization header requires ${names} parameter.`);
  }
  const timestamp = headerTimestamp(request);
  if (timestamp === undefined) {
    return refuse(
      'malformed',
      "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header, in a valid form.",
    );
  }
  return toClaim('header', {
    credential: fields.get('Credential') ?? '',
    signedHeaders: fields.get('SignedHeaders') ?? '',
    signature: fields.get('Signature') ?? '',
    timestamp,
    sessionToken: request.headers['x-amz-security-token'],
    expires: undefined,
  });
}

/** `x-amz-date`, or else the RFC 1123 `date`, as the timestamp that was signed. */
function headerTimestamp(request: HttpRequest): string | undefined {
  const own = request.headers['x-amz-date'];
  if (own !== undefined) return own;
  const date = request.headers['date'];
  if (date === undefined) return undefined;
  if (parseTimestamp(date) !== undefined) return date;
  const at = Date.parse(date);
  return Number.isNaN(at) ? undefined : formatTimestamp(at);
}

function readQueryClaim(request: HttpRequest, presigned: ReadonlyMap<string, string>): Reading {
  const refuse = (reason: RefusalReason, message: string) => refused('query', reason, message);
  if (presigned.get('x-amz-algorithm') !== ALGORITHM) {
    return refuse('unsupported', `X-Amz-Algorithm only supports "${ALGORITHM}".`);
  }
  for (const name of [
    'X-Amz-Credential',
    'X-Amz-Date',
    'X-Amz-Expires',
    'X-Amz-SignedHeaders',
    'X-Amz-Signature',
  ]) {
    if (!presigned.get(name.toLowerCase())) {
      return refuse('malformed', `Query-string authentication requires the ${name} parameter.`);
    }
  }
  const token = presigned.get('x-amz-security-token');
  const headerToken = request.headers['x-amz-security-token'];
  if (headerToken !== undefined && headerToken !== token) {
    return refuse('doubled', 'The security tokens of header and query string differ.');
  }
  return toClaim('query', {
    credential: presigned.get('x-amz-credential') ?? '',
    signedHeaders: presigned.get('x-amz-signedheaders') ?? '',
    signature: presigned.get('x-amz-signature') ?? '',
    timestamp: presigned.get('x-amz-date') ?? '',
    sessionToken: token,
    expires: presigned.get('x-amz-expires'),
  });
}

/** The signature's own parameters, decoded, by lower-case name; `undefined` when the query has no signature at all. */
function readPresignedQuery(query: string): ReadonlyMap<string, string> | undefined | 'doubled' {
  if (!/x-amz-(?:algorithm|signature|credential)=/i.test(query)) return undefined;
  const found = new Map<string, string>();
  for (const pair of query.split('&')) {
    const mark = pair.indexOf('=');
    const name = (mark < 0 ? pair : pair.slice(0, mark)).toLowerCase();
    if (!PRESIGNED_NAMES.has(name)) continue;
    if (found.has(name)) return 'doubled';
    found.set(name, decode(mark < 0 ? '' : pair.slice(mark + 1)));
  }
  return found.has('x-amz-algorithm') || found.has('x-amz-signature') || found.has('x-amz-credential')
    ? found
    : undefined;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return ''; // An undecodable parameter counts as absent, which is refused by name.
  }
}

interface Parameters {
  readonly credential: string;
  readonly signedHeaders: string;
  readonly signature: string;
  readonly timestamp: string;
  readonly sessionToken: string | undefined;
  readonly expires: string | undefined;
}

function toClaim(place: 'header' | 'query', given: Parameters): Reading {
  const [accessKeyId = '', date = '', region = '', service = '', terminator, ...rest] =
    given.credential.split('/');
  const refuse = (reason: RefusalReason, message: string) =>
    refused(place, reason, message, service || undefined);
  if (!accessKeyId || !date || !region || !service || terminator !== TERMINATOR || rest.length > 0) {
    return refuse(
      'malformed',
      `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/${TERMINATOR}.`,
    );
  }
  const at = parseTimestamp(given.timestamp);
  if (at === undefined)
    return refuse('malformed', "Date must be in ISO8601 'basic format': YYYYMMDDTHHMMSSZ.");
  if (given.timestamp.slice(0, 8) !== date) {
    return refuse('scope', 'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date.');
  }
  if (!SIGNATURE_FORM.test(given.signature)) {
    return refuse('malformed', 'Signature must be 64 hexadecimal digits in lower case.');
  }
  const signedHeaders = given.signedHeaders.split(';');
  if (signedHeaders.length > SIGNED_HEADERS_MAX)
    return refuse('malformed', 'SignedHeaders names too many headers.');
  if (
    signedHeaders.some((name) => name !== name.toLowerCase()) ||
    new Set(signedHeaders).size < signedHeaders.length
  ) {
    return refuse('malformed', 'SignedHeaders must name each header once, in lower case.');
  }
  if (!signedHeaders.includes('host'))
    return refuse('headers', "'Host' must be a 'SignedHeader' in the signature.");
  const expiresSeconds = given.expires === undefined ? undefined : Number(given.expires);
  if (expiresSeconds !== undefined && !isExpires(expiresSeconds)) {
    return refuse('malformed', `X-Amz-Expires must be between 1 and ${EXPIRES_SECONDS_MAX} seconds.`);
  }
  return {
    type: 'claim',
    claim: {
      place,
      accessKeyId,
      date,
      region,
      service,
      signedHeaders,
      signature: given.signature,
      timestamp: given.timestamp,
      at,
      sessionToken: given.sessionToken,
      expiresSeconds,
    },
  };
}

function isExpires(seconds: number): boolean {
  return Number.isInteger(seconds) && seconds >= 1 && seconds <= EXPIRES_SECONDS_MAX;
}
