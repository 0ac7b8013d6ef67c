/**
 * The protocol rpc-v2-CBOR: bodies into inputs, outputs and faults into bodies, by the shapes of the table. The rules
 * are those of `json.ts`: types are checked, unknown members are ignored, null is absent. Smithy: "RPC v2 CBOR".
 */

import { assert } from '#base/assert.ts';
import { fault } from '#base/fault.ts';
import type { Fault } from '#base/fault.ts';
import {
  bytesOfCbor,
  createCborWriter,
  isTagged,
  parseCbor,
  writeBlob,
  writeBoolean,
  writeDate,
  writeDouble,
  writeInteger,
  writeListHead,
  writeMapHead,
  writeText,
  type CborWriter,
} from './cbor.ts';
import type { Member, ScalarShape, Shape, StructureShape } from './model.ts';
import { parseTimestamp } from './timestamp.ts';

const INTEGER_MAX = 2 ** 31;
const EPOCH_TAG = 1;

/** An absent body is an empty input. */
export function readCborBody(shape: StructureShape | undefined, body: Uint8Array): Record<string, unknown> {
  if (body.length === 0) return {};
  const parsed = parseCbor(body);
  if (!(parsed instanceof Map)) throw malformed('The body must be a map.');
  return shape ? readStructure(shape, parsed) : {};
}

export function writeCborBody(shape: StructureShape | undefined, output: object): Buffer {
  const writer = createCborWriter();
  if (shape) writeStructure(writer, shape, output);
  else writeMapHead(writer, 0);
  return bytesOfCbor(writer);
}

/** `code` is the name of the error shape; its other members come from the fault. */
export function writeCborFault(shape: StructureShape | undefined, code: string, answer: Fault): Buffer {
  const writer = createCborWriter();
  const messageName = shape?.members.has('Message') ? 'Message' : 'message';
  const members = shape ? presentMembers(shape, answer.members) : [];
  const others = members.filter(([name]) => name !== messageName);
  writeMapHead(writer, others.length + 2);
  writeText(writer, '__type');
  writeText(writer, code);
  writeText(writer, messageName);
  writeText(writer, answer.message);
  writeMembers(writer, others);
  return bytesOfCbor(writer);
}

function readStructure(shape: StructureShape, map: Map<unknown, unknown>): Record<string, unknown> {
  const structure: Record<string, unknown> = {};
  for (const [name, member] of shape.members) {
    const item = map.get(name);
    if (item !== undefined && item !== null) structure[name] = readValue(member, item);
  }
  return structure;
}

function readValue(member: Member, value: unknown): unknown {
  const { shape } = member;
  switch (shape.type) {
    case 'structure':
      if (!(value instanceof Map)) throw unexpected(shape);
      return readStructure(shape, value);
    case 'list':
      if (!Array.isArray(value)) throw unexpected(shape);
      return value.filter((item) => item !== null).map((item) => readValue(shape.member, item));
    case 'map': {
      if (!(value instanceof Map)) throw unexpected(shape);
      const map: Record<string, unknown> = Object.create(null);
      for (const [key, item] of value) {
        if (typeof key !== 'string') throw unexpected(shape);
        if (item !== null) map[key] = readValue(shape.value, item);
      }
      return map;
    }
    default: {
      const read = readScalar(shape, value);
      if (read === undefined) throw unexpected(shape);
      return read;
    }
  }
}

/** `undefined` for what is no value of the shape. */
function readScalar(shape: ScalarShape, value: unknown): unknown {
  switch (shape.type) {
    case 'string':
      return typeof value === 'string' ? value : undefined;
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined;
    case 'integer':
      return Number.isInteger(value) && Math.abs(value as number) <= INTEGER_MAX ? value : undefined;
    case 'long':
      return Number.isInteger(value) ? value : undefined;
    case 'float':
    case 'double':
      return typeof value === 'number' ? value : undefined;
    case 'timestamp': {
      const isEpoch = isTagged(value) && value.tag === EPOCH_TAG && typeof value.value === 'number';
      return isEpoch ? parseTimestamp(value.value as number) : undefined;
    }
    case 'blob':
      return value instanceof Uint8Array ? value : undefined;
  }
}

function presentMembers(shape: StructureShape, value: object): readonly [string, Member, unknown][] {
  const present: [string, Member, unknown][] = [];
  for (const [name, member] of shape.members) {
    const item = (value as Record<string, unknown>)[name];
    if (item !== undefined && item !== null) present.push([name, member, item]);
  }
  return present;
}

function writeStructure(writer: CborWriter, shape: StructureShape, value: object): void {
  const members = presentMembers(shape, value);
  writeMapHead(writer, members.length);
  writeMembers(writer, members);
}

function writeMembers(writer: CborWriter, members: readonly [string, Member, unknown][]): void {
  for (const [name, member, item] of members) {
    writeText(writer, name);
    writeValue(writer, member, item);
  }
}

function writeValue(writer: CborWriter, member: Member, value: unknown): void {
  const { shape } = member;
  switch (shape.type) {
    case 'structure':
      assert(typeof value === 'object' && value !== null, `${shape.name} must be an object`);
      return writeStructure(writer, shape, value);
    case 'list':
      assert(Array.isArray(value), `${shape.name} must be a list`);
      writeListHead(writer, value.length);
      for (const item of value) writeValue(writer, shape.member, item);
      return;
    case 'map': {
      assert(typeof value === 'object' && value !== null, `${shape.name} must be a map`);
      const entries = Object.entries(value).filter(([, item]) => item !== undefined && item !== null);
      writeMapHead(writer, entries.length);
      for (const [key, item] of entries) {
        writeText(writer, key);
        writeValue(writer, shape.value, item);
      }
      return;
    }
    default:
      return writeScalar(writer, shape, value);
  }
}

function writeScalar(writer: CborWriter, shape: ScalarShape, value: unknown): void {
  switch (shape.type) {
    case 'string':
      assert(typeof value === 'string', `${shape.name} must be a string`);
      return writeText(writer, value);
    case 'boolean':
      assert(typeof value === 'boolean', `${shape.name} must be a boolean`);
      return writeBoolean(writer, value);
    case 'integer':
    case 'long':
      assert(Number.isInteger(value), `${shape.name} must be an integer`);
      return writeInteger(writer, value as number);
    case 'float':
    case 'double':
      assert(typeof value === 'number', `${shape.name} must be a number`);
      return writeDouble(writer, value);
    case 'timestamp':
      assert(value instanceof Date, `${shape.name} must be a Date`);
      return writeDate(writer, value);
    case 'blob':
      assert(value instanceof Uint8Array, `${shape.name} must be bytes`);
      return writeBlob(writer, value);
  }
}

function unexpected(shape: Shape): Fault {
  return malformed(`A value is no ${shape.type}, as ${shape.name} must be.`);
}

function malformed(message: string): Fault {
  return fault('SerializationException', message);
}
