/**
 * The one door to the protocols: requests into inputs, outputs and faults into answers. Timestamps are `Date`,
 * blobs are `Uint8Array`, streaming payloads stay what they are; maps have no prototype. Nothing here validates
 * constraints (`validate.ts`) or knows who calls.
 */

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { assert } from '#base/assert.ts';
import { createText, createUuid } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { Fault } from '#base/fault.ts';
import { EVENT_STREAM_TYPE, eventStreamOf, writeEventStream } from './event-stream.ts';
import { spellFault, type SpelledFault } from './faults.ts';
import type { HttpAnswer, HttpRequest } from './http.ts';
import { readJsonBody, writeJsonBody, writeJsonMembers } from './json.ts';
import type { Model, Operation, Protocol } from './model.ts';
import { readQueryInput, writeQueryFault, writeQueryOutput } from './query.ts';
import { readRestJsonInput, writeRestJsonFault, writeRestJsonOutput } from './rest-json.ts';
import { readRestInput, writeRestFault, writeRestOutput } from './rest.ts';
import { readCborBody, writeCborBody, writeCborFault } from './rpc-cbor.ts';

/** Clients take no answer for one of this protocol without the second. */
const CBOR_HEADERS = { 'content-type': 'application/cbor', 'smithy-protocol': 'rpc-v2-cbor' };

/** The operation of that name, or the fault that AWS gives for names it does not know. */
export function findOperation(model: Model, name: string): Operation {
  const operation = model.operations.get(name);
  if (operation) return operation;
  const shown = name.slice(0, 128);
  throw fault(
    'UnknownOperationException',
    `Could not find operation ${shown} for version ${model.apiVersion}`,
  );
}

/**
 * The input of an operation. `labels` are the parts of the path, as the router found them (Bucket and Key). For an
 * operation with a streaming input the body may be a stream, which becomes the payload member untouched.
 */
export function decodeInput(
  model: Model,
  operation: Operation,
  request: HttpRequest,
  body: Buffer | Readable,
  labels: Readonly<Record<string, string>> = {},
  protocol: Protocol = model.protocol,
): Record<string, unknown> {
  switch (protocol) {
    case 'json':
      return readJsonBody(operation.input, wholeBody(operation, body));
    case 'query':
      return readQueryInput(operation, request, wholeBody(operation, body));
    case 'rest-json':
      return readRestJsonInput(operation, request, body, labels);
    case 'rest-xml':
      return readRestInput(operation, request, body, labels);
    case 'rpc-cbor':
      return readCborBody(operation.input, wholeBody(operation, body));
  }
}

export function encodeOutput(
  model: Model,
  operation: Operation,
  output: object,
  requestId: string,
  protocol: Protocol = model.protocol,
): HttpAnswer {
  const headers = requestIdHeaders(protocol, requestId);
  switch (protocol) {
    case 'json': {
      const stream = eventStreamOf(operation.output);
      if (stream) {
        const events = (output as Record<string, unknown>)[stream.name] as AsyncIterable<object>;
        const messages = writeEventStream(stream.shape, events, jsonType(model));
        const body = Readable.from(messages, { objectMode: false });
        return { status: operation.status, headers: { ...headers, 'content-type': EVENT_STREAM_TYPE }, body };
      }
      const body = writeJsonBody(operation.output, output);
      return { status: operation.status, headers: { ...headers, 'content-type': jsonType(model) }, body };
    }
    case 'query': {
      const body = writeQueryOutput(model, operation, output, requestId);
      return { status: operation.status, headers: { ...headers, 'content-type': 'text/xml' }, body };
    }
    case 'rest-json':
      return writeRestJsonOutput(operation, output, headers);
    case 'rest-xml':
      return writeRestOutput(model, operation, output, headers);
    case 'rpc-cbor': {
      const body = writeCborBody(operation.output, output);
      return { status: operation.status, headers: { ...headers, ...CBOR_HEADERS }, body };
    }
  }
}

/** Without a model (the service is not known), in the protocol that the request seemed to speak. */
export function encodeFault(
  model: Model | undefined,
  protocol: Protocol,
  fault: Fault,
  requestId: string,
  operationName?: string,
): HttpAnswer {
  const spelled = spellFault(model, protocol, fault);
  const headers = requestIdHeaders(protocol, requestId);
  switch (protocol) {
    case 'json': {
      const { shape, code, status } = spelled;
      const messageName = shape?.members.has('Message') ? 'Message' : 'message';
      const members = shape ? writeJsonMembers(shape, fault.members) : {};
      const body = Buffer.from(JSON.stringify({ __type: code, ...members, [messageName]: fault.message }));
      const type = { 'content-type': jsonType(model) };
      return { status, headers: { ...headers, ...type, ...queryErrorHeader(model, spelled) }, body };
    }
    case 'query': {
      const body = writeQueryFault(model, spelled, fault, requestId);
      return { status: spelled.status, headers: { ...headers, 'content-type': 'text/xml' }, body };
    }
    case 'rest-json':
      return writeRestJsonFault(spelled, fault, headers);
    case 'rest-xml':
      return writeRestFault(spelled, fault, headers, model?.operations.get(operationName ?? '')?.output);
    case 'rpc-cbor': {
      const { shape, code, status } = spelled;
      const body = writeCborFault(shape, code, fault);
      return { status, headers: { ...headers, ...CBOR_HEADERS, ...queryErrorHeader(model, spelled) }, body };
    }
  }
}

/** A fresh id in the form that the protocol's services use. */
export function createRequestId(protocol: Protocol): string {
  return protocol === 'rest-xml' ? createText('0123456789ABCDEF', 16) : createUuid();
}

function requestIdHeaders(protocol: Protocol, requestId: string): Record<string, string> {
  if (protocol !== 'rest-xml') return { 'x-amzn-requestid': requestId };
  const hostId = createHash('sha256').update(requestId).digest('base64');
  return { 'x-amz-request-id': requestId, 'x-amz-id-2': hostId };
}

/** Smithy: "AWS JSON protocols", query-compatible services. */
function queryErrorHeader(model: Model | undefined, spelled: SpelledFault): Record<string, string> {
  if (model?.isQueryCompatible !== true) return {};
  const code = spelled.shape?.error?.code ?? spelled.code;
  return { 'x-amzn-query-error': `${code};${spelled.status >= 500 ? 'Receiver' : 'Sender'}` };
}

function jsonType(model: Model | undefined): string {
  return `application/x-amz-json-${model?.jsonVersion ?? '1.1'}`;
}

function wholeBody(operation: Operation, body: Buffer | Readable): Buffer {
  assert(Buffer.isBuffer(body), `${operation.name} needs its whole body`);
  return body;
}
