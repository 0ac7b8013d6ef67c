/**
 * The JSON protocols: request bodies into inputs, outputs into bodies, by the shapes of the table. Types are checked,
 * as AWS's own front end checks them (SerializationException); unknown members are ignored; null is absent.
 * Constraints are the business of `validate.ts`.
 */

import { assert } from '#base/assert.ts';
import { fault } from '#base/fault.ts';
import type { Fault } from '#base/fault.ts';
import type { Member, ScalarShape, Shape, StructureShape } from './model.ts';
import { parseBase64 } from './scalar.ts';
import { formatTimestamp, parseTimestamp } from './timestamp.ts';

/** Deeper bodies are refused before they are parsed. The deepest real input of AWS is far below. */
const DEPTH_MAX = 100;
const INTEGER_MAX = 2 ** 31 - 1;

/** How a member is called in JSON: by its own name, or, in the REST protocol, by the name that the table gives it. */
export type JsonNames = (name: string, member: Member) => string;

export const ownNames: JsonNames = (name) => name;

/** An absent body is an empty input. */
export function readJsonBody(
  shape: StructureShape | undefined,
  body: Uint8Array,
  names: JsonNames = ownNames,
): Record<string, unknown> {
  if (body.length === 0) return {};
  const parsed = parseJson(body);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw malformed('The body must be a JSON object.');
  }
  return shape ? readStructure(shape, parsed, names) : {};
}

export function writeJsonBody(
  shape: StructureShape | undefined,
  output: object,
  names: JsonNames = ownNames,
): Buffer {
  return Buffer.from(JSON.stringify(shape ? writeStructure(shape, output, names) : {}));
}

/** Members of an error shape as JSON values; members that the shape does not have are left out. */
export function writeJsonMembers(
  shape: StructureShape,
  members: object,
  names: JsonNames = ownNames,
): Record<string, unknown> {
  return writeStructure(shape, members, names);
}

function parseJson(body: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (cause) {
    throw malformed('The body is not valid UTF-8.', cause);
  }
  if (depthOf(text) > DEPTH_MAX) throw malformed(`The body is nested deeper than ${DEPTH_MAX} levels.`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed('The body is not valid JSON.', cause);
  }
}

