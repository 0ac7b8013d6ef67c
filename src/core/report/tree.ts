/** An XML document as plain data, whoever parsed it, and ways to walk it that need no recursion. */

import { MESSAGE_LENGTH_MAX, NAME_LENGTH_MAX, ReportUnreadable } from './report.ts';

export interface XmlNode {
  /** Without its prefix. */
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlNode[];
  /** The text directly inside. */
  readonly text: string;
}

export function childOf(node: XmlNode | undefined, name: string): XmlNode | undefined {
  return node?.children.find((child) => child.name === name);
}

export function childrenOf(node: XmlNode | undefined, name: string): readonly XmlNode[] {
  return node?.children.filter((child) => child.name === name) ?? [];
}

/** Every element of this name below `node`, in the order of the document. */
export function allOf(node: XmlNode, name: string): XmlNode[] {
  const found: XmlNode[] = [];
  const open: XmlNode[] = [node];
  for (let next = open.pop(); next; next = open.pop()) {
    if (next.name === name) found.push(next);
    for (let i = next.children.length - 1; i >= 0; i--) open.push(next.children[i] as XmlNode);
  }
  return found;
}

/** The elements of this name with those that they stand in, the outermost first. */
export function allWithParents(node: XmlNode, name: string): (readonly [XmlNode, readonly XmlNode[]])[] {
  const found: (readonly [XmlNode, readonly XmlNode[]])[] = [];
  const open: (readonly [XmlNode, readonly XmlNode[]])[] = [[node, []]];
  for (let next = open.pop(); next; next = open.pop()) {
    const [element, parents] = next;
    if (element.name === name) found.push(next);
    if (element.children.length === 0) continue;
    const inner = [...parents, element];
    for (let i = element.children.length - 1; i >= 0; i--) open.push([element.children[i] as XmlNode, inner]);
  }
  return found;
}

export function requireRoot(node: XmlNode, ...names: readonly string[]): XmlNode {
  if (names.includes(node.name)) return node;
  throw new ReportUnreadable(`the root element is ${node.name.slice(0, 100)}, not ${names.join(' or ')}`);
}

export function attribute(node: XmlNode | undefined, name: string): string {
  return node?.attributes[name] ?? '';
}

/** A whole number that is not negative; 0 for anything else. */
export function countOf(node: XmlNode, name: string): number {
  const value = Number(attribute(node, name));
  return Number.isSafeInteger(value) && value > 0 ? value : 0;
}

/** Seconds, with or without thousands separators, in nanoseconds. */
export function secondsToNanoseconds(text: string): number {
  return nanoseconds(Number(text.replaceAll(',', '')) * 1e9);
}

/** What no clock could have measured counts as nothing. */
export function nanoseconds(value: number): number {
  return Number.isFinite(value) && value > 0 ? Math.min(Math.round(value), Number.MAX_SAFE_INTEGER) : 0;
}

export function cutName(text: string): string {
  return text.slice(0, NAME_LENGTH_MAX);
}

/** Parts that are not empty, one below the other. */
export function messageOf(...parts: readonly (string | undefined)[]): string {
  return parts
    .map((part) => part?.trim() ?? '')
    .filter((part) => part !== '')
    .join('\n')
    .slice(0, MESSAGE_LENGTH_MAX);
}
