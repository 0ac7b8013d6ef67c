/**
 * REST with JSON: what travels in the path, the query and headers is the work of `rest-bindings.ts`, JSON bodies of
 * `json.ts`. A streaming payload is handed through and never read here. Smithy: "AWS restJson1 protocol".
 */

import type { Readable } from 'node:stream';
import { assert } from '#base/assert.ts';
import type { Fault } from '#base/fault.ts';
import type { SpelledFault } from './faults.ts';
import type { HttpAnswer, HttpRequest } from './http.ts';
import { readJsonBody, writeJsonBody, writeJsonMembers, type JsonNames } from './json.ts';
import type { Operation, StructureShape } from './model.ts';
import { readBoundMembers, statusOf, writeHeaders, type Headers } from './rest-bindings.ts';

const TYPE = 'application/json';

const names: JsonNames = (name, member) => member.locationName ?? name;

export function readRestJsonInput(
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
    const inBody = bodyOf(input);
    return Buffer.isBuffer(body) && inBody.members.size > 0 ? readJsonBody(inBody, body, names) : {};
  }
  const member = input.members.get(input.payload);
  assert(member, `the payload ${input.payload} must be a member`);
  if (member.streaming) return { [input.payload]: body };
  assert(Buffer.isBuffer(body), `${input.name} needs its whole body`);
  if (body.length === 0) return {};
  switch (member.shape.type) {
    case 'structure':
      return { [input.payload]: readJsonBody(member.shape, body, names) };
    case 'blob':
      return { [input.payload]: body };
    default:
      return { [input.payload]: body.toString('utf8') };
  }
}

const bodies = new WeakMap<StructureShape, StructureShape>();

/** The shape without what travels elsewhere, so that a body cannot speak for the path. */
function bodyOf(shape: StructureShape): StructureShape {
  const known = bodies.get(shape);
  if (known) return known;
  const members = new Map([...shape.members].filter(([, member]) => member.location === undefined));
  const made = { ...shape, members };
  bodies.set(shape, made);
  return made;
}

export function writeRestJsonOutput(operation: Operation, output: object, headers: Headers): HttpAnswer {
  const shape = operation.output;
  if (!shape)
    return {
      status: operation.status,
      headers: { ...headers, 'content-type': TYPE },
      body: Buffer.from('{}'),
    };
  const { body, type } = writeBody(shape, output);
  return {
    status: statusOf(shape, output) ?? operation.status,
    headers: { ...headers, ...(type ? { 'content-type': type } : {}), ...writeHeaders(shape, output) },
    body: operation.method === 'HEAD' ? undefined : body,
  };
}

interface Written {
  readonly body: Uint8Array | Readable | undefined;
  readonly type?: string;
}

function writeBody(shape: StructureShape, output: object): Written {
  if (shape.payload === undefined) return { body: writeJsonBody(bodyOf(shape), output, names), type: TYPE };
  const member = shape.members.get(shape.payload);
  assert(member, `the payload ${shape.payload} must be a member`);
  const value = (output as Record<string, unknown>)[shape.payload];
  if (value === undefined || value === null) return { body: undefined };
  switch (member.shape.type) {
    case 'structure':
      assert(!member.shape.eventStream, 'event streams are not written here');
      return { body: writeJsonBody(member.shape, value, names), type: TYPE };
    case 'string':
      return { body: Buffer.from(String(value)) };
    default:
      return { body: value as Uint8Array | Readable };
  }
}

/** The name of the error is in a header, and once more in the body, for clients look at either. */
export function writeRestJsonFault(spelled: SpelledFault, fault: Fault, headers: Headers): HttpAnswer {
  const { shape, code, status } = spelled;
  const messageName = shape?.members.has('Message') ? 'Message' : 'message';
  const members = shape ? writeJsonMembers(bodyOf(shape), fault.members, names) : {};
  return {
    status,
    headers: { ...headers, 'content-type': TYPE, 'x-amzn-errortype': code },
    body: Buffer.from(JSON.stringify({ __type: code, ...members, [messageName]: fault.message })),
  };
}
