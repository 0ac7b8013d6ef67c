/**
 * Metric math, the part of it that is offered: numbers, ids of other queries, + - * / ^, comparisons, AND, OR, and the
 * functions ABS, CEIL, FLOOR, FILL, IF, METRICS, and SUM, AVG, MIN, MAX, SIZE over lists of series or over one. Parsing
 * is bounded. AWS: "Using math expressions with CloudWatch metrics".
 */

export type Expression =
  | { readonly type: 'number'; readonly value: number }
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'id'; readonly id: string }
  | { readonly type: 'list'; readonly items: readonly Expression[] }
  | { readonly type: 'negate'; readonly of: Expression }
  | {
      readonly type: 'binary';
      readonly operator: Operator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly type: 'call'; readonly name: string; readonly parameters: readonly Expression[] };

export type Operator = (typeof LEVELS)[number][number];

/** From the weakest to the strongest binding. */
const LEVELS = [
  ['||', 'OR'],
  ['&&', 'AND'],
  ['==', '!=', '<=', '>=', '<', '>'],
  ['+', '-'],
  ['*', '/'],
  ['^'],
] as const;

const TOKEN =
  /\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|([A-Za-z_][A-Za-z0-9_]*)|("[^"]*"|'[^']*')|(\|\||&&|[=!<>]=|[-+*/^()[\],<>]))/y;
const DEPTH_MAX = 50;
const TOKENS_MAX = 1_000;

interface Token {
  readonly type: 'number' | 'name' | 'text' | 'sign' | 'end';
  readonly text: string;
}

interface Cursor {
  readonly tokens: readonly Token[];
  at: number;
  depth: number;
}

class Malformed extends Error {
  override readonly name = 'Malformed';
}

export function parseExpression(text: string): Expression | { readonly error: string } {
  try {
    const cursor: Cursor = { tokens: tokenize(text), at: 0, depth: 0 };
    const expression = parseLevel(cursor, 0);
    if (peek(cursor).type !== 'end') throw new Malformed(`unexpected ${peek(cursor).text}`);
    return expression;
  } catch (error) {
    if (error instanceof Malformed) return { error: error.message };
    throw error;
  }
}

function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  const source = text.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < source.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(source);
    if (!match) throw new Malformed(`unexpected ${source.slice(at).trim().slice(0, 10)}`);
    const [, number, name, quoted, sign] = match;
    if (number !== undefined) tokens.push({ type: 'number', text: number });
    else if (name !== undefined) tokens.push({ type: isWord(name) ? 'sign' : 'name', text: name });
    else if (quoted !== undefined) tokens.push({ type: 'text', text: quoted.slice(1, -1) });
    else tokens.push({ type: 'sign', text: sign ?? '' });
    if (tokens.length > TOKENS_MAX) throw new Malformed('the expression is too long');
  }
  return tokens;
}

function isWord(name: string): boolean {
  return name === 'AND' || name === 'OR';
}

function parseLevel(cursor: Cursor, level: number): Expression {
  const operators: readonly string[] | undefined = LEVELS[level];
  if (!operators) return parseUnary(cursor);
  let left = parseLevel(cursor, level + 1);
  for (;;) {
    const token = peek(cursor);
    if (token.type !== 'sign' || !operators.includes(token.text)) return left;
    cursor.at++;
    left = { type: 'binary', operator: token.text as Operator, left, right: parseLevel(cursor, level + 1) };
  }
}

function parseUnary(cursor: Cursor): Expression {
  if (++cursor.depth > DEPTH_MAX) throw new Malformed('the expression is nested too deep');
  const expression: Expression = accept(cursor, '-')
    ? { type: 'negate', of: parseUnary(cursor) }
    : parsePrimary(cursor);
  cursor.depth--;
  return expression;
}

function parsePrimary(cursor: Cursor): Expression {
  const token = peek(cursor);
  cursor.at++;
  if (token.type === 'number') return { type: 'number', value: Number(token.text) };
  if (token.type === 'text') return { type: 'text', value: token.text };
  if (token.type === 'name') {
    if (!accept(cursor, '(')) return { type: 'id', id: token.text };
    return { type: 'call', name: token.text.toUpperCase(), parameters: parseItems(cursor, ')') };
  }
  if (token.text === '[') return { type: 'list', items: parseItems(cursor, ']') };
  if (token.text !== '(') throw new Malformed(`unexpected ${token.text || 'end'}`);
  const inner = parseLevel(cursor, 0);
  if (!accept(cursor, ')')) throw new Malformed('a parenthesis is not closed');
  return inner;
}

function parseItems(cursor: Cursor, end: string): readonly Expression[] {
  if (accept(cursor, end)) return [];
  const items = [parseLevel(cursor, 0)];
  while (accept(cursor, ',')) items.push(parseLevel(cursor, 0));
  if (!accept(cursor, end)) throw new Malformed(`${end} is missing`);
  return items;
}

function peek(cursor: Cursor): Token {
  return cursor.tokens[cursor.at] ?? { type: 'end', text: '' };
}

function accept(cursor: Cursor, sign: string): boolean {
  const token = peek(cursor);
  if (token.type !== 'sign' || token.text !== sign) return false;
  cursor.at++;
  return true;
}
