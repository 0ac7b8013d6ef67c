/**
 * A view of a YAML document that keeps line numbers and gives every scalar as its source text. It is bounded: an
 * alias counts as often as it is visited, so a document cannot grow while it is read.
 */

import { isAlias, isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, Node } from 'yaml';

/** Reading takes the time of the server, so this is far above any real file, and not further. */
export const BUILDSPEC_LENGTH_MAX = 256 * 1024;
const VISITS_MAX = 100_000;
const DEPTH_MAX = 50;

/** A fault in the file, with the text that the build's phase context shows. */
export class YamlFault extends Error {
  override readonly name = 'YamlFault';
}

export interface YamlNode {
  readonly line: number;
  readonly kind: 'scalar' | 'list' | 'map';
  /** The text of a scalar; empty for a missing value. */
  readonly text: string;
  readonly items: readonly YamlNode[];
  readonly entries: readonly YamlEntry[];
}

export interface YamlEntry {
  readonly key: string;
  readonly line: number;
  readonly value: YamlNode;
}

export interface YamlFile {
  readonly root: YamlNode;
  readonly warnings: readonly string[];
}

/** Reads one document; throws `YamlFault`. */
export function readYaml(text: string): YamlFile {
  if (text.length > BUILDSPEC_LENGTH_MAX) {
    throw new YamlFault(`the file is larger than ${BUILDSPEC_LENGTH_MAX} characters`);
  }
  const lines = new LineCounter();
  const document = parse(text, lines);
  const problem = document.errors[0];
  if (problem) {
    const line = lines.linePos(problem.pos[0]).line;
    throw new YamlFault(`${firstSentence(problem.message)} at line ${line}`);
  }
  const reader: Reader = { lines, anchors: new Map(), targets: new Map(), visits: 0, warnings: [] };
  return { root: convert(reader, document.contents, 1, 0), warnings: reader.warnings };
}

interface Reader {
  readonly lines: LineCounter;
  /** The newest node of each anchor, in the order of the document. */
  readonly anchors: Map<string, Node>;
  /** What each alias means where it stands; asking the document would search all of it, for each alias again. */
  readonly targets: Map<Node, Node>;
  visits: number;
  readonly warnings: string[];
}

function parse(text: string, lineCounter: LineCounter): Document.Parsed {
  try {
    return parseDocument(text, {
      schema: 'failsafe',
      lineCounter,
      uniqueKeys: false,
      strict: true,
      prettyErrors: false,
      logLevel: 'silent',
    }) as Document.Parsed;
  } catch (error) {
    // The parser is recursive: a file nested a thousand levels deep ends its stack.
    if (error instanceof RangeError)
      throw new YamlFault(`the file is nested more than ${DEPTH_MAX} levels deep`);
    throw error;
  }
}

function convert(reader: Reader, node: unknown, line: number, depth: number): YamlNode {
  if (++reader.visits > VISITS_MAX) throw new YamlFault(`the file has more than ${VISITS_MAX} nodes`);
  if (depth > DEPTH_MAX) throw new YamlFault(`the file is nested more than ${DEPTH_MAX} levels deep`);
  const here = lineOf(reader, node) ?? line;
  if (isAlias(node)) {
    const target = reader.targets.get(node) ?? reader.anchors.get(node.source);
    if (!target) throw new YamlFault(`unknown anchor '${node.source}' referenced at line ${here}`);
    reader.targets.set(node, target);
    return convert(reader, target, here, depth + 1);
  }
  keepAnchor(reader, node);
  if (isScalar(node)) {
    const text = node.value === null || node.value === undefined ? '' : String(node.value);
    return { line: here, kind: 'scalar', text, items: [], entries: [] };
  }
  if (isSeq(node)) {
    const items = node.items.map((item) => convert(reader, item, here, depth + 1));
    return { line: here, kind: 'list', text: '', items, entries: [] };
  }
  if (isMap(node)) return convertMap(reader, node.items, here, depth);
  return { line: here, kind: 'scalar', text: '', items: [], entries: [] };
}

/** A node that is read again, by an alias, is no newer than before. */
function keepAnchor(reader: Reader, node: unknown): void {
  if (!isNode(node) || isAlias(node) || !node.anchor || reader.targets.has(node)) return;
  reader.anchors.set(node.anchor, node);
  reader.targets.set(node, node);
}

function convertMap(reader: Reader, pairs: readonly unknown[], line: number, depth: number): YamlNode {
  const entries = new Map<string, YamlEntry>();
  for (const pair of pairs) {
    if (!isPair(pair)) continue;
    const key = convert(reader, pair.key, line, depth + 1);
    if (key.kind !== 'scalar') throw new YamlFault(`a key must be text at line ${key.line}`);
    if (entries.has(key.text)) reader.warnings.push(`key '${key.text}' is repeated at line ${key.line}`);
    const value = convert(reader, pair.value, key.line, depth + 1);
    entries.set(key.text, { key: key.text, line: key.line, value });
  }
  return { line, kind: 'map', text: '', items: [], entries: [...entries.values()] };
}

function lineOf(reader: Reader, node: unknown): number | undefined {
  const offset = (node as Node | undefined)?.range?.[0];
  return offset === undefined ? undefined : reader.lines.linePos(offset).line;
}

function firstSentence(message: string): string {
  const line = message.split('\n', 1)[0] ?? message;
  return line.replace(/ at line \d+.*$/, '').replace(/[.:]\s*$/, '');
}
