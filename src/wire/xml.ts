/**
 * XML documents into values by the shapes of the table, and values into elements. Documents are checked for size,
 * depth and document types before the parser sees them, so that nothing expands or nests without bound.
 */

import { parseXml, XmlElement, XmlText } from '@rgrove/parse-xml';
import { assert } from '#base/assert.ts';
import { fault } from '#base/fault.ts';
import type { Fault } from '#base/fault.ts';
import type { ListShape, MapShape, Member, ScalarShape, StructureShape } from './model.ts';
import { parseScalar, printScalar } from './scalar.ts';

/** Ten thousand parts of an upload with their checksums stay below all three. */
const BYTES_MAX = 4 * 1024 * 1024;
const ELEMENTS_MAX = 100_000;
const DEPTH_MAX = 64;

/** The structure in a document's root element. The name of the root is not looked at, as AWS does not. */
export function readXmlDocument(shape: StructureShape, body: Uint8Array): Record<string, unknown> {
  return readStructure(shape, parseDocument(body));
}

function parseDocument(body: Uint8Array): XmlElement {
  if (body.length > BYTES_MAX) throw malformed(`more than ${BYTES_MAX} bytes`);
  const text = decodeText(body);
  checkBounds(text);
  try {
    const { root } = parseXml(text);
    if (root) return root;
  } catch (cause) {
    throw malformed('not well-formed', cause);
  }
  throw malformed('no root element');
}

function decodeText(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (cause) {
    throw malformed('not valid UTF-8', cause);
  }
}

/**
 * Counts elements and their depth without a parser: comments, CDATA and instructions are skipped whole, and quoted
 * attribute values inside of tags, so that neither can hide a tag.
 */
function checkBounds(text: string): void {
  let depth = 0;
  let elements = 0;
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at)) {
    if (text.startsWith('<!--', at)) at = endOf(text, '-->', at);
    else if (text.startsWith('<![CDATA[', at)) at = endOf(text, ']]>', at);
    else if (text.startsWith('<?', at)) at = endOf(text, '?>', at);
    else if (text.startsWith('<!', at)) throw malformed('a document type is not allowed');
    else {
      const end = endOfTag(text, at);
      if (text[at + 1] === '/') depth--;
      else if (++elements > ELEMENTS_MAX) throw malformed(`more than ${ELEMENTS_MAX} elements`);
      else if (text[end - 2] !== '/' && ++depth > DEPTH_MAX)
        throw malformed(`deeper than ${DEPTH_MAX} levels`);
      at = end;
    }
  }
}

function endOf(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  if (at < 0) throw malformed('not well-formed');
  return at + mark.length;
}

function endOfTag(text: string, from: number): number {
  let quote = '';
  for (let at = from; at < text.length; at++) {
    const character = text.charAt(at);
    if (quote !== '') quote = character === quote ? '' : quote;
    else if (character === '"' || character === "'") quote = character;
    else if (character === '>') return at + 1;
  }
  throw malformed('not well-formed');
}

function readStructure(shape: StructureShape, element: XmlElement): Record<string, unknown> {
  const children = childrenByName(element);
  const structure: Record<string, unknown> = {};
  for (const [name, member] of shape.members) {
    if (member.location !== undefined) continue;
    if (member.xmlAttribute) {
      const attribute = element.attributes[member.locationName ?? name];
      if (attribute !== undefined) structure[name] = readText(member, attribute);
      continue;
    }
    const found = children.get(elementName(name, member));
    if (found) structure[name] = readMember(member, found);
  }
  return structure;
}

function readMember(member: Member, elements: readonly XmlElement[]): unknown {
  const { shape } = member;
  const [first] = elements;
  assert(first, 'an element was found');
  switch (shape.type) {
    case 'structure':
      return readStructure(shape, first);
    case 'list': {
      const items = isFlattened(member)
        ? elements
        : (childrenByName(first).get(shape.member.locationName ?? 'member') ?? []);
      return items.map((item) => readMember(shape.member, [item]));
    }
    case 'map':
      return readMap(shape, isFlattened(member) ? elements : (childrenByName(first).get('entry') ?? []));
    default:
      return readText(member, textOf(first));
  }
}

function readMap(shape: MapShape, entries: readonly XmlElement[]): Record<string, unknown> {
  const map: Record<string, unknown> = Object.create(null);
  for (const entry of entries) {
    const parts = childrenByName(entry);
    const [key] = parts.get(shape.key.locationName ?? 'key') ?? [];
    const value = parts.get(shape.value.locationName ?? 'value');
    if (!key || !value) throw malformed('an entry of a map lacks its key or value');
    map[textOf(key)] = readMember(shape.value, value);
  }
  return map;
}

function readText(member: Member, text: string): unknown {
  const value = parseScalar(member.shape as ScalarShape, text);
  if (value === undefined) throw malformed(`a value is no ${member.shape.type}`);
  return value;
}

