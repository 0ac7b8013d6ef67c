/**
 * Our codecs against the official clients: every operation of every table, both directions. What the real client
 * sends is what we decode; what we encode is what the real client returns or throws.
 */

import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import * as CloudTrail from '@aws-sdk/client-cloudtrail';
import * as CloudWatch from '@aws-sdk/client-cloudwatch';
import * as CloudWatchLogs from '@aws-sdk/client-cloudwatch-logs';
import * as CodeBuild from '@aws-sdk/client-codebuild';
import * as CodeCommit from '@aws-sdk/client-codecommit';
import * as CodeDeploy from '@aws-sdk/client-codedeploy';
import * as CodePipeline from '@aws-sdk/client-codepipeline';
import * as CodestarNotifications from '@aws-sdk/client-codestar-notifications';
import * as EventBridge from '@aws-sdk/client-eventbridge';
import * as Iam from '@aws-sdk/client-iam';
import * as Kms from '@aws-sdk/client-kms';
import * as S3 from '@aws-sdk/client-s3';
import * as Sns from '@aws-sdk/client-sns';
import * as Sqs from '@aws-sdk/client-sqs';
import * as Sts from '@aws-sdk/client-sts';
import fc from 'fast-check';
import { fault } from '#base/fault.ts';
import { decodeInput, encodeFault, encodeOutput } from '#wire/codec.ts';
import { spellFault } from '#wire/faults.ts';
import type { HttpAnswer, HttpRequest } from '#wire/http.ts';
import { hasStreamingInput, loadModel } from '#wire/model.ts';
import type { Model, Operation } from '#wire/model.ts';
import { isRejection, operationOfForm, routeRequest } from '#wire/router.ts';
import { canonical, drawStructure } from '#test/support/shapes.ts';
import type { Carrier } from '#test/support/shapes.ts';

const RUNS = Number(process.env['SLIPWAY_WIRE_RUNS'] ?? '2');

const PACKAGES: Readonly<Record<string, object>> = {
  cloudtrail: CloudTrail,
  cloudwatch: CloudWatch,
  codebuild: CodeBuild,
  codecommit: CodeCommit,
  codedeploy: CodeDeploy,
  codepipeline: CodePipeline,
  'codestar-notifications': CodestarNotifications,
  events: EventBridge,
  iam: Iam,
  kms: Kms,
  logs: CloudWatchLogs,
  s3: S3,
  sns: Sns,
  sqs: Sqs,
  sts: Sts,
};

/** What the clients compute, check or rewrite on their own before anything is sent. */
const CLIENTS_OWN: Readonly<Record<string, RegExp>> = {
  events: /^EndpointId$/,
  s3: /^(?:SSECustomer|CopySourceSSECustomer|Checksum|ContentMD5|ContentLength$|ContentEncoding$|ContentType$|Expires$|MFA$)/,
};

/** The request of the first is that of ListBuckets; the second lives on a host of its own. */
const UNREACHABLE = new Set(['ListDirectoryBuckets', 'WriteGetObjectResponse']);

interface SentRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

interface Client {
  send(command: object): Promise<Record<string, unknown>>;
}

class Harness {
  readonly model: Model;
  readonly carrier: Carrier;
  sent: SentRequest | undefined;
  answer: HttpAnswer = { status: 200, headers: {}, body: undefined };
  readonly #client: Client;
  readonly #package: Readonly<Record<string, unknown>>;

