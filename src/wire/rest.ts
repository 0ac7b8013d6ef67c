/** The bindings of the REST protocols. */

import type { Readable } from 'node:stream';
import { fault } from '#base/fault.ts';
import type { Fault } from '#base/fault.ts';
import type { SpelledFault } from './faults.ts';
import type { HttpAnswer, HttpRequest } from './http.ts';
import type { Model, Operation } from './model.ts';

type Headers = Readonly<Record<string, string>>;

export function readRestInput(
  _operation: Operation,
  _request: HttpRequest,
  _body: Buffer | Readable,
  _labels: Readonly<Record<string, string>>,
): Record<string, unknown> {
  throw fault('UnsupportedOperationException', 'The REST protocol is not there yet.');
}

export function writeRestOutput(
  _model: Model,
  _operation: Operation,
  _output: object,
  _headers: Headers,
): HttpAnswer {
  throw fault('UnsupportedOperationException', 'The REST protocol is not there yet.');
}

export function writeRestFault(_spelled: SpelledFault, _fault: Fault, _headers: Headers): HttpAnswer {
  throw fault('UnsupportedOperationException', 'The REST protocol is not there yet.');
}
