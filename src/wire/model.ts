/**
 * The tables of the AWS APIs in `models/`, made by `scripts/models.ts`, as linked objects: a member holds its shape,
 * not the name of it, so that codecs walk without look-ups. A table is read when its service is first used;
 * `index.json`, which tells services apart on the wire, is read at once.
 */

import { readFileSync } from 'node:fs';
import { assert, present } from '#base/assert.ts';

export type Protocol = 'json' | 'query' | 'rest-json' | 'rest-xml' | 'rpc-cbor';

/** What tells a service apart on the wire. */
export interface ServiceFacts {
  /** The one that is meant when nothing else is said. */
  readonly protocol: Protocol;
  /** Others that the service speaks: clients of different ages do not agree. */
  readonly furtherProtocols: readonly Protocol[];
  /** `1.0` or `1.1`, for the content type of protocol json. */
  readonly jsonVersion?: string;
  readonly apiVersion: string;
  readonly xmlNamespace?: string;
  /** `CodePipeline_20150709`; the first one is the usual one. */
  readonly targetPrefixes: readonly string[];
  readonly signingNames: readonly string[];
  /** Operations that need no signature. */
  readonly unsigned: readonly string[];
  /** Sub-resources in queries of operations that the table does not have: never to be taken for others. */
  readonly foreignQueries: readonly string[];
  /** The code under which violated constraints are answered, where it is not the protocol's own. */
  readonly constraintFault?: string;
  /** A constraint on a member `x` is answered as XRequiredException or InvalidXException where the operation lists it. */
  readonly memberFaults: boolean;
  /** JSON answers also tell the code that an error had in the query protocol, which clients show. */
  readonly isQueryCompatible: boolean;
}

export interface Model extends ServiceFacts {
  /** The IAM prefix, which is also the name of the room: `codepipeline`. */
  readonly service: string;
  readonly targetPrefix: string | undefined;
  readonly signingName: string;
  readonly operations: ReadonlyMap<string, Operation>;
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Error shapes by their names and, where these differ, by the codes that the wire shows. */
  readonly errors: ReadonlyMap<string, StructureShape>;
}

export interface Operation {
  readonly name: string;
  readonly method: string;
  /** Path and static query: `/{Bucket}/{Key+}?uploads`. */
  readonly uri: string;
  readonly status: number;
  readonly input: StructureShape | undefined;
  readonly output: StructureShape | undefined;
  readonly errors: readonly string[];
  readonly unsigned: boolean;
  /** The request must carry a checksum or Content-MD5. */
  readonly checksumRequired: boolean;
}

export type Shape = StructureShape | ListShape | MapShape | ScalarShape;

interface Constraints {
  readonly name: string;
  /** Code points, bytes or entries; for numbers the value. */
  readonly min?: number;
  readonly max?: number;
  /** Values must not be shown in messages or logs. */
  readonly sensitive: boolean;
}

export interface StructureShape extends Constraints {
  readonly type: 'structure';
  readonly members: ReadonlyMap<string, Member>;
  readonly required: ReadonlySet<string>;
  /** The member that is the body, in the REST protocols. */
  readonly payload?: string;
  readonly union: boolean;
  readonly eventStream: boolean;
  /** The namespace that its elements declare: `{ prefix: 'xsi', uri: … }`. */
  readonly xmlNamespace?: { readonly uri: string; readonly prefix?: string };
  /** The root element of an XML answer, where it is not named after the shape. */
  readonly root?: string;
  /** The one member is the text of the root element. */
  readonly unwrapped?: true;
  readonly error?: { readonly status: number; readonly code: string; readonly server: boolean };
}

export interface ListShape extends Constraints {
  readonly type: 'list';
  readonly member: Member;
  readonly flattened: boolean;
}

export interface MapShape extends Constraints {
  readonly type: 'map';
  readonly key: Member;
  readonly value: Member;
  readonly flattened: boolean;
}

export interface ScalarShape extends Constraints {
  readonly type: 'string' | 'integer' | 'long' | 'float' | 'double' | 'boolean' | 'timestamp' | 'blob';
  /** As messages show it. */
  readonly pattern?: string;
  /** An equal pattern that does not explode on hostile values, where the public one does. */
  readonly match?: string;
  readonly enum?: readonly string[];
  readonly timestampFormat?: TimestampFormat;
}

export type TimestampFormat = 'iso8601' | 'rfc822' | 'unixTimestamp';

export interface Member {
  readonly shape: Shape;
  /** Where the REST protocols carry it; absent: in the body. */
  readonly location?: 'uri' | 'querystring' | 'header' | 'headers' | 'statusCode';
  /** Its name there, or in XML and forms. */
  readonly locationName?: string;
  readonly flattened: boolean;
  readonly streaming: boolean;
  readonly xmlAttribute: boolean;
  readonly timestampFormat?: TimestampFormat;
}

const FOLDER = new URL('./models/', import.meta.url);
const index = readIndex();
const loaded = new Map<string, Model>();

/** Names of all services that have a table. */
export function services(): readonly string[] {
  return [...index.keys()];
}

/** What the wire shows of a service, without loading its table. */
export function serviceFacts(service: string): ServiceFacts | undefined {
  return index.get(service);
}

