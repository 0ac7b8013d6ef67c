/**
 * REST with XML: what travels in the path, the query and headers is the work of `rest-bindings.ts`, XML bodies of
 * `xml.ts`; a streaming payload is handed through and never read here.
 */

import type { Readable } from 'node:stream';
import { assert } from '#base/assert.ts';
import type { Fault } from '#base/fault.ts';
import type { SpelledFault } from './faults.ts';
import type { HttpAnswer, HttpRequest } from './http.ts';
import type { Model, Operation, StructureShape } from './model.ts';
import { readBoundMembers, statusOf, writeHeaders, type Headers } from './rest-bindings.ts';
import { escapeXml, readXmlDocument, writeXmlMembers } from './xml.ts';

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

export function readRestInput(
  operation: Operation,
  request: HttpRequest,
  body: Buffer | Readable,
  labels: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const { input } = operation;
  if (!input) return {};
  return { ...readBody(input, body), ...readBoundMembers(input, request, labels) };
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
