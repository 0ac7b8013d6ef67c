/** Faults as each protocol spells them, and inputs that are hostile or of the wrong type. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fault } from '#base/fault.ts';
import { createRequestId, decodeInput, encodeFault, encodeOutput, findOperation } from './codec.ts';
import type { HttpAnswer, HttpRequest } from './http.ts';
import { loadModel } from './model.ts';

const request: HttpRequest = { method: 'POST', target: '/', headers: {}, rawHeaders: [], secure: false };

function shown(answer: HttpAnswer): { status: number; type: string | undefined; body: string } {
  const body = Buffer.from((answer.body as Uint8Array | undefined) ?? []).toString();
  return { status: answer.status, type: answer.headers['content-type'], body };
}

function decode(service: string, name: string, body: string): Record<string, unknown> {
  const model = loadModel(service);
  return decodeInput(model, findOperation(model, name), request, Buffer.from(body));
}

test('a fault of a JSON service has its name, its status and the message member of its shape', () => {
  const model = loadModel('codepipeline');
  const answer = encodeFault(model, 'json', fault('PipelineNotFoundException', 'No pipeline x.'), 'id');
  assert.equal(answer.headers['x-amzn-requestid'], 'id');
  assert.deepEqual(shown(answer), {
    status: 400,
    type: 'application/x-amz-json-1.1',
    body: '{"__type":"PipelineNotFoundException","message":"No pipeline x."}',
  });
});

test('a fault of a query service has its code, its status and the sender in the envelope', () => {
  const answer = encodeFault(loadModel('iam'), 'query', fault('NoSuchEntityException', 'a < b'), 'id');
  assert.deepEqual(shown(answer), {
    status: 404,
    type: 'text/xml',
    body:
      '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type>' +
      '<Code>NoSuchEntity</Code><Message>a &lt; b</Message></Error><RequestId>id</RequestId></ErrorResponse>',
  });
  assert.equal(encodeFault(loadModel('iam'), 'query', fault('NoSuchEntity', ''), 'id').status, 404);
});

test('a fault of object storage is a document with what the operation tells about it', () => {
  const members = { Key: 'k&', BucketName: 'b' };
  const answer = encodeFault(loadModel('s3'), 'rest-xml', fault('NoSuchKey', 'Gone.', { members }), 'ABC');
  const hostId = answer.headers['x-amz-id-2'];
  assert.equal(answer.headers['x-amz-request-id'], 'ABC');
  assert.deepEqual(shown(answer), {
    status: 404,
    type: 'application/xml',
    body:
      '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>Gone.</Message>' +
      `<Key>k&amp;</Key><BucketName>b</BucketName><RequestId>ABC</RequestId><HostId>${hostId}</HostId></Error>`,
  });
});

test('common faults are spelled as each protocol spells them', () => {
  const rows: readonly [string, string, string, string][] = [
    ['MissingAuthenticationTokenException', '=400', 'MissingAuthenticationToken 403', 'AccessDenied 403'],
    ['UnrecognizedClientException', '=400', 'InvalidClientTokenId 403', 'InvalidAccessKeyId 403'],
    ['InvalidSignatureException', '=400', 'SignatureDoesNotMatch 403', 'SignatureDoesNotMatch 403'],
    [
      'RequestTimeTooSkewed',
      'InvalidSignatureException 400',
      'SignatureDoesNotMatch 403',
      'RequestTimeTooSkewed 403',
    ],
    ['ExpiredTokenException', '=400', 'ExpiredToken 403', 'ExpiredToken 400'],
    ['AccessDeniedException', '=400', 'AccessDenied 403', 'AccessDenied 403'],
    ['UnknownOperationException', '=400', 'InvalidAction 400', 'MethodNotAllowed 405'],
    ['SerializationException', '=400', 'MalformedQueryString 400', 'MalformedXML 400'],
    ['ValidationException', '=400', 'ValidationError 400', 'InvalidArgument 400'],
    ['ThrottlingException', '=400', 'Throttling 400', 'SlowDown 503'],
    ['InternalFailure', '=500', 'InternalFailure 500', 'InternalError 500'],
    ['UnsupportedOperationException', '=400', 'NotImplemented 501', 'NotImplemented 501'],
  ];
  for (const [code, ...spellings] of rows) {
    for (const [index, protocol] of (['json', 'query', 'rest-xml'] as const).entries()) {
      const service = ['codepipeline', 'iam', 's3'][index] ?? '';
      const answer = encodeFault(loadModel(service), protocol, fault(code, ''), 'id');
      const found = /"__type":"(\w+)"|<Code>(\w+)</.exec(shown(answer).body);
      const expected = spellings[index]?.replace('=', `${code} `);
      assert.equal(`${found?.[1] ?? found?.[2]} ${answer.status}`, expected);
    }
  }
});

test('a fault without a model is answered in the protocol that the request seemed to speak', () => {
  const answer = encodeFault(
    undefined,
    'json',
    fault('UnknownOperationException', 'No.', { status: 404 }),
    'id',
  );
  assert.deepEqual(shown(answer), {
    status: 404,
    type: 'application/x-amz-json-1.1',
    body: '{"__type":"UnknownOperationException","message":"No."}',
  });
});

test('an operation that nobody knows is a fault', () => {
  for (const name of ['Nonsense', '__proto__', 'constructor', '']) {
    assert.throws(() => findOperation(loadModel('codepipeline'), name), {
      code: 'UnknownOperationException',
    });
  }
});

test('the location of a bucket is the text of the root element', () => {
  const model = loadModel('s3');
  const answer = encodeOutput(model, findOperation(model, 'GetBucketLocation'), {}, 'ABC');
  assert.equal(
    shown(answer).body,
    '<?xml version="1.0" encoding="UTF-8"?>\n<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></LocationConstraint>',
  );
});

test('a header cannot be split by what is answered in it', () => {
  const model = loadModel('s3');
  const operation = findOperation(model, 'GetObject');
  const split = { ContentType: 'a\r\nset-cookie: b' };
  assert.throws(() => encodeOutput(model, operation, split, 'ABC'), { code: 'ValidationException' });
  const answer = encodeOutput(model, operation, { Metadata: { Name: 'é' } }, 'ABC');
  assert.equal(answer.headers['x-amz-meta-name'], '=?UTF-8?B?w6k=?=');
});

test('values of a wrong type are serialization faults that do not show the value', () => {
  const broken: readonly [string, string][] = [
    ['{"name":5}', 'NUMBER_VALUE cannot be converted to String'],
    ['{"name":true}', 'TRUE_VALUE cannot be converted to String'],
    ['{"name":["a"]}', 'Start of list found where not expected'],
    ['{"name":{}}', 'Start of structure or map found where not expected.'],
    ['{"name":"a","version":"1"}', 'STRING_VALUE cannot be converted to Integer'],
    ['{"name":"a","version":1.5}', 'DECIMAL_VALUE cannot be converted to Integer'],
    ['{"name":"a","version":3000000000}', 'NUMBER_VALUE cannot be converted to Integer'],
    ['[]', 'The body must be a JSON object.'],
    ['null', 'The body must be a JSON object.'],
    ['{"name":', 'The body is not valid JSON.'],
  ];
  for (const [body, message] of broken) {
    assert.throws(() => decode('codepipeline', 'GetPipeline', body), {
      code: 'SerializationException',
      message,
    });
  }
});

test('unknown members are ignored, null is absent, an empty body is an empty input', () => {
  assert.deepEqual(decode('codepipeline', 'GetPipeline', '{"name":"a","version":null,"x":{"y":1}}'), {
    name: 'a',
  });
  assert.deepEqual(decode('codepipeline', 'GetPipeline', ''), {});
});

test('keys that mean something to JavaScript are keys like others', () => {
  const body = '{"logGroupName":"g","tags":{"__proto__":"a","constructor":"b"},"__proto__":{"kmsKeyId":"k"}}';
  const input = decode('logs', 'CreateLogGroup', body);
  const tags = input['tags'] as Record<string, string>;
  assert.equal(Object.getPrototypeOf(tags), null);
  assert.deepEqual(Object.entries(tags), [
    ['__proto__', 'a'],
    ['constructor', 'b'],
  ]);
  assert.equal('kmsKeyId' in input, false);
});

test('deep or broken JSON is refused without being built', () => {
  const deep = `{"pipeline":${'['.repeat(5_000_000)}`;
  assert.throws(() => decode('codepipeline', 'CreatePipeline', deep), /nested deeper than 100 levels/);
  const model = loadModel('codepipeline');
  const invalid = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]);
  const operation = findOperation(model, 'GetPipeline');
  assert.throws(() => decodeInput(model, operation, request, invalid), {
    message: 'The body is not valid UTF-8.',
  });
});

test('brackets inside of strings do not count as depth', () => {
  const name = '[{'.repeat(300) + '\\"[';
  assert.equal(decode('codepipeline', 'GetPipeline', `{"name":"${name}"}`)['name'], name.replace('\\', ''));
});

test('request ids have the form of their protocol', () => {
  assert.match(createRequestId('json'), /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.match(createRequestId('rest-xml'), /^[0-9A-F]{16}$/);
});