/** How deep brackets nest outside of strings; enough to refuse without parsing. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let isString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (isString) {
      if (code === 0x5c) i++;
      else if (code === 0x22) isString = false;
    } else if (code === 0x22) isString = true;
    else if (code === 0x7b || code === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (code === 0x7d || code === 0x5d) depth--;
  }
  return deepest;
}

function readStructure(shape: StructureShape, value: object, names: JsonNames): Record<string, unknown> {
  const structure: Record<string, unknown> = {};
  for (const [name, member] of shape.members) {
    const key = names(name, member);
    if (!Object.hasOwn(value, key)) continue;
    const item = (value as Record<string, unknown>)[key];
    if (item !== null) structure[name] = readValue(member, item, names);
  }
  return structure;
}

function readValue(member: Member, value: unknown, names: JsonNames): unknown {
  const { shape } = member;
  switch (shape.type) {
    case 'structure':
      if (!isObject(value)) throw unexpected(value, shape);
      return readStructure(shape, value, names);
    case 'list':
      if (!Array.isArray(value)) throw unexpected(value, shape);
      return value.filter((item) => item !== null).map((item) => readValue(shape.member, item, names));
    case 'map': {
      if (!isObject(value)) throw unexpected(value, shape);
      const map: Record<string, unknown> = Object.create(null);
      for (const [key, item] of Object.entries(value)) {
        if (item !== null) map[key] = readValue(shape.value, item, names);
      }
      return map;
    }
    default:
      return readScalar(shape, value);
  }
}

function readScalar(shape: ScalarShape, value: unknown): unknown {
  switch (shape.type) {
    case 'string':
      if (typeof value !== 'string') throw unexpected(value, shape);
      return value;
    case 'boolean':
      if (typeof value !== 'boolean') throw unexpected(value, shape);
      return value;
    case 'integer':
      if (!Number.isInteger(value) || Math.abs(value as number) > INTEGER_MAX + 1)
        throw unexpected(value, shape);
      return value;
    case 'long':
      if (!Number.isInteger(value)) throw unexpected(value, shape);
      return value;
    case 'float':
    case 'double':
      if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
      if (typeof value !== 'number') throw unexpected(value, shape);
      return value;
    case 'timestamp': {
      const date = typeof value === 'number' ? parseTimestamp(value) : undefined;
      if (!date) throw unexpected(value, shape);
      return date;
    }
    case 'blob': {
      const bytes = typeof value === 'string' ? parseBase64(value) : undefined;
      if (!bytes) throw unexpected(value, shape);
      return bytes;
    }
  }
}

function writeStructure(shape: StructureShape, value: object, names: JsonNames): Record<string, unknown> {
  const structure: Record<string, unknown> = {};
  for (const [name, member] of shape.members) {
    const item = (value as Record<string, unknown>)[name];
    if (item !== undefined && item !== null) structure[names(name, member)] = writeValue(member, item, names);
  }
  return structure;
}

function writeValue(member: Member, value: unknown, names: JsonNames): unknown {
  const { shape } = member;
  switch (shape.type) {
    case 'structure':
      assert(isObject(value), `${shape.name} must be an object`);
      assert(!shape.eventStream, 'event streams are not written here');
      return writeStructure(shape, value, names);
    case 'list':
      assert(Array.isArray(value), `${shape.name} must be a list`);
      return value.map((item) => writeValue(shape.member, item, names));
    case 'map': {
      assert(isObject(value), `${shape.name} must be a map`);
      const map: Record<string, unknown> = Object.create(null);
      for (const [key, item] of Object.entries(value)) {
        if (item !== undefined && item !== null) map[key] = writeValue(shape.value, item, names);
      }
      return map;
    }
    case 'timestamp': {
      assert(value instanceof Date, `${shape.name} must be a Date`);
      const format = member.timestampFormat ?? shape.timestampFormat ?? 'unixTimestamp';
      return format === 'unixTimestamp' ? value.getTime() / 1000 : formatTimestamp(value, format);
    }
    case 'blob':
      assert(value instanceof Uint8Array, `${shape.name} must be bytes`);
      return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
    case 'float':
    case 'double':
      assert(typeof value === 'number', `${shape.name} must be a number`);
      return Number.isFinite(value) ? value : String(value);
    case 'integer':
    case 'long':
      assert(Number.isInteger(value), `${shape.name} must be an integer`);
      return value;
    case 'boolean':
      assert(typeof value === 'boolean', `${shape.name} must be a boolean`);
      return value;
    case 'string':
      assert(typeof value === 'string', `${shape.name} must be a string`);
      return value;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const TYPE_NAMES: Readonly<Record<Shape['type'], string>> = {
  structure: 'structure',
  list: 'list',
  map: 'map',
  string: 'String',
  integer: 'Integer',
  long: 'Long',
  float: 'Float',
  double: 'Double',
  boolean: 'Boolean',
  timestamp: 'Timestamp',
  blob: 'Blob',
};

/** In the words of AWS's JSON front end, which names tokens and types but never shows the value. */
function unexpected(value: unknown, shape: Shape): Fault {
  if (Array.isArray(value)) return malformed('Start of list found where not expected');
  if (isObject(value)) return malformed('Start of structure or map found where not expected.');
  const token = typeof value === 'boolean' ? `${String(value).toUpperCase()}_VALUE` : tokenOf(value);
  return malformed(`${token} cannot be converted to ${TYPE_NAMES[shape.type]}`);
}

function tokenOf(value: unknown): string {
  if (typeof value !== 'number') return 'STRING_VALUE';
  return Number.isInteger(value) ? 'NUMBER_VALUE' : 'DECIMAL_VALUE';
}

function malformed(message: string, cause?: unknown): Fault {
  return fault('SerializationException', message, { cause });
}
