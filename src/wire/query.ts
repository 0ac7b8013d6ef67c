/** The query protocol: forms in, XML in the service's envelope out. */

import type { Fault } from '#base/fault.ts';
import type { SpelledFault } from './faults.ts';
import { formOf, readForm } from './form.ts';
import type { HttpRequest } from './http.ts';
import type { Model, Operation } from './model.ts';
import { escapeXml, writeXmlMembers } from './xml.ts';

export function readQueryInput(
  operation: Operation,
  request: HttpRequest,
  body: Buffer,
): Record<string, unknown> {
  return operation.input ? readForm(operation.input, formOf(request, body)) : {};
}

export function writeQueryOutput(
  model: Model,
  operation: Operation,
  output: object,
  requestId: string,
): Buffer {
  const { name } = operation;
  const out: string[] = [`<${name}Response${namespaceOf(model)}>`];
  if (operation.output) {
    out.push(`<${name}Result>`);
    writeXmlMembers(operation.output, output, out);
    out.push(`</${name}Result>`);
  }
  out.push(`<ResponseMetadata><RequestId>${escapeXml(requestId)}</RequestId></ResponseMetadata>`);
  out.push(`</${name}Response>`);
  return Buffer.from(out.join(''));
}

export function writeQueryFault(
  model: Model | undefined,
  spelled: SpelledFault,
  fault: Fault,
  requestId: string,
): Buffer {
  const out: string[] = [`<ErrorResponse${namespaceOf(model)}><Error>`];
  out.push(`<Type>${spelled.status >= 500 ? 'Receiver' : 'Sender'}</Type>`);
  out.push(`<Code>${escapeXml(spelled.code)}</Code><Message>${escapeXml(fault.message)}</Message>`);
  if (spelled.shape) writeXmlMembers(spelled.shape, withoutMessage(fault.members), out);
  out.push(`</Error><RequestId>${escapeXml(requestId)}</RequestId></ErrorResponse>`);
  return Buffer.from(out.join(''));
}

function withoutMessage(members: Readonly<Record<string, unknown>>): object {
  return { ...members, message: undefined, Message: undefined };
}

function namespaceOf(model: Model | undefined): string {
  return model?.xmlNamespace ? ` xmlns="${model.xmlNamespace}"` : '';
}
