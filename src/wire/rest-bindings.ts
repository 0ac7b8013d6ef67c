/**
 * The bindings of REST: which member travels in the path, the query, a header or the status, whatever the body speaks.
 */

import { assert } from '#base/assert.ts';
import { fault } from '#base/fault.ts';
import type { Member, StructureShape, TimestampFormat } from './model.ts';
import { splitTarget, type HttpRequest } from './http.ts';
import { parseQueryLists } from './query-string.ts';
import { parseScalar, printScalar } from './scalar.ts';

export type Headers = Readonly<Record<string, string>>;

/** The members of an input that are outside of its body. */
export function readBoundMembers(
  input: StructureShape,
  request: HttpRequest,
  labels: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const query = parseQueryLists(splitTarget(request.target).query);
  const values: Record<string, unknown> = {};
  for (const [name, member] of input.members) {
    const value = readBoundMember(name, member, request.headers, query, labels);
    if (value !== undefined) values[name] = value;
    else if (member.location === 'headers') addPrefixHeaders(values, name, member, request.headers);
  }
  return values;
}

function readBoundMember(
  name: string,
  member: Member,
  headers: Headers,
  query: ReadonlyMap<string, readonly string[]>,
  labels: Readonly<Record<string, string>>,
): unknown {
  const at = member.locationName ?? name;
  switch (member.location) {
    case 'uri':
      return Object.hasOwn(labels, at) ? readText(name, member, labels[at] ?? '') : undefined;
    case 'querystring': {
      const texts = query.get(at);
      if (texts === undefined) return undefined;
      const { shape } = member;
      return shape.type === 'list'
        ? texts.map((text) => readText(name, shape.member, text))
        : readText(name, member, texts[0] ?? '');
    }
    case 'header': {
      const header = at.toLowerCase();
      const text = Object.hasOwn(headers, header) ? headers[header] : undefined;
      return text === undefined ? undefined : readText(name, member, text);
    }
    case 'headers':
    case 'statusCode':
    case undefined:
      return undefined;
  }
}

/** In headers a list stands in one line, with commas. */
function readText(name: string, member: Member, text: string): unknown {
  const { shape } = member;
  if (shape.type === 'list') {
    const parts = text.split(',').map((part) => part.trim());
    return parts.filter((part) => part !== '').map((part) => readText(name, shape.member, part));
  }
  assert(shape.type !== 'structure' && shape.type !== 'map', `${name} must be bound to a text`);
  const value = parseScalar(shape, text);
  if (value === undefined) {
    throw fault(
      'ValidationException',
      `The value of ${member.locationName ?? name} is not a valid ${shape.type}.`,
    );
  }
  return value;
}

/** All headers with the prefix, without it; names arrive in lower case. */
function addPrefixHeaders(
  values: Record<string, unknown>,
  name: string,
  member: Member,
  headers: Headers,
): void {
  const prefix = (member.locationName ?? '').toLowerCase();
  const found = Object.entries(headers).filter(([header]) => header.startsWith(prefix));
  if (found.length === 0) return;
  const map: Record<string, string> = Object.create(null);
  for (const [header, value] of found) map[header.slice(prefix.length)] = value;
  values[name] = map;
}

export function writeHeaders(shape: StructureShape, output: object): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, member] of shape.members) {
    const value = (output as Record<string, unknown>)[name];
    if (value === undefined || value === null) continue;
    const at = (member.locationName ?? name).toLowerCase();
    if (member.location === 'header') headers[at] = headerText(printBound(member, value));
    if (member.location !== 'headers') continue;
    for (const [key, item] of Object.entries(value))
      headers[`${at}${key.toLowerCase()}`] = headerText(String(item));
  }
  return headers;
}

function printBound(member: Member, value: unknown): string {
  const { shape } = member;
  if (shape.type === 'list') {
    assert(Array.isArray(value), `${shape.name} must be a list`);
    return value.map((item) => printBound(shape.member, item)).join(',');
  }
  assert(shape.type !== 'structure' && shape.type !== 'map', `${shape.name} must be a scalar`);
  const ofShape: TimestampFormat | undefined = shape.type === 'timestamp' ? shape.timestampFormat : undefined;
  return printScalar(shape, value, member.timestampFormat ?? ofShape ?? 'rfc822');
}

/** Headers carry one line of ASCII: other characters travel as RFC 2047 encoded words, as S3 answers metadata. */
function headerText(text: string): string {
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(text)) {
    throw fault('ValidationException', 'A header value must not contain control characters.');
  }
  return /^[\t\u0020-\u007e]*$/.test(text) ? text : `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`;
}

/** What the output says itself; a part of a whole is 206 (RFC 9110), which no model tells. */
export function statusOf(shape: StructureShape, output: object): number | undefined {
  for (const [name, member] of shape.members) {
    const value = (output as Record<string, unknown>)[name];
    if (value === undefined) continue;
    if (member.location === 'statusCode' && typeof value === 'number') return value;
    if (member.location === 'header' && member.locationName?.toLowerCase() === 'content-range') return 206;
  }
  return undefined;
}