  constructor(service: string) {
    this.model = loadModel(service);
    const own = CLIENTS_OWN[service];
    this.carrier = { protocol: this.model.protocol, skips: (name) => own?.test(name) === true };
    this.#package = PACKAGES[service] as Record<string, unknown>;
    const clientName = Object.keys(this.#package).find((name) => /^(?!__)\w+Client$/.test(name)) ?? '';
    const Client = this.#package[clientName] as new (config: object) => Client;
    this.#client = new Client({
      region: 'us-east-1',
      endpoint: 'http://127.0.0.1:1',
      credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
      signer: { sign: async (request: unknown) => request },
      maxAttempts: 1,
      forcePathStyle: true,
      disableHostPrefix: true,
      useArnRegion: false,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      md5: false,
      requestHandler: {
        handle: async (request: SentRequest) => {
          this.sent = request;
          const { status, headers, body } = this.answer;
          return { response: { statusCode: status, headers, body: Readable.from(body ? [body] : []) } };
        },
      },
    });
  }

  has(operation: Operation): boolean {
    return `${operation.name}Command` in this.#package;
  }

  async send(operation: Operation, input: object): Promise<Record<string, unknown>> {
    const Command = this.#package[`${operation.name}Command`] as new (input: object) => object;
    const { $metadata: _, ...output } = await this.#client.send(new Command(input));
    return output;
  }
}

for (const service of Object.keys(PACKAGES)) {
  const harness = new Harness(service);
  const operations = [...harness.model.operations.values()].filter((operation) => harness.has(operation));

  test(`${service}: what the client sends is what an operation gets`, async () => {
    assert.ok(operations.length > 0);
    for (const operation of operations.filter(({ name }) => !UNREACHABLE.has(name))) {
      await fc.assert(
        fc.asyncProperty(fc.gen(), (g) => checkInput(g, harness, operation)),
        { numRuns: RUNS },
      );
    }
  });

  test(`${service}: what an operation answers is what the client returns`, async () => {
    for (const operation of operations.filter(({ output }) => !isEventStream(output))) {
      await fc.assert(
        fc.asyncProperty(fc.gen(), (g) => checkOutput(g, harness, operation)),
        { numRuns: RUNS },
      );
    }
  });

  test(`${service}: every fault is thrown by the client as what it is`, async () => {
    const operation = operations.find(({ method }) => method !== 'HEAD');
    assert.ok(operation);
    // NotModified has no body, so there is nothing in it to read.
    const shapes = [...new Set(harness.model.errors.values())].filter(({ error }) => error?.status !== 304);
    for (const shape of shapes) {
      await fc.assert(
        fc.asyncProperty(fc.gen(), (g) => checkFault(g, harness, operation, shape)),
        { numRuns: 1 },
      );
    }
  });
}

async function checkInput(g: fc.GeneratorValue, harness: Harness, operation: Operation): Promise<void> {
  const { model, carrier } = harness;
  const input = operation.input ? drawStructure(g, carrier, operation.input) : {};
  if ('Bucket' in input) input['Bucket'] = 'a-bucket';
  harness.sent = undefined;
  harness.answer = encodeOutput(model, operation, {}, 'request-id');
  await harness.send(operation, input).catch((error: unknown) => {
    if (harness.sent === undefined) throw error;
  });
  const sent = harness.sent as SentRequest | undefined;
  assert.ok(sent);
  const body = await bytesOf(sent.body);
  const request = requestOf(sent);
  const routing = routeRequest(request, model.signingName);
  assert.ok(!isRejection(routing), `${operation.name} is routed`);
  const name = routing.operation ?? operationOfForm(request, body);
  assert.equal(name, operation.name);
  const decoded = decodeInput(model, operation, request, body, routing.labels);
  const expected = canonical(input) as Record<string, unknown>;
  const actual = canonical(decoded) as Record<string, unknown>;
  for (const extra of Object.keys(actual).filter((member) => !(member in expected))) {
    assert.ok(
      isOfClient(harness, operation, extra, actual[extra]),
      `${operation.name}: ${extra} was not sent`,
    );
    delete actual[extra];
  }
  assert.deepEqual(actual, expected, operation.name);
}

/** Idempotency tokens, checksums, and the empty payload that stands for none. */
function isOfClient(harness: Harness, operation: Operation, member: string, value: unknown): boolean {
  if (harness.carrier.skips(member)) return true;
  if (hasStreamingInput(operation) && member === operation.input?.payload) return value === 'bytes ';
  return (
    typeof value === 'string' && /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(value)
  );
}

