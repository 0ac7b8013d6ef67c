/** REST with JSON: how a path names an operation, and where members of inputs, answers and faults travel. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fault } from '#base/fault.ts';
import { decodeInput, encodeFault, encodeOutput, findOperation } from './codec.ts';
import type { HttpRequest } from './http.ts';
import { loadModel, type Member, type Model, type Operation, type StructureShape } from './model.ts';
import { readRestJsonInput, writeRestJsonOutput } from './rest-json.ts';
import { findPathOperation } from './rest-path.ts';
import { isRejection, routeRequest } from './router.ts';

const SERVICE = 'codestar-notifications';

function request(method: string, target: string, headers: Record<string, string> = {}): HttpRequest {
  return { method, target, headers, rawHeaders: [], secure: false };
}

const plain = { flattened: false, streaming: false, xmlAttribute: false };
const text = { name: 'Text', type: 'string', sensitive: false } as const;
const bytes = { name: 'Bytes', type: 'blob', sensitive: false } as const;

function structure(members: Record<string, Member>, payload?: string): StructureShape {
  return {
    name: 'Shape',
    type: 'structure',
    sensitive: false,
    members: new Map(Object.entries(members)),
    required: new Set(),
    union: false,
    eventStream: false,
    ...(payload === undefined ? {} : { payload }),
  };
}

function operation(name: string, method: string, uri: string, more: Partial<Operation> = {}): Operation {
  const shapes = { input: undefined, output: undefined, errors: [] };
  return { name, method, uri, status: 200, ...shapes, unsigned: false, checksumRequired: false, ...more };
}

const functions = [
  operation('GetFunction', 'GET', '/2015-03-31/functions/{FunctionName}'),
  operation('ListFunctions', 'GET', '/2015-03-31/functions/'),
  operation('GetSettings', 'GET', '/2015-03-31/functions/settings'),
  operation('Invoke', 'POST', '/2015-03-31/functions/{FunctionName}/invocations'),
  operation('Import', 'PUT', '/apis?mode=import'),
  operation('Update', 'PUT', '/apis'),
  operation('Proxy', 'GET', '/{path+}'),
];
const paths = {
  service: 'paths',
  operations: new Map(functions.map((each) => [each.name, each])),
} as unknown as Model;

function found(method: string, target: string): string {
  const result = findPathOperation(paths, request(method, target));
  return result ? [result.operation.name, ...Object.values(result.labels)].join(' ') : 'none';
}

test('words in a path weigh more than labels, and a query with a fixed member more than none', () => {
  assert.equal(found('GET', '/2015-03-31/functions/build'), 'GetFunction build');
  assert.equal(found('GET', '/2015-03-31/functions/settings'), 'GetSettings');
  assert.equal(found('GET', '/2015-03-31/functions'), 'ListFunctions');
  assert.equal(found('GET', '/2015-03-31/functions/?MaxItems=1'), 'ListFunctions');
  assert.equal(found('POST', '/2015-03-31/functions/a%3Ab%2Fc/invocations'), 'Invoke a:b/c');
  assert.equal(found('PUT', '/apis?mode=import'), 'Import');
  assert.equal(found('PUT', '/apis'), 'Update');
  assert.equal(found('GET', '/any/thing/else'), 'Proxy any/thing/else');
  assert.equal(found('DELETE', '/apis'), 'none');
  assert.equal(found('POST', '/2015-03-31/functions//invocations'), 'none');
  assert.equal(found('POST', '/2015-03-31/functions/%E0%A4/invocations'), 'none');
});

test('a request is routed by its signature and its path, and an unknown path is answered in JSON', () => {
  assert.deepEqual(routeRequest(request('POST', '/listTargets'), SERVICE), {
    service: SERVICE,
    protocol: 'rest-json',
    operation: 'ListTargets',
    labels: {},
  });
  const routing = routeRequest(request('GET', '/listTargets'), SERVICE);
  assert.ok(isRejection(routing));
  assert.equal(routing.protocol, 'rest-json');
  assert.equal(routing.fault.status, 404);
});

test('members come from the path, from repeated parameters and from the body, and the body cannot speak for the path', () => {
  const model = loadModel(SERVICE);
  const target = '/untagResource/arn%3Aaws%3Ax?tagKeys=a%2Cb&tagKeys=c';
  const routing = routeRequest(request('POST', target), SERVICE);
  assert.ok(!isRejection(routing));
  const body = Buffer.from('{"Arn":"another","resourceArn":"another"}');
  assert.deepEqual(
    decodeInput(model, findOperation(model, 'UntagResource'), request('POST', target), body, routing.labels),
    { Arn: 'arn:aws:x', TagKeys: ['a,b', 'c'] },
  );
  assert.deepEqual(
    decodeInput(
      model,
      findOperation(model, 'Subscribe'),
      request('POST', '/subscribe'),
      Buffer.from('{"Arn":"a"}'),
    ),
    { Arn: 'a' },
  );
  assert.throws(
    () =>
      decodeInput(model, findOperation(model, 'Subscribe'), request('POST', '/subscribe'), Buffer.from('[')),
    { code: 'SerializationException' },
  );
});

test('a body has the names of the table; headers and the status are bound; a payload is the body itself', () => {
  const shape = structure({
    Name: { ...plain, shape: text, locationName: 'name' },
    Kind: { ...plain, shape: text, location: 'header', locationName: 'x-kind' },
    Status: { ...plain, shape: { name: 'Code', type: 'integer', sensitive: false }, location: 'statusCode' },
  });
  const get = operation('Get', 'GET', '/x', { input: shape, output: shape });
  const asked = request('GET', '/x', { 'x-kind': 'k' });
  assert.deepEqual(readRestJsonInput(get, asked, Buffer.from('{"name":"n"}'), {}), { Name: 'n', Kind: 'k' });
  const answer = writeRestJsonOutput(get, { Name: 'n', Kind: 'k', Status: 202 }, {});
  assert.equal(answer.status, 202);
  assert.equal(answer.headers['x-kind'], 'k');
  assert.equal(String(answer.body), '{"name":"n"}');

  const raw = structure({ Payload: { ...plain, shape: bytes } }, 'Payload');
  const invoke = operation('Invoke', 'POST', '/y', { input: raw, output: raw });
  const content = Buffer.from([0, 255]);
  assert.deepEqual(readRestJsonInput(invoke, request('POST', '/y'), content, {}), { Payload: content });
  assert.equal(writeRestJsonOutput(invoke, { Payload: content }, {}).body, content);
});

test('a fault tells its name in a header and in the body, with the status of the table', () => {
  const model = loadModel(SERVICE);
  const known = encodeFault(model, 'rest-json', fault('ResourceNotFoundException', 'Gone.'), 'id');
  assert.equal(known.status, 404);
  assert.equal(known.headers['x-amzn-errortype'], 'ResourceNotFoundException');
  assert.equal(known.headers['x-amzn-requestid'], 'id');
  assert.equal(String(known.body), '{"__type":"ResourceNotFoundException","Message":"Gone."}');
  const common = encodeFault(model, 'rest-json', fault('InvalidSignatureException', 'No.'), 'id');
  assert.equal(common.status, 403);
  assert.equal(String(encodeOutput(model, findOperation(model, 'TagResource'), {}, 'id').body), '{}');
});
