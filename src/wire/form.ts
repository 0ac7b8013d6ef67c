/**
 * Forms of the query protocol into inputs: `Tags.member.1.Key=a` is a path through the shapes. The names are first
 * made a tree, whose size is that of the form: an index is a name there, so a list costs what was sent, whatever
 * its indices say.
 */

import { fault } from '#base/fault.ts';
import type { Fault } from '#base/fault.ts';
import { splitTarget } from './http.ts';
import type { HttpRequest } from './http.ts';
import type { ListShape, MapShape, Member, ScalarShape, StructureShape } from './model.ts';
import { parseQueryString } from './query-string.ts';
import { parseScalar } from './scalar.ts';

const DEPTH_MAX = 32;
const INDEX = /^[1-9]\d{0,8}$/;

interface Node {
  value: string | undefined;
  readonly children: Map<string, Node>;
}

/** The parameters of a request in the query protocol. */
export function formOf(request: HttpRequest, body: Buffer): ReadonlyMap<string, string> {
  const isInBody = request.method === 'POST' || body.length > 0;
  return parseQueryString(isInBody ? body.toString('utf8') : splitTarget(request.target).query);
}

export function readForm(shape: StructureShape, form: ReadonlyMap<string, string>): Record<string, unknown> {
  const root: Node = { value: undefined, children: new Map() };
  for (const [name, value] of form) {
    const parts = name.split('.', DEPTH_MAX + 1);
    if (parts.length > DEPTH_MAX) throw malformed(`A parameter is nested deeper than ${DEPTH_MAX} levels.`);
    nodeAt(root, parts).value = value;
  }
  return readStructure(shape, root);
}

function nodeAt(root: Node, parts: readonly string[]): Node {
  let node = root;
  for (const part of parts) {
    let child = node.children.get(part);
    if (!child) {
      child = { value: undefined, children: new Map() };
      node.children.set(part, child);
    }
    node = child;
  }
  return node;
}

function readStructure(shape: StructureShape, node: Node): Record<string, unknown> {
  const structure: Record<string, unknown> = {};
  for (const [name, member] of shape.members) {
    const child = node.children.get(memberName(name, member));
    if (child) structure[name] = readMember(name, member, child);
  }
  return structure;
}

function readMember(name: string, member: Member, node: Node): unknown {
  const { shape } = member;
  switch (shape.type) {
    case 'structure':
      return readStructure(shape, node);
    case 'list':
      return readList(name, member, shape, node);
    case 'map':
      return readMap(name, member, shape, node);
    default:
      return readScalar(name, shape, node);
  }
}

function readScalar(name: string, shape: ScalarShape, node: Node): unknown {
  if (node.value === undefined) throw malformed(`${name} must be one value.`);
  const value = parseScalar(shape, node.value);
  if (value === undefined) throw malformed(`The value of ${name} is not a valid ${shape.type}.`);
  return value;
}

/** `Names.member.1=a`; an empty list is `Names=`. */
function readList(name: string, member: Member, shape: ListShape, node: Node): unknown[] {
  const items = isFlattened(member) ? node : node.children.get(shape.member.locationName ?? 'member');
  return indexed(items).map((item) => readMember(name, shape.member, item));
}

function readMap(name: string, member: Member, shape: MapShape, node: Node): Record<string, unknown> {
  const map: Record<string, unknown> = Object.create(null);
  for (const entry of indexed(isFlattened(member) ? node : node.children.get('entry'))) {
    const key = entry.children.get(shape.key.locationName ?? 'key');
    const value = entry.children.get(shape.value.locationName ?? 'value');
    if (key?.value === undefined || !value) throw malformed(`An entry of ${name} lacks its key or value.`);
    map[key.value] = readMember(name, shape.value, value);
  }
  return map;
}

/** Items in the order of their numbers; gaps close. */
function indexed(node: Node | undefined): readonly Node[] {
  return [...(node?.children ?? [])]
    .filter(([index]) => INDEX.test(index))
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, item]) => item);
}

function memberName(name: string, member: Member): string {
  const ofItems =
    member.shape.type === 'list' && isFlattened(member) ? member.shape.member.locationName : undefined;
  return ofItems ?? member.locationName ?? name;
}

function isFlattened(member: Member): boolean {
  const { shape } = member;
  return member.flattened || ((shape.type === 'list' || shape.type === 'map') && shape.flattened);
}

function malformed(message: string): Fault {
  return fault('SerializationException', message);
}