/** The table of a service. Asking for one that has none is a bug: see `services()`. */
export function loadModel(service: string): Model {
  const known = loaded.get(service);
  if (known) return known;
  const facts = present(index.get(service), `the model of ${service}`);
  const model = linkModel(service, facts, readTable(`${service}.json`) as unknown as TableFile);
  loaded.set(service, model);
  return model;
}

/** The body is a stream that goes to the operation as it is. */
export function hasStreamingInput(operation: Operation): boolean {
  const payload = operation.input?.payload;
  return payload !== undefined && operation.input?.members.get(payload)?.streaming === true;
}

/* The files. */

interface TableFile {
  readonly operations: Readonly<Record<string, OperationRow>>;
  readonly shapes: Readonly<Record<string, ShapeRow>>;
}

interface OperationRow {
  readonly http?: readonly [method: string, uri: string, status: number];
  readonly input?: string;
  readonly output?: string;
  readonly errors?: readonly string[];
  readonly unsigned?: true;
  readonly checksumRequired?: true;
}

type MemberRow = string | ({ readonly shape: string } & Partial<Omit<Member, 'shape'>>);

interface ShapeRow {
  readonly type: Shape['type'];
  readonly members?: Readonly<Record<string, MemberRow>>;
  readonly required?: readonly string[];
  readonly member?: MemberRow;
  readonly key?: MemberRow;
  readonly value?: MemberRow;
  readonly error?: { readonly status: number; readonly code?: string; readonly server?: true };
  readonly eventstream?: true;
  readonly [trait: string]: unknown;
}

function readTable(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Record<string, unknown>;
}

function readIndex(): ReadonlyMap<string, ServiceFacts> {
  const rows = readTable('index.json')['services'] as Record<string, Partial<ServiceFacts>>;
  const facts = Object.entries(rows).map(([service, row]): [string, ServiceFacts] => [
    service,
    {
      furtherProtocols: [],
      targetPrefixes: [],
      unsigned: [],
      foreignQueries: [],
      memberFaults: false,
      isQueryCompatible: false,
      ...row,
    } as ServiceFacts,
  ]);
  return new Map(facts);
}

/** Shapes refer to each other in circles: first every shape exists, then each is filled. */
function linkModel(service: string, facts: ServiceFacts, file: TableFile): Model {
  const shapes = new Map<string, Shape>(
    Object.entries(file.shapes).map(([name, row]) => [name, { name, type: row.type } as Shape]),
  );
  const shapeOf = (name: string): Shape => present(shapes.get(name), `shape ${name} of ${service}`);
  for (const [name, row] of Object.entries(file.shapes))
    Object.assign(shapeOf(name), fillShape(name, row, shapeOf));
  const structureOf = (name: string | undefined): StructureShape | undefined => {
    if (name === undefined) return undefined;
    const shape = shapeOf(name);
    assert(shape.type === 'structure', `${name} of ${service} must be a structure`);
    return shape;
  };
  const operations = Object.entries(file.operations).map(([name, row]): [string, Operation] => {
    const [method, uri, status] = row.http ?? ['POST', '/', 200];
    const operation: Operation = {
      name,
      method,
      uri,
      status,
      input: structureOf(row.input),
      output: structureOf(row.output),
      errors: row.errors ?? [],
      unsigned: row.unsigned === true,
      checksumRequired: row.checksumRequired === true,
    };
    return [name, operation];
  });
  return {
    ...facts,
    service,
    targetPrefix: facts.targetPrefixes[0],
    signingName: present(facts.signingNames[0], `signing name of ${service}`),
    operations: new Map(operations),
    shapes,
    errors: errorsOf(shapes),
  };
}

function fillShape(name: string, row: ShapeRow, shapeOf: (name: string) => Shape): object {
  const { type, members, member, key, value, required, error, eventstream, ...traits } = row;
  const linkMember = (memberRow: MemberRow): Member => {
    const linked = typeof memberRow === 'string' ? { shape: memberRow } : memberRow;
    return {
      flattened: false,
      streaming: false,
      xmlAttribute: false,
      ...linked,
      shape: shapeOf(linked.shape),
    };
  };
  const common = { sensitive: false, flattened: false, ...traits };
  if (type === 'list') return { ...common, member: linkMember(present(member, `member of ${name}`)) };
  if (type === 'map') {
    return {
      ...common,
      key: linkMember(present(key, `key of ${name}`)),
      value: linkMember(present(value, `value of ${name}`)),
    };
  }
  if (type !== 'structure') return common;
  return {
    union: false,
    ...common,
    eventStream: eventstream === true,
    required: new Set(required ?? []),
    members: new Map(Object.entries(members ?? {}).map(([each, memberRow]) => [each, linkMember(memberRow)])),
    ...(error && {
      error: { status: error.status, code: error.code ?? name, server: error.server === true },
    }),
  };
}

function errorsOf(shapes: ReadonlyMap<string, Shape>): ReadonlyMap<string, StructureShape> {
  const errors = new Map<string, StructureShape>();
  for (const shape of shapes.values()) {
    if (shape.type !== 'structure' || !shape.error) continue;
    errors.set(shape.name, shape);
    if (!shapes.has(shape.error.code)) errors.set(shape.error.code, shape);
  }
  return errors;
}
