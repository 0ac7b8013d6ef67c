/** Values for the shapes of our tables, drawn with fast-check, such as the official clients can carry. */

import fc from 'fast-check';
import type { GeneratorValue } from 'fast-check';
import type { Member, Protocol, ScalarShape, StructureShape } from '#wire/model.ts';

/** What a protocol cannot carry, whoever speaks it. */
export interface Carrier {
  readonly protocol: Protocol;
  /** Members that the clients themselves compute or change. */
  readonly skips: (member: string) => boolean;
  /** It cuts milliseconds off. */
  readonly hasWholeSeconds?: boolean;
}

const DEPTH_MAX = 5;
const text = fc.string({
  unit: fc.constantFrom(...'abzAZ09 .-_/:@&<>"\'%+=#\u00e9\u4e16\u{1f6a2}'),
  maxLength: 12,
});
const jsonText = fc.string({ unit: 'binary', maxLength: 8 }).map((value) => value.toWellFormed());
const headerText = fc
  .string({ unit: fc.constantFrom(...'abcXYZ019-_/:@&<>"\'%+=#'), minLength: 1, maxLength: 12 })
  .filter((value) => value.trim() === value);
const milliseconds = fc.integer({ min: 0, max: 4_000_000_000_000 });

export function drawStructure(
  g: GeneratorValue,
  carrier: Carrier,
  shape: StructureShape,
  depth = 0,
): Record<string, unknown> {
  const structure: Record<string, unknown> = {};
  const members = [...shape.members].filter(([name]) => !carrier.skips(name));
  if (shape.union) {
    const [name, member] = members[g(fc.nat, { max: members.length - 1 })] ?? [];
    if (name !== undefined && member) structure[name] = drawMember(g, carrier, member, depth);
    return structure;
  }
  for (const [name, member] of members) {
    const isWanted =
      shape.required.has(name) || name === shape.payload || (depth < DEPTH_MAX && g(fc.boolean));
    if (isWanted && !isEndless(member, depth)) structure[name] = drawMember(g, carrier, member, depth);
    // An empty payload is none.
    if (name === shape.payload && structure[name] === '') structure[name] = '{}';
  }
  // A form has no way to say that a structure is there and empty.
  const [first] = members;
  if (!isRoomy(carrier) && depth > 0 && Object.keys(structure).length === 0 && first) {
    structure[first[0]] = drawMember(g, carrier, first[1], depth);
  }
  return structure;
}

/** Can tell empty from absent, and carry any text. */
function isRoomy({ protocol }: Carrier): boolean {
  return protocol === 'json' || protocol === 'rpc-cbor';
}

function isEndless(member: Member, depth: number): boolean {
  return depth > DEPTH_MAX + 4 && member.shape.type !== 'string';
}

function drawMember(g: GeneratorValue, carrier: Carrier, member: Member, depth: number): unknown {
  const { shape } = member;
  const isBound = member.location !== undefined;
  switch (shape.type) {
    case 'structure':
      return drawStructure(g, carrier, shape, depth + 1);
    case 'list': {
      const least = isRoomy(carrier) ? 0 : 1;
      const length = g(fc.integer, { min: least, max: depth > 2 ? 1 : 3 });
      const item: Member = isBound ? { ...shape.member, location: 'header' } : shape.member;
      return Array.from({ length }, () => drawMember(g, carrier, item, depth + 1));
    }
    case 'map': {
      const least = isRoomy(carrier) ? 0 : 1;
      const length = g(fc.integer, { min: least, max: 2 });
      const entries = Array.from({ length }, (_, index): [string, unknown] => {
        const key =
          isBound || keyIsEnum(shape.key) ? drawKey(g, shape.key, index) : `k${index}${g(() => text)}`;
        return [key, isBound ? g(() => headerText) : drawMember(g, carrier, shape.value, depth + 1)];
      });
      return Object.fromEntries(entries);
    }
    default:
      return drawScalar(g, carrier, shape, member);
  }
}

function keyIsEnum(key: Member): boolean {
  return key.shape.type === 'string' && key.shape.enum !== undefined;
}

function drawKey(g: GeneratorValue, key: Member, index: number): string {
  if (key.shape.type === 'string' && key.shape.enum)
    return key.shape.enum[index % key.shape.enum.length] ?? '';
  return `k${index}${g(fc.integer, { min: 0, max: 99 })}`;
}

function drawScalar(g: GeneratorValue, carrier: Carrier, shape: ScalarShape, member: Member): unknown {
  switch (shape.type) {
    case 'string':
      if (shape.enum) return g(fc.constantFrom, ...shape.enum);
      if (member.location === 'uri') return `${g(() => headerText)}${g(() => text)}x`;
      if (member.location !== undefined || member.xmlAttribute) return g(() => headerText);
      return isRoomy(carrier) ? g(() => jsonText) : g(() => text);
    case 'boolean':
      return g(fc.boolean);
    case 'integer':
      return g(fc.integer);
    case 'long':
      return g(fc.maxSafeInteger);
    case 'float':
    case 'double':
      return g(fc.double, { noNaN: true, noDefaultInfinity: true }) + 0;
    case 'timestamp': {
      const inSeconds =
        carrier.hasWholeSeconds ||
        shape.timestampFormat === 'rfc822' ||
        (member.location === 'header' && !shape.timestampFormat);
      const at = g(() => milliseconds);
      return new Date(inSeconds ? at - (at % 1000) : at);
    }
    case 'blob':
      return g(fc.uint8Array, { minLength: 1, maxLength: 12 });
  }
}

/** One canonical form for comparing: dates and bytes as texts, absent members left out, no prototypes. */
export function canonical(value: unknown): unknown {
  if (value instanceof Date) return `date ${value.getTime()}`;
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined && item !== null);
  return Object.fromEntries(entries.map(([name, item]) => [name, canonical(item)]));
}
