/**
 * The bindings of REST: which member travels in the path, the query, a header or the body. XML bodies are the work
 * of `xml.ts`; a streaming payload is handed through and never read here.
 */

import type { Readable } from 'node:stream';
import { assert } from '#base/assert.ts';
import { fault } from '#base/fault.ts';
import type { Fault } from '#base/fault.ts';
import type { SpelledFault } from './faults.ts';
import { splitTarget } from './http.ts';
import type { HttpAnswer, HttpRequest } from './http.ts';
import type { Member, Model, Operation, StructureShape, TimestampFormat } from './model.ts';
import { parseQueryString } from './query-string.ts';
import { parseScalar, printScalar } from './scalar.ts';
import { escapeXml, readXmlDocument, writeXmlMembers } from './xml.ts';

type Headers = Readonly<Record<string, string>>;

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

export function readRestInput(
  operation: Operation,
  request: HttpRequest,
  body: Buffer | Readable,
  labels: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const { input } = operation;
  if (!input) return {};
  const query = parseQueryString(splitTarget(request.target).query);
  const values: Record<string, unknown> = readBody(input, body);
  for (const [name, member] of input.members) {
    const text = textOfMember(name, member, request.headers, query, labels);
    if (text !== undefined) values[name] = readBound(name, member, text);
    else if (member.location === 'headers') addPrefixHeaders(values, name, member, request.headers);
  }
  return values;
}

function textOfMember(
  name: string,
  member: Member,
  headers: Headers,
  query: ReadonlyMap<string, string>,
  labels: Readonly<Record<string, string>>,
): string | undefined {
  const at = member.locationName ?? name;
  switch (member.location) {
    case 'uri':
      return Object.hasOwn(labels, at) ? labels[at] : undefined;
    case 'querystring':
      return query.get(at);
    case 'header': {
      const header = at.toLowerCase();
      return Object.hasOwn(headers, header) ? headers[header] : undefined;
    }
    case 'headers':
    case 'statusCode':
    case undefined:
      return undefined;
  }
}

function readBound(name: string, member: Member, text: string): unknown {
  const { shape } = member;
  if (shape.type === 'list') {
    const parts = text.split(',').map((part) => part.trim());
    return parts.filter((part) => part !== '').map((part) => readBound(name, shape.member, part));
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

function readBody(input: StructureShape, body: Buffer | Readable): Record<string, unknown> {
  if (input.payload === undefined) {
    const hasMembers = [...input.members.values()].some((member) => member.location === undefined);
    if (!hasMembers || !Buffer.isBuffer(body) || body.length === 0) return {};
    return readXmlDocument(input, body);
  }
  const member = input.members.get(input.payload);
  assert(member, `the payload ${input.payload} must be a member`);
  if (member.streaming) return { [input.payload]: body };
  assert(Buffer.isBuffer(body), `${input.name} needs its whole body`);
  if (body.length === 0) return {};
  switch (member.shape.type) {
    case 'structure':
      return { [input.payload]: readXmlDocument(member.shape, body) };
    case 'blob':
      return { [input.payload]: body };
    default:
      return { [input.payload]: body.toString('utf8') };
  }
}

export function writeRestOutput(
  model: Model,
  operation: Operation,
  output: object,
  headers: Headers,
): HttpAnswer {
  const shape = operation.output;
  if (!shape) return { status: operation.status, headers, body: undefined };
  const bound = writeHeaders(shape, output);
  const status = statusOf(shape, output) ?? operation.status;
  const body = operation.method === 'HEAD' ? undefined : writeBody(model, shape, output);
  const type: Headers = typeof body === 'string' ? { 'content-type': 'application/xml' } : {};
  return {
    status,
    headers: { ...headers, ...type, ...bound },
    body: typeof body === 'string' ? Buffer.from(body) : body,
  };
}

function writeHeaders(shape: StructureShape, output: object): Record<string, string> {
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
function statusOf(shape: StructureShape, output: object): number | undefined {
  for (const [name, member] of shape.members) {
    const value = (output as Record<string, unknown>)[name];
    if (value === undefined) continue;
    if (member.location === 'statusCode' && typeof value === 'number') return value;
    if (member.location === 'header' && member.locationName?.toLowerCase() === 'content-range') return 206;
  }
  return undefined;
}

/** Text is a document of ours; bytes and streams are the operation's. */
function writeBody(
  model: Model,
  shape: StructureShape,
  output: object,
): string | Uint8Array | Readable | undefined {
  if (shape.payload !== undefined) {
    const member = shape.members.get(shape.payload);
    const value = (output as Record<string, unknown>)[shape.payload];
    assert(member, `the payload ${shape.payload} must be a member`);
    if (value === undefined || value === null) return undefined;
    if (member.shape.type === 'structure') {
      assert(!member.shape.eventStream, 'event streams are not written here');
      return writeDocument(model, member.locationName ?? member.shape.name, member.shape, value);
    }
    if (member.shape.type === 'string') return Buffer.from(String(value));
    return value as Uint8Array | Readable;
  }
  const hasMembers = [...shape.members.values()].some((member) => member.location === undefined);
  return hasMembers ? writeDocument(model, shape.root ?? shape.name, shape, output) : undefined;
}

function writeDocument(model: Model, root: string, shape: StructureShape, value: object): string {
  const out: string[] = [DECLARATION, `<${root} xmlns="${model.xmlNamespace ?? ''}">`];
  if (shape.unwrapped) {
    const [name] = [...shape.members.keys()];
    out.push(escapeXml(String((value as Record<string, unknown>)[name ?? ''] ?? '')));
  } else writeXmlMembers(shape, value, out);
  out.push(`</${root}>`);
  return out.join('');
}

/** `members` of the fault (Key, BucketName, Resource …) become elements beside code and message. */
/** Members that the operation's own answer shows in headers (a version, a delete marker) are shown there too. */
export function writeRestFault(
  spelled: SpelledFault,
  fault: Fault,
  headers: Headers,
  output: StructureShape | undefined,
): HttpAnswer {
  const out: string[] = [DECLARATION, '<Error>'];
  const element = (name: string, text: string) => out.push(`<${name}>${escapeXml(text)}</${name}>`);
  element('Code', spelled.code);
  element('Message', fault.message);
  for (const [name, value] of Object.entries(fault.members)) {
    assert(/^[A-Za-z]\w*$/.test(name), `${name} must be the name of an element`);
    if (typeof value === 'string' || typeof value === 'number') element(name, String(value));
  }
  element('RequestId', headers['x-amz-request-id'] ?? '');
  element('HostId', headers['x-amz-id-2'] ?? '');
  out.push('</Error>');
  return {
    status: spelled.status,
    headers: {
      ...headers,
      ...(output ? writeHeaders(output, fault.members) : {}),
      'content-type': 'application/xml',
    },
    body: spelled.status === 304 ? undefined : Buffer.from(out.join('')),
  };
}
