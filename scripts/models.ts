/**
 * Makes `src/wire/models/*.json`, our tables of the AWS APIs, out of the public API models as botocore ships them.
 * Keeps facts only: operations, the shapes that their inputs, outputs and errors reach, constraints and bindings.
 * Run on purpose, never at install, and review the difference:
 *
 *     node scripts/models.ts "$(python3 -c 'import botocore,os;print(os.path.dirname(botocore.__file__)+"/data")')"
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { BEYOND_THE_MODELS, REWRITTEN_PATTERNS, SERVICES } from './models-beyond.ts';
import type { Beyond } from './models-beyond.ts';

type Json = Record<string, unknown>;

interface PublicModel {
  readonly metadata: Readonly<Record<string, string>>;
  readonly operations: Readonly<Record<string, PublicOperation>>;
  readonly shapes: Readonly<Record<string, PublicShape>>;
}

interface PublicOperation {
  readonly http: { readonly method: string; readonly requestUri: string; readonly responseCode?: number };
  readonly input?: { readonly shape: string };
  readonly output?: { readonly shape: string };
  readonly errors?: readonly { readonly shape: string }[];
  readonly authtype?: string;
  readonly deprecated?: boolean;
  readonly httpChecksum?: { readonly requestChecksumRequired?: boolean };
}

interface PublicMember {
  readonly shape: string;
  readonly location?: string;
  readonly locationName?: string;
  readonly [trait: string]: unknown;
}

interface PublicShape {
  readonly type: string;
  readonly members?: Readonly<Record<string, PublicMember>>;
  readonly member?: PublicMember;
  readonly key?: PublicMember;
  readonly value?: PublicMember;
  readonly exception?: boolean;
  readonly fault?: boolean;
  readonly error?: {
    readonly code?: string;
    readonly httpStatusCode?: number;
    readonly senderFault?: boolean;
  };
  readonly [trait: string]: unknown;
}

const OWN_SOURCES = new URL('./models', import.meta.url).pathname;
const TARGET = new URL('../src/wire/models', import.meta.url).pathname;

const SHAPE_TRAITS = [
  ...['required', 'payload', 'min', 'max', 'pattern', 'enum', 'sensitive', 'flattened', 'timestampFormat'],
  ...['union', 'eventstream', 'xmlNamespace'],
];

const MEMBER_TRAITS = [
  ...['location', 'locationName', 'flattened', 'xmlAttribute', 'streaming'],
  ...['timestampFormat'],
];

main(process.argv[2]);

function main(folder: string | undefined): void {
  if (!folder || !existsSync(folder)) {
    console.error('models: give the data folder of botocore as the argument');
    process.exit(1);
  }
  mkdirSync(TARGET, { recursive: true });
  const index: Json = {};
  for (const name of SERVICES) {
    const { model, source } = readPublicModel(folder, name);
    const beyond = BEYOND_THE_MODELS[name] ?? {};
    const entry = indexEntry(model, beyond);
    index[name] = entry;
    const header = { script: 'scripts/models.ts', source };
    const operations = mapValues(model.operations, (operation, operationName) =>
      operationRow(operation, beyond.statuses?.[operationName], beyond.unsigned?.includes(operationName)),
    );
    const shapes = { ...shapeRows(model, beyond), ...furtherErrors(model, beyond) };
    const text = printTable({ header, service: name, ...entry, operations, shapes });
    writeFileSync(join(TARGET, `${name}.json`), text);
    console.log(`${name}: ${Object.keys(operations).length} operations, ${text.length} bytes`);
  }
  const header = { script: 'scripts/models.ts', source: 'the tables in this folder' };
  writeFileSync(join(TARGET, 'index.json'), printTable({ header, services: index }));
}

/** Models that are public only as code of an agent are kept beside this script, in the same format. */
function readPublicModel(folder: string, name: string): { model: PublicModel; source: string } {
  const own = join(OWN_SOURCES, `${name}.json`);
  if (existsSync(own)) {
    return {
      model: JSON.parse(readFileSync(own, 'utf8')) as PublicModel,
      source: `scripts/models/${name}.json`,
    };
  }
  const version = readdirSync(join(folder, name)).sort().at(-1) ?? '';
  const file = join(folder, name, version, 'service-2.json');
  const text = existsSync(file)
    ? readFileSync(file, 'utf8')
    : gunzipSync(readFileSync(`${file}.gz`)).toString('utf8');
  return {
    model: withoutTwins(JSON.parse(text) as PublicModel),
    source: `botocore data ${name}/${version}/service-2.json (Apache-2.0)`,
  };
}

/** Deprecated operations whose requests look like those of their successors cannot be told apart, and nobody sends them. */
function withoutTwins(model: PublicModel): PublicModel {
  const isTwin = ({ deprecated, http }: PublicOperation) => deprecated === true && http.requestUri !== '/';
  const operations = Object.entries(model.operations).filter(([, operation]) => !isTwin(operation));
  return { ...model, operations: Object.fromEntries(operations) };
}

/** What the router must know of a service before its table is loaded. */
function indexEntry(model: PublicModel, beyond: Beyond): Json {
  const { metadata } = model;
  const unsigned = Object.entries(model.operations)
    .filter(([name, operation]) => operation.authtype === 'none' || beyond.unsigned?.includes(name))
    .map(([name]) => name);
  const [protocol, ...furtherProtocols] = protocolsOf(metadata);
  return clean({
    protocol,
    furtherProtocols: furtherProtocols.length > 0 ? furtherProtocols : undefined,
    jsonVersion: metadata['jsonVersion'],
    apiVersion: metadata['apiVersion'],
    xmlNamespace: metadata['xmlNamespace'] ?? beyond.xmlNamespace,
    targetPrefixes: list(metadata['targetPrefix'], beyond.targetPrefixes),
    signingNames: list(metadata['signingName'] ?? metadata['endpointPrefix'], beyond.signingNames),
    unsigned: unsigned.length > 0 ? unsigned : undefined,
    foreignQueries: beyond.foreignQueries,
    constraintFault: beyond.constraintFault,
    memberFaults: beyond.memberFaults,
    isQueryCompatible: beyond.queryCodes !== undefined || metadata['awsQueryCompatible'] !== undefined,
  });
}