async function checkOutput(g: fc.GeneratorValue, harness: Harness, operation: Operation): Promise<void> {
  const { model, carrier } = harness;
  const output = operation.output ? drawStructure(g, carrier, operation.output) : {};
  const input = operation.input ? leastInput(harness, operation) : {};
  harness.answer = encodeOutput(model, operation, output, 'request-id');
  const returned = await harness.send(operation, input);
  const expected = canonical(output) as Record<string, unknown>;
  const payload = operation.output?.payload;
  if (payload !== undefined && operation.output?.members.get(payload)?.streaming) {
    const stream = returned[payload] as { transformToByteArray?: () => Promise<Uint8Array> } | undefined;
    returned[payload] = await stream?.transformToByteArray?.();
    expected[payload] ??= 'bytes ';
  }
  // Where headers may carry a map, the client returns at least an empty one.
  for (const [name, member] of operation.output?.members ?? []) {
    if (member.location === 'headers') expected[name] ??= {};
  }
  assert.deepEqual(canonical(returned), expected, operation.name);
}

/** Enough for the client to send something. */
function leastInput({ carrier }: Harness, operation: Operation): Record<string, unknown> {
  const [input] = fc.sample(
    fc.gen().map((g) => (operation.input ? drawStructure(g, carrier, operation.input) : {})),
    { numRuns: 1, seed: 1 },
  );
  return { ...input, ...(input && 'Bucket' in input && { Bucket: 'a-bucket' }) };
}

async function checkFault(
  g: fc.GeneratorValue,
  harness: Harness,
  operation: Operation,
  shape: NonNullable<Operation['output']>,
): Promise<void> {
  const { model, carrier } = harness;
  const { message: _, Message: __, ...members } = drawStructure(g, carrier, shape);
  const text = 'What happened, <to which> & why.';
  harness.answer = encodeFault(model, model.protocol, fault(shape.name, text, { members }), 'request-id');
  const thrown = await harness.send(operation, leastInput(harness, operation)).then(
    () => assert.fail('a fault must be thrown'),
    (error: unknown) => error as Record<string, unknown> & Error,
  );
  const metadata = thrown['$metadata'] as { httpStatusCode: number; requestId: string };
  assert.equal(metadata.httpStatusCode, harness.answer.status, shape.name);
  assert.equal(metadata.requestId, 'request-id', shape.name);
  assert.equal(thrown.message, text, shape.name);
  // Some services list faults that the front door of their protocol spells in its own way.
  const { code } = spellFault(model, model.protocol, fault(shape.name, text));
  // Those that the client does not know have the code of the older protocol there.
  assert.ok([shape.name, code, shape.error?.code].includes(thrown.name), `${thrown.name} is ${shape.name}`);
}

function isEventStream(shape: Operation['output']): boolean {
  return [...(shape?.members.values() ?? [])].some(
    ({ shape: inner }) => inner.type === 'structure' && inner.eventStream,
  );
}

async function bytesOf(body: unknown): Promise<Buffer> {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof Uint8Array) return Buffer.from(body);
  const parts: Uint8Array[] = [];
  for await (const part of body as AsyncIterable<Uint8Array>) parts.push(part);
  return Buffer.concat(parts);
}

function requestOf(sent: SentRequest): HttpRequest {
  const query = Object.entries(sent.query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((item: string | null) =>
      item === null ? encodeURIComponent(name) : `${encodeURIComponent(name)}=${encodeURIComponent(item)}`,
    ),
  );
  const target = sent.path + (query.length > 0 ? `?${query.join('&')}` : '');
  const headers = Object.fromEntries(
    Object.entries(sent.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  return { method: sent.method, target, headers, rawHeaders: [], secure: false };
}
