/**
 * JSON with the place of every value, so that a fault in an event pattern can say where it is. Strict, except that a
 * member written twice counts as its last writing, as EventBridge has it. Depth is bounded.
 */

export type Located = {
  /** Offset of the value's first character. */
  readonly at: number;
} & (
  | { readonly type: 'object'; readonly members: ReadonlyMap<string, Located> }
  | { readonly type: 'array'; readonly items: readonly Located[] }
  | { readonly type: 'scalar'; readonly value: string | number | boolean | null }
);

export type ParsedJson = { readonly json: Located } | { readonly error: string; readonly at: number };

export const JSON_DEPTH_MAX = 100;

interface Reader {
  readonly text: string;
  at: number;
}

/** Ends the reading of a text that is not JSON; never leaves this file. */
class Misread extends Error {
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

export function parseLocatedJson(text: string): ParsedJson {
  const reader: Reader = { text, at: 0 };
  try {
    const json = readValue(reader, 0);
    skipSpace(reader);
    if (reader.at < text.length) throw new Misread('Unexpected text after the JSON value', reader.at);
    return { json };
  } catch (error) {
    if (error instanceof Misread) return { error: error.message, at: error.at };
    throw error;
  }
}

/** `line 1, column 12` */
export function placeOf(text: string, at: number): string {
  const lines = text.slice(0, at).split('\n');
  return `line ${lines.length}, column ${(lines.at(-1) ?? '').length + 1}`;
}

function readValue(reader: Reader, depth: number): Located {
  if (depth > JSON_DEPTH_MAX) throw new Misread('Nested too deeply', reader.at);
  skipSpace(reader);
  const at = reader.at;
  switch (reader.text[at]) {
    case '{':
      return { at, type: 'object', members: readMembers(reader, depth) };
    case '[':
      return { at, type: 'array', items: readItems(reader, depth) };
    case '"':
      return { at, type: 'scalar', value: readString(reader) };
    default:
      return { at, type: 'scalar', value: readWord(reader) };
  }
}

function readMembers(reader: Reader, depth: number): ReadonlyMap<string, Located> {
  const members = new Map<string, Located>();
  reader.at++;
  if (accept(reader, '}')) return members;
  for (;;) {
    skipSpace(reader);
    if (reader.text[reader.at] !== '"') throw new Misread('Expected a field name', reader.at);
    const name = readString(reader);
    if (!accept(reader, ':')) throw new Misread("Expected ':'", reader.at);
    members.set(name, readValue(reader, depth + 1));
    if (accept(reader, '}')) return members;
    if (!accept(reader, ',')) throw new Misread("Expected ',' or '}'", reader.at);
  }
}

function readItems(reader: Reader, depth: number): readonly Located[] {
  const items: Located[] = [];
  reader.at++;
  if (accept(reader, ']')) return items;
  for (;;) {
    items.push(readValue(reader, depth + 1));
    if (accept(reader, ']')) return items;
    if (!accept(reader, ',')) throw new Misread("Expected ',' or ']'", reader.at);
  }
}

const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORD = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y;

function readString(reader: Reader): string {
  return JSON.parse(readMatch(reader, STRING, 'This string is not valid JSON')) as string;
}

function readWord(reader: Reader): number | boolean | null {
  return JSON.parse(readMatch(reader, WORD, 'Expected a JSON value')) as number | boolean | null;
}

function readMatch(reader: Reader, expression: RegExp, otherwise: string): string {
  expression.lastIndex = reader.at;
  const match = expression.exec(reader.text);
  if (!match) throw new Misread(otherwise, reader.at);
  reader.at = expression.lastIndex;
  return match[0];
}

function accept(reader: Reader, character: string): boolean {
  skipSpace(reader);
  if (reader.text[reader.at] !== character) return false;
  reader.at++;
  return true;
}

function skipSpace(reader: Reader): void {
  while (/[ \t\r\n]/.test(reader.text[reader.at] ?? '')) reader.at++;
}
