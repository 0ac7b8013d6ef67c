/**
 * What the headers of an upload promise about its body, and the stream that holds the body to it: the signed hash,
 * Content-MD5, one checksum from a header or a trailer, and the length. See "Checking object integrity" in the Amazon
 * S3 User Guide.
 */

import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import { fault, type Fault } from '#base/fault.ts';
import {
  checksumAlgorithmOf,
  checksumHeader,
  createDigest,
  isChecksumValue,
  type ChecksumAlgorithm,
} from '#wire/checksums.ts';
import type { HttpRequest } from '#wire/http.ts';
import type { Payload } from '#wire/sigv4.ts';

export interface BodyChecks {
  /** Of the decoded body; `undefined` when the request does not say. */
  readonly length: number | undefined;
  readonly sha256: string | undefined;
  /** Base64. */
  readonly md5: string | undefined;
  readonly checksum: ExpectedChecksum | undefined;
  /** Lower case, from x-amz-trailer. */
  readonly trailerNames: readonly string[];
}

export interface ExpectedChecksum {
  readonly algorithm: ChecksumAlgorithm;
  /** `undefined` when it comes as a trailer. */
  readonly value: string | undefined;
}

const TRAILERS_MAX = 8;
/** Names below `x-amz-checksum-` that are no checksums. */
const OTHER_NAMES = new Set(['x-amz-checksum-algorithm', 'x-amz-checksum-mode', 'x-amz-checksum-type']);

/**
 * Throws when the promises contradict each other. `isChecked`: the operation's checksum headers mean its body (those of
 * CompleteMultipartUpload mean the object). `isRequired`: it must have one.
 */
export function readBodyChecks(
  request: HttpRequest,
  payload: Payload,
  rules: { readonly isChecked: boolean; readonly isRequired: boolean },
): BodyChecks {
  const { headers } = request;
  const trailerNames = readTrailerNames(headers['x-amz-trailer'], payload);
  const md5 = headers['content-md5'];
  if (md5 !== undefined && !isMd5(md5))
    throw fault('InvalidDigest', 'The Content-MD5 you specified is not valid.', { status: 400 });
  const checksum = rules.isChecked ? readChecksum(request, trailerNames) : undefined;
  if (rules.isRequired && md5 === undefined && !checksum) {
    throw invalid('Missing required header for this request: Content-MD5 OR x-amz-checksum-*');
  }
  return {
    length: readLength(headers, payload),
    sha256: payload.type === 'whole' ? payload.sha256 : undefined,
    md5,
    checksum,
    trailerNames,
  };
}

export function createVerifier(checks: BodyChecks, trailers: ReadonlyMap<string, string>): Transform {
  const sha256 = checks.sha256 === undefined ? undefined : createHash('sha256');
  const md5 = checks.md5 === undefined ? undefined : createHash('md5');
  const digest = checks.checksum && createDigest(checks.checksum.algorithm);
  let length = 0;
  return new Transform({
    transform(bytes: Buffer, _encoding, done) {
      length += bytes.length;
      sha256?.update(bytes);
      md5?.update(bytes);
      digest?.update(bytes);
      done(null, bytes);
    },
    flush(done) {
      done(compare());
    },
  });

  function compare(): Fault | null {
    if (checks.length !== undefined && length !== checks.length) {
      return fault('IncompleteBody', 'The body is not as long as its headers say.', { status: 400 });
    }
    if (sha256 && sha256.digest('hex') !== checks.sha256) {
      const message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
      return fault('XAmzContentSHA256Mismatch', message, { status: 400 });
    }
    if (md5 && md5.digest('base64') !== checks.md5) {
      return badDigest('The Content-MD5 you specified did not match what we received.');
    }
    if (!digest || !checks.checksum) return null;
    const { algorithm, value = trailers.get(checksumHeader(algorithm)) } = checks.checksum;
    if (value === undefined || !isChecksumValue(algorithm, value))
      return invalid(`Value for ${checksumHeader(algorithm)} header is invalid.`);
    return digest.digest() === value
      ? null
      : badDigest(`The ${algorithm} you specified did not match the calculated checksum.`);
  }
}

function readTrailerNames(header: string | undefined, payload: Payload): readonly string[] {
  const names = (header ?? '').split(',').map((name) => name.trim().toLowerCase());
  const wanted = names.filter((name) => name !== '');
  if (wanted.length === 0) return [];
  if (payload.type !== 'chunked' || !payload.trailer)
    throw invalid('x-amz-trailer needs a streaming payload with trailer.');
  if (wanted.length > TRAILERS_MAX) throw invalid('There are too many trailers.');
  return wanted;
}

function readChecksum(request: HttpRequest, trailerNames: readonly string[]): ExpectedChecksum | undefined {
  const isChecksum = (name: string) => name.startsWith('x-amz-checksum-') && !OTHER_NAMES.has(name);
  const inHeader = Object.keys(request.headers).filter(isChecksum);
  const inTrailer = trailerNames.filter(isChecksum);
  const [name, ...more] = [...inHeader, ...inTrailer];
  if (more.length > 0) {
    throw invalid('Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.');
  }
  const announced = request.headers['x-amz-sdk-checksum-algorithm'];
  if (name === undefined) {
    if (announced === undefined) return undefined;
    throw invalid(
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    );
  }
  const algorithm = checksumAlgorithmOf(name);
  if (!algorithm) throw fault('UnsupportedOperationException', `Slipway cannot compute ${name} yet.`);
  if (announced !== undefined && announced.toUpperCase() !== algorithm) {
    throw invalid('Value for x-amz-sdk-checksum-algorithm header is invalid.');
  }
  const value = inHeader.length > 0 ? request.headers[name] : undefined;
  if (value !== undefined && !isChecksumValue(algorithm, value))
    throw invalid(`Value for ${name} header is invalid.`);
  return { algorithm, value };
}

function readLength(headers: HttpRequest['headers'], payload: Payload): number | undefined {
  const text =
    payload.type === 'chunked' ? headers['x-amz-decoded-content-length'] : headers['content-length'];
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text))
    throw fault('InvalidArgument', 'The length of the body must be a number.', { status: 400 });
  return Number(text);
}

function isMd5(text: string): boolean {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === 16 && bytes.toString('base64') === text;
}

function invalid(message: string): Fault {
  return fault('InvalidRequest', message, { status: 400 });
}

function badDigest(message: string): Fault {
  return fault('BadDigest', message, { status: 400 });
}
