/** The query protocol: forms into inputs, outputs into XML envelopes. */

import { fault } from '#base/fault.ts';
import type { Fault } from '#base/fault.ts';
import type { SpelledFault } from './faults.ts';
import type { HttpRequest } from './http.ts';
import type { Model, Operation, StructureShape } from './model.ts';

export function readForm(
  _shape: StructureShape | undefined,
  _request: HttpRequest,
  _body: Buffer,
): Record<string, unknown> {
  throw fault('UnsupportedOperationException', 'The query protocol is not there yet.');
}

export function writeQueryOutput(
  _model: Model,
  _operation: Operation,
  _output: object,
  _requestId: string,
): Buffer {
  throw fault('UnsupportedOperationException', 'The query protocol is not there yet.');
}

export function writeQueryFault(
  _model: Model | undefined,
  _spelled: SpelledFault,
  _fault: Fault,
  _requestId: string,
): Buffer {
  throw fault('UnsupportedOperationException', 'The query protocol is not there yet.');
}
