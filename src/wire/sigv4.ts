/**
 * Proof of a Signature Version 4 claim, on the raw bytes of the request: nothing is decoded and encoded again except
 * where the algorithm itself says so. The caller brings the secret and the hash of the payload; this file decides
 * whether that secret signed this request, now. See "Create a signed AWS API request" in the IAM User Guide.
 */

import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import { splitTarget, type HttpRequest } from './http.ts';
import { ALGORITHM, formatTimestamp, type Claim, type Refusal } from './sigv4-claim.ts';

/** How a family of services signs. Object storage differs from all others. */
export interface SigningRules {
  /** The canonical path: as sent, or normalised and encoded a second time. */
  readonly path: 'raw' | 'normalized';
  /** Every `x-amz-*` header of the request must be signed, and x-amz-content-sha256 must be there. */
  readonly strictHeaders: boolean;
  /** Whether the payload may be unsigned or streamed in chunks. */
  readonly payloadLiterals: boolean;
  readonly skewMs: number;
}

export const objectRules: SigningRules = {
  path: 'raw',
  strictHeaders: true,
  payloadLiterals: true,
  skewMs: 15 * 60_000,
};

export const ordinaryRules: SigningRules = {
  path: 'normalized',
  strictHeaders: false,
  payloadLiterals: false,
  skewMs: 5 * 60_000,
};

/** What the signature says about the body. */
export type Payload =
  /** `sha256` is what the client signed; `undefined` when it must be computed from the body. */
  | { readonly type: 'whole'; readonly sha256: string | undefined }
  | { readonly type: 'unsigned' }
  | {
      readonly type: 'chunked';
      readonly signed: boolean;
      readonly trailer: boolean;
      readonly literal: string;
    };

/** The start of a chain of chunk signatures. */
export interface ChunkSeed {
  readonly signingKey: Buffer;
  readonly timestamp: string;
  readonly scope: string;
  readonly signature: string;
}

