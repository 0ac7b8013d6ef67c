/**
 * Our codecs against botocore, on which the AWS CLI and boto3 stand: every operation of every table, both directions.
 * Needs python3 with botocore.
 */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { decodeInput, encodeOutput } from '#wire/codec.ts';
import type { HttpRequest } from '#wire/http.ts';
import { hasStreamingInput, loadModel, services } from '#wire/model.ts';
import type { Model, Operation, StructureShape } from '#wire/model.ts';
import { isRejection, operationOfForm, routeRequest } from '#wire/router.ts';
import { canonical, drawStructure } from '#test/support/shapes.ts';
import type { Carrier } from '#test/support/shapes.ts';

const isPresent = spawnSync('python3', ['-c', 'import botocore']).status === 0;
const SCRIPT = new URL('../support/botocore-party.py', import.meta.url).pathname;
/** Not in botocore's data: our own table of the agent's protocol. */
const OWN_TABLES = new Set(['codedeploy-commands']);
/** The request of the first is that of ListBuckets; the second lives on a host of its own. */
const UNREACHABLE = new Set(['ListDirectoryBuckets', 'WriteGetObjectResponse']);

/** Read by code of botocore's own, beside the parser that we ask. */
const UNPARSED = new Set(['GetBucketLocation']);
/** Numbers in botocore's data, strings in newer models and in our table. */
const OTHER_TYPES = new Set(['PartNumberMarker', 'NextPartNumberMarker']);
const RUNS = Number(process.env['SLIPWAY_WIRE_RUNS'] ?? '1');

interface Botocore {
  ask(order: object): Promise<Record<string, unknown>>;
  close(): void;
}

let botocore: Botocore;
before(() => {
  if (isPresent) botocore = startBotocore();
});
after(() => botocore?.close());

for (const service of services().filter((name) => !OWN_TABLES.has(name))) {
  const model = loadModel(service);
  for (const protocol of [model.protocol, ...model.furtherProtocols]) {
    suite(model, { protocol, skips: (name) => OTHER_TYPES.has(name), hasWholeSeconds: true });
  }
}

function suite(model: Model, carrier: Carrier): void {
  const service = `${model.service} in ${carrier.protocol}`;
  const operations = [...model.operations.values()];

  test(`${service}: what botocore sends is what an operation gets`, { skip: !isPresent }, async () => {
    for (const operation of operations.filter(({ name }) => !UNREACHABLE.has(name))) {
      await fc.assert(
        fc.asyncProperty(fc.gen(), (g) => checkInput(g, carrier, model, operation)),
        { numRuns: RUNS },
      );
    }
  });

  test(`${service}: what an operation answers is what botocore returns`, { skip: !isPresent }, async () => {
    for (const operation of operations.filter(isParsed)) {
      await fc.assert(
        fc.asyncProperty(fc.gen(), (g) => checkOutput(g, carrier, model, operation)),
        { numRuns: RUNS },
      );
    }
  });
}

function isParsed({ name, output }: Operation): boolean {
  return output !== undefined && !isEventStream(output) && !UNPARSED.has(name);
}

async function checkInput(
  g: fc.GeneratorValue,
  carrier: Carrier,
  model: Model,
  operation: Operation,
): Promise<void> {
  const input = operation.input ? drawStructure(g, carrier, operation.input) : {};
  if ('Bucket' in input) input['Bucket'] = 'a-bucket';
  const { protocol } = carrier;
  const order = { service: model.service, protocol, operation: operation.name, input: toJson(input) };
  const sent = (await botocore.ask(order)) as {
    method: string;
    path: string;
    query: string;
    body: string;
  } & {
    headers: Record<string, string>;
  };
  const body = Buffer.from(sent.body, 'base64');
  // The path may hold the static query; a real endpoint joins the two.
  const target =
    sent.query === '' ? sent.path : `${sent.path}${sent.path.includes('?') ? '&' : '?'}${sent.query}`;
  const headers = Object.fromEntries(
    Object.entries(sent.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const request: HttpRequest = { method: sent.method, target, headers, rawHeaders: [], secure: false };
  const routing = routeRequest(request, model.signingName);
  assert.ok(!isRejection(routing), `${operation.name} is routed`);
  assert.equal(routing.operation ?? operationOfForm(request, body), operation.name);
  assert.equal(routing.protocol, protocol);
  const decoded = canonical(decodeInput(model, operation, request, body, routing.labels, protocol)) as Record<
    string,
    unknown
  >;
  const payload = hasStreamingInput(operation) ? operation.input?.payload : undefined;
  if (payload !== undefined && input[payload] === undefined) delete decoded[payload];
  assert.deepEqual(decoded, canonical(input), operation.name);
}

async function checkOutput(
  g: fc.GeneratorValue,
  carrier: Carrier,
  model: Model,
  operation: Operation,
): Promise<void> {
  const output = operation.output ? drawStructure(g, carrier, operation.output) : {};
  const { protocol } = carrier;
  const { status, headers, body } = encodeOutput(model, operation, output, 'request-id', protocol);
  const bytes = Buffer.from((body as Uint8Array | undefined) ?? []);
  const answer = { status, headers, body: bytes.toString('base64') };
  const order = { service: model.service, protocol, operation: operation.name, answer };
  const { ResponseMetadata: metadata, ...parsed } = await botocore.ask(order);
  assert.equal(parsed['$error'], undefined, `${operation.name}: ${parsed['$error']} in ${bytes.toString()}`);
  assert.equal((metadata as { RequestId: string }).RequestId, 'request-id');
  const expected = canonical(output) as Record<string, unknown>;
  for (const [name, member] of operation.output?.members ?? []) {
    if (member.location === 'headers') expected[name] ??= {};
    if (member.streaming) expected[name] ??= 'bytes ';
  }
  assert.deepEqual(canonical(fromJson(parsed)), expected, operation.name);
}

function isEventStream(shape: StructureShape): boolean {
  return [...shape.members.values()].some(
    ({ shape: inner }) => inner.type === 'structure' && inner.eventStream,
  );
}

/** One process; answers come in the order of the questions. */
function startBotocore(): Botocore {
  const python = spawn('python3', [SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting: ((line: string) => void)[] = [];
  createInterface({ input: python.stdout }).on('line', (line) => waiting.shift()?.(line));
  const ended = new Promise<never>((_, reject) => {
    python.on('exit', (code) => reject(new Error(`botocore ended with ${code}`)));
  });
  ended.catch(() => {});
  return {
    async ask(order) {
      const answered = new Promise<string>((resolve) => waiting.push(resolve));
      python.stdin.write(`${JSON.stringify(order)}\n`);
      return JSON.parse(await Promise.race([answered, ended])) as Record<string, unknown>;
    },
    close: () => void python.stdin.end(),
  };
}

function toJson(value: unknown): unknown {
  if (value instanceof Date) return { $date: value.getTime() };
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, toJson(item)]));
}

function fromJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromJson);
  if (typeof value !== 'object' || value === null) return value;
  const { $date, $bytes } = value as { $date?: number; $bytes?: string };
  if ($date !== undefined) return new Date($date);
  if ($bytes !== undefined) return Buffer.from($bytes, 'base64');
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, fromJson(item)]));
}
