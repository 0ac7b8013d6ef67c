/** Reading a YAML tree with faults that know their line. Shared by the parts of the AppSpec grammar. */

import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Document,
  type LineCounter,
  type Node,
  type YAMLMap,
} from 'yaml';
import type { AppSpecFault } from './app-spec.ts';

export interface Reader {
  fault(at: Node | undefined, message: string): void;
  /** The node of a member's value, or of the map when it has no such member; where a fault points to. */
  pair(map: YAMLMap, name: string): Node;
  /** Absent and null are an empty list. */
  list(map: YAMLMap, name: string): readonly Node[];
  map(node: Node, what: string): YAMLMap | undefined;
  /** A scalar as text; absent and null are `undefined`. */
  text(map: YAMLMap, name: string): string | undefined;
  requiredText(map: YAMLMap, name: string, what: string): string | undefined;
}

export function createReader(document: Document.Parsed, lines: LineCounter, faults: AppSpecFault[]): Reader {
  const resolved = (node: Node): Node => (isAlias(node) ? (node.resolve(document) ?? node) : node);
  const fault = (at: Node | undefined, message: string) => {
    const offset = at?.range?.[0];
    faults.push(offset === undefined ? { message } : { message, line: lines.linePos(offset).line });
  };
  const member = (map: YAMLMap, name: string): Node | undefined => {
    const node = map.get(name, true);
    return isNode(node) ? resolved(node) : undefined;
  };
  const pair = (map: YAMLMap, name: string): Node => member(map, name) ?? map;

  function list(map: YAMLMap, name: string): readonly Node[] {
    const node = member(map, name);
    if (node === undefined || (isScalar(node) && node.value === null)) return [];
    if (isSeq(node)) return node.items.filter(isNode).map(resolved);
    fault(node, `"${name}" must be a list.`);
    return [];
  }

  function asMap(node: Node, what: string): YAMLMap | undefined {
    const target = resolved(node);
    if (isMap(target)) return target;
    fault(node, `${what} must be a mapping.`);
    return undefined;
  }

  function text(map: YAMLMap, name: string): string | undefined {
    const node = member(map, name);
    if (node === undefined || (isScalar(node) && node.value === null)) return undefined;
    if (isScalar(node)) return String(node.value);
    fault(node, `"${name}" must be a single value.`);
    return undefined;
  }

  function requiredText(map: YAMLMap, name: string, what: string): string | undefined {
    const value = text(map, name);
    if (value !== undefined && value.trim() !== '') return value;
    fault(pair(map, name), `${what} needs "${name}".`);
    return undefined;
  }

  return { fault, pair, list, map: asMap, text, requiredText };
}