function textOf(element: XmlElement): string {
  return element.children.map((child) => (child instanceof XmlText ? child.text : '')).join('');
}

/** Names without their namespace prefixes. */
function childrenByName(element: XmlElement): ReadonlyMap<string, XmlElement[]> {
  const byName = new Map<string, XmlElement[]>();
  for (const child of element.children) {
    if (!(child instanceof XmlElement)) continue;
    const name = child.name.slice(child.name.indexOf(':') + 1);
    const known = byName.get(name);
    if (known) known.push(child);
    else byName.set(name, [child]);
  }
  return byName;
}

/** The members of a structure as elements, without the structure's own. `only` limits to members of the body. */
export function writeXmlMembers(shape: StructureShape, value: object, out: string[]): void {
  for (const [name, member] of shape.members) {
    const item = (value as Record<string, unknown>)[name];
    if (item === undefined || item === null || member.location !== undefined || member.xmlAttribute) continue;
    writeXmlElement(elementName(name, member), member, item, out);
  }
}

function writeXmlElement(name: string, member: Member, value: unknown, out: string[]): void {
  const { shape } = member;
  switch (shape.type) {
    case 'structure':
      assert(typeof value === 'object' && value !== null, `${shape.name} must be an object`);
      out.push('<', name, attributesOf(shape, value), '>');
      writeXmlMembers(shape, value, out);
      out.push('</', name, '>');
      return;
    case 'list':
      assert(Array.isArray(value), `${shape.name} must be a list`);
      writeList(name, member, shape, value, out);
      return;
    case 'map':
      assert(typeof value === 'object' && value !== null, `${shape.name} must be a map`);
      writeMap(name, member, shape, value, out);
      return;
    default:
      out.push('<', name, '>', escapeXml(printScalar(shape, value, formatOf(member))), '</', name, '>');
  }
}

function writeList(
  name: string,
  member: Member,
  shape: ListShape,
  items: readonly unknown[],
  out: string[],
): void {
  if (isFlattened(member)) {
    for (const item of items) writeXmlElement(name, shape.member, item, out);
    return;
  }
  out.push('<', name, '>');
  for (const item of items) writeXmlElement(shape.member.locationName ?? 'member', shape.member, item, out);
  out.push('</', name, '>');
}

function writeMap(name: string, member: Member, shape: MapShape, map: object, out: string[]): void {
  const entryName = isFlattened(member) ? name : 'entry';
  if (!isFlattened(member)) out.push('<', name, '>');
  for (const [key, item] of Object.entries(map)) {
    if (item === undefined || item === null) continue;
    out.push('<', entryName, '>');
    writeXmlElement(shape.key.locationName ?? 'key', shape.key, key, out);
    writeXmlElement(shape.value.locationName ?? 'value', shape.value, item, out);
    out.push('</', entryName, '>');
  }
  if (!isFlattened(member)) out.push('</', name, '>');
}

function attributesOf(shape: StructureShape, value: object): string {
  let text = '';
  if (shape.xmlNamespace?.prefix) text += ` xmlns:${shape.xmlNamespace.prefix}="${shape.xmlNamespace.uri}"`;
  for (const [name, member] of shape.members) {
    const item = (value as Record<string, unknown>)[name];
    if (!member.xmlAttribute || item === undefined) continue;
    text += ` ${member.locationName ?? name}="${escapeXml(printScalar(member.shape as ScalarShape, item))}"`;
  }
  return text;
}

/** A flattened list has no element of its own; its items carry their own name, or the member's. */
function elementName(name: string, member: Member): string {
  const ofItems =
    member.shape.type === 'list' && isFlattened(member) ? member.shape.member.locationName : undefined;
  return ofItems ?? member.locationName ?? name;
}

function isFlattened(member: Member): boolean {
  const { shape } = member;
  return member.flattened || ((shape.type === 'list' || shape.type === 'map') && shape.flattened);
}

function formatOf(member: Member): 'iso8601' | 'rfc822' | 'unixTimestamp' {
  const ofShape = member.shape.type === 'timestamp' ? member.shape.timestampFormat : undefined;
  return member.timestampFormat ?? ofShape ?? 'iso8601';
}

/** Also control characters, as references, which is what S3 does for keys that contain them. */
const SPECIAL = /[&<>"\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufffe\uffff]/g;
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export function escapeXml(text: string): string {
  return text.replace(
    SPECIAL,
    (character) => ENTITIES[character] ?? `&#x${character.charCodeAt(0).toString(16)};`,
  );
}

function malformed(reason: string, cause?: unknown): Fault {
  const message = 'The XML you provided was not well-formed or did not validate against our published schema';
  return fault('SerializationException', `${message}: ${reason}.`, { cause });
}
