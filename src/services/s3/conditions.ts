/** Ranges and preconditions of reads and writes: RFC 9110 as S3 applies it. Pure. */

import { s3Fault } from './faults.ts';

export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** `undefined` for the whole object: no range, several ranges, or text that is no range at all. */
export function parseRange(text: string | undefined, sizeBytes: number): ByteRange | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(text?.trim() ?? '');
  if (!match) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return undefined;
  if (first === '') {
    const length = Math.min(Number(last), sizeBytes);
    if (length === 0) throw s3Fault('InvalidRange', { RangeRequested: text, ActualObjectSize: sizeBytes });
    return { first: sizeBytes - length, last: sizeBytes - 1 };
  }
  if (last !== '' && Number(last) < Number(first)) return undefined;
  if (Number(first) >= sizeBytes) {
    throw s3Fault('InvalidRange', { RangeRequested: text, ActualObjectSize: sizeBytes });
  }
  return { first: Number(first), last: last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1) };
}

export interface ReadConditions {
  readonly IfMatch?: string | undefined;
  readonly IfNoneMatch?: string | undefined;
  readonly IfModifiedSince?: Date | undefined;
  readonly IfUnmodifiedSince?: Date | undefined;
}

/** Throws PreconditionFailed or NotModified. If-Match and If-None-Match win over their dates. */
export function checkReadConditions(conditions: ReadConditions, etag: string, modifiedAt: number): void {
  const { IfMatch, IfNoneMatch, IfModifiedSince, IfUnmodifiedSince } = conditions;
  // Dates in headers have whole seconds.
  const modified = Math.floor(modifiedAt / 1000) * 1000;
  if (IfMatch !== undefined) {
    if (!matchesTag(IfMatch, etag)) throw s3Fault('PreconditionFailed', { Condition: 'If-Match' });
  } else if (IfUnmodifiedSince !== undefined && modified > IfUnmodifiedSince.getTime()) {
    throw s3Fault('PreconditionFailed', { Condition: 'If-Unmodified-Since' });
  }
  const unchanged = { ETag: `"${etag}"`, LastModified: new Date(modified) };
  if (IfNoneMatch !== undefined) {
    if (matchesTag(IfNoneMatch, etag)) throw s3Fault('NotModified', unchanged);
  } else if (IfModifiedSince !== undefined && modified <= IfModifiedSince.getTime()) {
    throw s3Fault('NotModified', unchanged);
  }
}

export interface WriteConditions {
  readonly IfMatch?: string | undefined;
  readonly IfNoneMatch?: string | undefined;
}

/** `etag` is that of the current object, if there is one. */
export function checkWriteConditions(
  conditions: WriteConditions,
  key: string,
  etag: string | undefined,
): void {
  const { IfMatch, IfNoneMatch } = conditions;
  if (IfNoneMatch !== undefined) {
    if (IfNoneMatch !== '*') {
      throw s3Fault('NotImplemented', { Header: 'If-None-Match' }, 'If-None-Match of a write can only be *');
    }
    if (etag !== undefined) throw s3Fault('PreconditionFailed', { Condition: 'If-None-Match' });
  }
  if (IfMatch !== undefined) {
    if (etag === undefined) throw s3Fault('NoSuchKey', { Key: key });
    if (!matchesTag(IfMatch, etag)) throw s3Fault('PreconditionFailed', { Condition: 'If-Match' });
  }
}

/** A list of entity tags, quoted or bare, or `*`. */
function matchesTag(list: string, etag: string): boolean {
  return list.split(',').some((item) => {
    const tag = item
      .trim()
      .replace(/^W\//, '')
      .replace(/^"(.*)"$/, '$1');
    return tag === '*' || tag === etag;
  });
}
