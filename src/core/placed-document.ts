/**
 * A JSON or YAML text as plain data that knows where everything in it stands. What is wrong with the text itself is
 * said with its place, and as much as can be read is read. Bounded: an alias counts as often as it is visited.
 */

import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, Node } from 'yaml';

export interface PlacedDocument {
  /** `undefined` if nothing could be read. */
  readonly value: unknown;
  readonly faults: readonly TextFault[];
  /** Of what a path leads to; of the innermost thing around it if it does not exist. */
  placeOf(path: Path): Place;
}

export interface TextFault {
  readonly message: string;
  readonly place: Place;
}

export type Path = readonly (string | number)[];

/** Both begin with 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

const LENGTH_MAX = 5_000_000;
const VISITS_MAX = 200_000;
const DEPTH_MAX = 100;
const START: Place = { line: 1, column: 1 };

/** Where a value and, in a map, its key begin. */
interface Mark {
  readonly key?: Place;
  readonly value: Place;
  readonly children?: ReadonlyMap<string | number, Mark>;
}

interface Reader {
  readonly lines: LineCounter;
  readonly document: Document.Parsed;
  visits: number;
}

class Unreadable extends Error {
  override readonly name = 'Unreadable';
}

export function readPlaced(text: string): PlacedDocument {
  if (text.length > LENGTH_MAX) return unreadable(`The text is longer than ${LENGTH_MAX} characters`);
  try {
    return read(text);
  } catch (error) {
    // The parser is recursive: a text nested thousands of levels deep ends its stack.
    if (error instanceof RangeError)
      return unreadable(`The text is nested more than ${DEPTH_MAX} levels deep`);
    if (error instanceof Unreadable) return unreadable(error.message);
    throw error;
  }
}

function read(text: string): PlacedDocument {
  const lines = new LineCounter();
  const options = { lineCounter: lines, prettyErrors: false, logLevel: 'silent' } as const;
  const document = parseDocument(text, options) as Document.Parsed;
  const reader: Reader = { lines, document, visits: 0 };
  const faults = [
    ...jsonFaults(text),
    ...document.errors.map((error) => ({
      message: firstLine(error.message),
      place: placeAt(lines, error.pos[0]),
    })),
  ];
  const { value, mark } = convert(reader, document.contents, START, 0);
  return { value, faults: faults.slice(0, 1), placeOf: (path) => find(mark, path) };
}

function unreadable(message: string): PlacedDocument {
  return { value: undefined, faults: [{ message, place: START }], placeOf: () => START };
}

/** Every JSON text is YAML, but not every text that looks like JSON is. */
function jsonFaults(text: string): readonly TextFault[] {
  if (!/^\s*[{[]/.test(text)) return [];
  try {
    JSON.parse(text);
    return [];
  } catch (error) {
    const message = (error as SyntaxError).message;
    const [, position] = /at position (\d+)/.exec(message) ?? [];
    const before = text.slice(0, position === undefined ? text.trimEnd().length : Number(position));
    const place = { line: before.split('\n').length, column: before.length - before.lastIndexOf('\n') };
    return [
      { message: `This is not JSON: ${message.replace(/ (in JSON )?at position \d+.*$/s, '')}`, place },
    ];
  }
}

function convert(
  reader: Reader,
  node: unknown,
  around: Place,
  depth: number,
): { readonly value: unknown; readonly mark: Mark } {
  if (++reader.visits > VISITS_MAX) throw new Unreadable(`The text has more than ${VISITS_MAX} values`);
  if (depth > DEPTH_MAX) throw new Unreadable(`The text is nested more than ${DEPTH_MAX} levels deep`);
  const here = placeOfNode(reader, node) ?? around;
  if (isAlias(node)) {
    const target = node.resolve(reader.document);
    const { value, mark } = convert(reader, target, here, depth + 1);
    return { value, mark: { ...mark, value: here } };
  }
  if (isSeq(node)) {
    const items = node.items.map((item) => convert(reader, item, here, depth + 1));
    const children = new Map(items.map(({ mark }, index) => [index, mark]));
    return { value: items.map(({ value }) => value), mark: { value: here, children } };
  }
  if (isMap(node)) {
    const entries: [string, unknown][] = [];
    const children = new Map<string | number, Mark>();
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : '';
      const keyPlace = placeOfNode(reader, pair.key) ?? here;
      const { value, mark } = convert(reader, pair.value, keyPlace, depth + 1);
      entries.push([key, value]);
      children.set(key, { ...mark, key: keyPlace });
    }
    return { value: Object.fromEntries(entries), mark: { value: here, children } };
  }
  return { value: isScalar(node) ? node.value : undefined, mark: { value: here } };
}

function find(root: Mark, path: Path): Place {
  let mark = root;
  for (const step of path) {
    const next = mark.children?.get(step);
    if (!next) break;
    mark = next;
  }
  // A text is pointed at itself, everything larger at the name before it.
  return mark.children ? (mark.key ?? mark.value) : mark.value;
}

function placeOfNode({ lines }: Reader, node: unknown): Place | undefined {
  const offset = isNode(node) ? (node as Node).range?.[0] : undefined;
  return offset === undefined ? undefined : placeAt(lines, offset);
}

function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

function firstLine(message: string): string {
  return (message.split('\n', 1)[0] ?? message).replace(/[.:]\s*$/, '');
}