/** JSON first, which every client of a service with a choice can speak; our own name for the one with the longest. */
function protocolsOf(metadata: PublicModel['metadata']): readonly string[] {
  const protocols = (metadata['protocols'] as unknown as readonly string[] | undefined) ?? [
    metadata['protocol'],
  ];
  const names = protocols.map((name) => (name === 'smithy-rpc-v2-cbor' ? 'rpc-cbor' : String(name)));
  return names.includes('json') ? ['json', ...names.filter((name) => name !== 'json')] : names;
}

function operationRow(operation: PublicOperation, status: number | undefined, unsigned = false): Json {
  const { method, requestUri, responseCode } = operation.http;
  const plain = method === 'POST' && requestUri === '/';
  return clean({
    http: plain ? undefined : [method, requestUri, status ?? responseCode ?? 200],
    input: operation.input?.shape,
    output: operation.output?.shape,
    errors: operation.errors?.map((error) => error.shape),
    unsigned: unsigned || operation.authtype === 'none' || undefined,
    checksumRequired: operation.httpChecksum?.requestChecksumRequired,
  });
}

function shapeRows(model: PublicModel, beyond: Beyond): Record<string, Json> {
  const reached = new Set<string>();
  const reach = (name: string | undefined): void => {
    const shape = name === undefined ? undefined : model.shapes[name];
    if (name === undefined || shape === undefined || reached.has(name)) return;
    reached.add(name);
    for (const member of Object.values(shape.members ?? {})) reach(member.shape);
    reach(shape.member?.shape);
    reach(shape.key?.shape);
    reach(shape.value?.shape);
  };
  for (const operation of Object.values(model.operations)) {
    reach(operation.input?.shape);
    reach(operation.output?.shape);
    for (const error of operation.errors ?? []) reach(error.shape);
  }
  for (const [name, shape] of Object.entries(model.shapes)) if (shape.exception) reach(name);
  const rows = Object.entries(model.shapes).filter(([name]) => reached.has(name));
  return Object.fromEntries(
    rows.map(([name, shape]) => [
      name,
      {
        ...shapeRow(shape, beyond.queryCodes?.[name]),
        ...typeRow(name, beyond),
        ...beyond.roots?.[name],
      },
    ]),
  );
}

function shapeRow(shape: PublicShape, queryCode?: string): Json {
  return clean({
    type: shape.type,
    members: shape.members && mapValues(shape.members, memberRow),
    member: shape.member && memberRow(shape.member),
    key: shape.key && memberRow(shape.key),
    value: shape.value && memberRow(shape.value),
    ...Object.fromEntries(SHAPE_TRAITS.map((trait) => [trait, shape[trait]])),
    match: REWRITTEN_PATTERNS[String(shape['pattern'])],
    error: shape.exception ? { ...errorRow(shape), ...clean({ code: queryCode }) } : undefined,
  });
}

function typeRow(name: string, beyond: Beyond): Json {
  return clean({ type: beyond.types?.[name], max: beyond.maxima?.[name] });
}

/** Codes that the service answers and its model does not list. */
function furtherErrors(model: PublicModel, beyond: Beyond): Record<string, Json> {
  const unlisted = Object.entries(beyond.errors ?? {}).filter(([code]) => !model.shapes[code]?.exception);
  return Object.fromEntries(
    unlisted.map(([code, status]) => [
      code,
      { type: 'structure', members: {}, error: { status, ...clean({ code: beyond.queryCodes?.[code] }) } },
    ]),
  );
}

function errorRow(shape: PublicShape): Json {
  const server = shape.fault === true || shape.error?.senderFault === false;
  return clean({
    status: shape.error?.httpStatusCode ?? (server ? 500 : 400),
    code: shape.error?.code,
    server: server || undefined,
  });
}

/** A member that is nothing but its shape is written as the shape's name. */
function memberRow(member: PublicMember): string | Json {
  const traits = clean(Object.fromEntries(MEMBER_TRAITS.map((trait) => [trait, member[trait]])));
  return Object.keys(traits).length === 0 ? member.shape : { shape: member.shape, ...traits };
}

function list(first: string | undefined, more: readonly string[] | undefined): readonly string[] | undefined {
  const all = [...(first ? [first] : []), ...(more ?? [])];
  return all.length > 0 ? all : undefined;
}

function clean(row: Json): Json {
  return Object.fromEntries(
    Object.entries(row).filter(([, value]) => value !== undefined && value !== false),
  );
}

function mapValues<In, Out>(
  record: Readonly<Record<string, In>>,
  map: (value: In, name: string) => Out,
): Record<string, Out> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value, name)]));
}

/** One line for each operation and each shape, so that a new model reads well as a difference. */
function printTable(table: Json): string {
  const lines = Object.entries(table).map(([name, value]) => {
    const isSection = name === 'operations' || name === 'shapes' || name === 'services';
    if (!isSection) return `${JSON.stringify(name)}: ${JSON.stringify(value)}`;
    const rows = Object.entries(value as Json).map(
      ([row, content]) => `${JSON.stringify(row)}: ${JSON.stringify(content)}`,
    );
    return `${JSON.stringify(name)}: {\n${rows.join(',\n')}\n}`;
  });
  return `{\n${lines.join(',\n')}\n}\n`;
}