const UNSIGNED = 'UNSIGNED-PAYLOAD';
const PAYLOAD_LITERALS: ReadonlyMap<string, Payload> = new Map(
  [
    { type: 'unsigned', literal: UNSIGNED },
    { type: 'chunked', literal: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD', signed: true, trailer: false },
    { type: 'chunked', literal: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', signed: true, trailer: true },
    { type: 'chunked', literal: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', signed: false, trailer: true },
  ].map((payload) => [payload.literal, payload as Payload]),
);
const SHA256_FORM = /^[0-9a-f]{64}$/;
const SIGNING_KEYS_MAX = 1000;
const signingKeys = new Map<string, Buffer>();

/**
 * What the body must be. The literals of object storage count only where its rules do; `unsigned` requests can promise
 * no more than a plain hash or plain chunks.
 */
export function readPayload(
  request: HttpRequest,
  place: Claim['place'] | 'unsigned',
  rules: SigningRules,
): Payload | Refusal {
  const value = request.headers['x-amz-content-sha256'] ?? queryValue(request, 'X-Amz-Content-Sha256');
  if (value === undefined) {
    if (place !== 'header' && rules.payloadLiterals) return { type: 'unsigned' };
    if (!rules.strictHeaders) return { type: 'whole', sha256: undefined };
    return { reason: 'payload', message: 'Missing required header for this request: x-amz-content-sha256' };
  }
  if (SHA256_FORM.test(value)) return { type: 'whole', sha256: value };
  const payload = rules.payloadLiterals ? PAYLOAD_LITERALS.get(value) : undefined;
  if (payload && !(place === 'unsigned' && payload.type === 'chunked' && payload.signed)) return payload;
  const literals = rules.payloadLiterals ? `${UNSIGNED}, a supported STREAMING value, or ` : '';
  return { reason: 'payload', message: `x-amz-content-sha256 must be ${literals}a valid sha256 value.` };
}

/** The hash line of the canonical request. */
export function payloadHash(payload: Payload, body: Uint8Array | undefined): string {
  switch (payload.type) {
    case 'unsigned':
      return UNSIGNED;
    case 'chunked':
      return payload.literal;
    case 'whole':
      return payload.sha256 ?? hash('sha256', body ?? '', 'hex');
  }
}

/** `undefined` when the secret signed this request and it is in time. */
export function verifyClaim(
  request: HttpRequest,
  claim: Claim,
  proof: { readonly secretAccessKey: string; readonly payloadHash: string; readonly now: number },
  rules: SigningRules,
): Refusal | undefined {
  const refusal = checkHeaders(request, claim, rules) ?? checkTime(claim, proof.now, rules);
  if (refusal) return refusal;
  const key = signingKey(proof.secretAccessKey, claim.date, claim.region, claim.service);
  const query = canonicalQuery(splitTarget(request.target).query);
  let first: { canonicalRequest: string; stringToSign: string } | undefined;
  for (const path of canonicalPaths(splitTarget(request.target).path, rules)) {
    for (const host of hostSpellings(request)) {
      const headers = canonicalHeaders(request, claim, host);
      const signed = claim.signedHeaders.join(';');
      const canonicalRequest = `${request.method}\n${path}\n${query}\n${headers}\n${signed}\n${proof.payloadHash}`;
      const stringToSign = toSign(claim, canonicalRequest);
      if (isEqual(createHmac('sha256', key).update(stringToSign).digest('hex'), claim.signature))
        return undefined;
      first ??= { canonicalRequest, stringToSign };
    }
  }
  return {
    reason: 'mismatch',
    message:
      'The request signature we calculated does not match the signature you provided. ' +
      'Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
    ...first,
  };
}

/** For the chunks of a streamed body, after its claim was verified. */
export function chunkSeed(claim: Claim, secretAccessKey: string): ChunkSeed {
  return {
    signingKey: signingKey(secretAccessKey, claim.date, claim.region, claim.service),
    timestamp: claim.timestamp,
    scope: scopeOf(claim),
    signature: claim.signature,
  };
}

/** The derived key of one day, region and service; the last thousand are kept. */
export function signingKey(secretAccessKey: string, date: string, region: string, service: string): Buffer {
  const name = `${date}/${region}/${service}/${secretAccessKey}`;
  const known = signingKeys.get(name);
  if (known) return known;
  const day = hmac(`AWS4${secretAccessKey}`, date);
  const key = hmac(hmac(hmac(day, region), service), 'aws4_request');
  if (signingKeys.size >= SIGNING_KEYS_MAX) {
    const [oldest] = signingKeys.keys();
    if (oldest !== undefined) signingKeys.delete(oldest);
  }
  signingKeys.set(name, key);
  return key;
}

/** Compares in a time that says nothing about where two texts differ. */
export function isEqual(left: string, right: string): boolean {
  const a = Buffer.from(left, 'latin1');
  const b = Buffer.from(right, 'latin1');
  return a.length === b.length && timingSafeEqual(a, b);
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function scopeOf(claim: Claim): string {
  return `${claim.date}/${claim.region}/${claim.service}/aws4_request`;
}

/** Texts come from Node as latin1, so latin1 gives the bytes of the wire back. */
function toSign(claim: Claim, canonicalRequest: string): string {
  const digest = hash('sha256', Buffer.from(canonicalRequest, 'latin1'), 'hex');
  return `${ALGORITHM}\n${claim.timestamp}\n${scopeOf(claim)}\n${digest}`;
}

function checkHeaders(request: HttpRequest, claim: Claim, rules: SigningRules): Refusal | undefined {
  const absent = claim.signedHeaders.filter((name) => request.headers[name] === undefined && name !== 'host');
  if (absent.length > 0) {
    return { reason: 'headers', message: `The request lacks signed headers: ${absent.join(', ')}.` };
  }
  const signed = new Set(claim.signedHeaders);
  // Which operation is meant must be part of what was signed, or it could be given by whoever passes the request on.
  if (request.headers['x-amz-target'] !== undefined && !signed.has('x-amz-target')) {
    return { reason: 'headers', message: "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization." };
  }
  if (!rules.strictHeaders) return undefined;
  const unsigned = Object.keys(request.headers).filter(
    (name) => name.startsWith('x-amz-') && !signed.has(name),
  );
  return unsigned.length === 0
    ? undefined
    : {
        reason: 'headers',
        message: `There were headers present in the request which were not signed: ${unsigned.join(', ')}`,
      };
}

function checkTime(claim: Claim, now: number, rules: SigningRules): Refusal | undefined {
  const { at, timestamp, expiresSeconds } = claim;
  const minutes = rules.skewMs / 60_000;
  if (at > now + rules.skewMs) {
    const limit = formatTimestamp(now + rules.skewMs);
    return {
      reason: 'skewed',
      message: `Signature not yet current: ${timestamp} is still later than ${limit} (${formatTimestamp(now)} + ${minutes} min.)`,
    };
  }
  if (expiresSeconds !== undefined) {
    return now <= at + expiresSeconds * 1000
      ? undefined
      : { reason: 'expired', message: 'Request has expired' };
  }
  if (at >= now - rules.skewMs) return undefined;
  const limit = formatTimestamp(now - rules.skewMs);
  return {
    reason: 'skewed',
    message: `Signature expired: ${timestamp} is now earlier than ${limit} (${formatTimestamp(now)} - ${minutes} min.)`,
  };
}

/** As sent and, for clients that encode less than they sign, in the full encoding. Both name the same resource. */
function canonicalPaths(path: string, rules: SigningRules): readonly string[] {
  if (rules.path === 'raw') {
    const full = encodeOnce(path, true);
    return full === path ? [path] : [path, full];
  }
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  const end = path.endsWith('/') && segments.length > 0 ? '/' : '';
  return [`/${segments.map(encodeAgain).join('/')}${end}`];
}

/** With the port as sent, and without a default one, which some clients sign and some do not. */
function hostSpellings(request: HttpRequest): readonly string[] {
  const host = request.headers['host'] ?? '';
  const port = request.secure ? ':443' : ':80';
  if (host.endsWith(port)) return [host, host.slice(0, -port.length)];
  return /:\d+$/.test(host) ? [host] : [host, host + port];
}

function canonicalHeaders(request: HttpRequest, claim: Claim, host: string): string {
  let text = '';
  for (const name of claim.signedHeaders) {
    const value = name === 'host' ? host : (request.headers[name] ?? '');
    text += `${name}:${value.trim().replace(/\s+/g, ' ')}\n`;
  }
  return text;
}

/**
 * Every pair in full encoding, sorted by name, then value; a presigned signature does not sign itself. A bare `+` is
 * read as a space, so it must be signed as one: signed as `%2B`, a URL could be changed to mean another thing.
 */
function canonicalQuery(query: string): string {
  if (query === '') return '';
  return query
    .replaceAll('+', '%20')
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair): [string, string] => {
      const mark = pair.indexOf('=');
      return mark < 0
        ? [encodeOnce(pair, false), '']
        : [encodeOnce(pair.slice(0, mark), false), encodeOnce(pair.slice(mark + 1), false)];
    })
    .filter(([name]) => name !== 'X-Amz-Signature')
    .sort((a, b) => compare(a[0], b[0]) || compare(a[1], b[1]))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function queryValue(request: HttpRequest, name: string): string | undefined {
  const { query } = splitTarget(request.target);
  const pair = query.split('&').find((each) => each.startsWith(`${name}=`));
  return pair?.slice(name.length + 1);
}

const UNRESERVED = /^[A-Za-z0-9\-._~]$/;
const encodedByte: readonly string[] = Array.from({ length: 256 }, (_, code) => {
  const character = String.fromCharCode(code);
  return UNRESERVED.test(character) ? character : `%${code.toString(16).toUpperCase().padStart(2, '0')}`;
});

/** The full encoding of a text that may be encoded already, in part or with lower-case digits. */
function encodeOnce(text: string, keepSlash: boolean): string {
  if (/^[A-Za-z0-9\-._~]*$/.test(text)) return text;
  let encoded = '';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const byte = code === 0x25 ? hexadecimal(text, i + 1) : undefined;
    if (byte !== undefined) {
      encoded += byte === 0x2f ? '%2F' : encodedByte[byte];
      i += 2;
    } else {
      encoded += keepSlash && code === 0x2f ? '/' : encodedByte[code & 0xff];
    }
  }
  return encoded;
}

/** A segment that is encoded, encoded once more. */
function encodeAgain(segment: string): string {
  if (/^[A-Za-z0-9\-._~]*$/.test(segment)) return segment;
  let encoded = '';
  for (let i = 0; i < segment.length; i++) encoded += encodedByte[segment.charCodeAt(i) & 0xff];
  return encoded;
}

function hexadecimal(text: string, at: number): number | undefined {
  const digits = text.slice(at, at + 2);
  return /^[0-9A-Fa-f]{2}$/.test(digits) ? Number.parseInt(digits, 16) : undefined;
}
