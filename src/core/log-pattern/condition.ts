/**
 * What JSON and space-delimited patterns share: conditions on one value, joined by `&&` and `||`, `&&` binding
 * tighter, in parentheses. A value is compared as a number where both sides are one, and as text with `*` otherwise.
 */

import type { Regex } from './regex.ts';
import type { Scanner } from './scanner.ts';

export type Operator = '=' | '!=' | '<' | '<=' | '>' | '>=';

export type Comparand =
  | { readonly type: 'regex'; readonly regex: Regex }
  | { readonly type: 'text'; readonly parts: readonly string[]; readonly number: number | undefined };

/** A tree of conditions. */
export type Expression<Leaf> =
  | { readonly type: 'all' | 'any'; readonly of: readonly Expression<Leaf>[] }
  | { readonly type: 'leaf'; readonly leaf: Leaf };

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const DEPTH_MAX = 64;

export function readExpression<Leaf>(scanner: Scanner, readLeaf: () => Leaf, depth = 0): Expression<Leaf> {
  if (depth > DEPTH_MAX) throw scanner.misformed(`parentheses nest deeper than ${DEPTH_MAX} levels`);
  const readOne = (): Expression<Leaf> => {
    scanner.skipSpaces();
    if (!scanner.take('(')) return { type: 'leaf', leaf: readLeaf() };
    const inner = readExpression(scanner, readLeaf, depth + 1);
    scanner.skipSpaces();
    if (!scanner.take(')')) throw scanner.misformed('a parenthesis is not closed');
    return inner;
  };
  const readSeries = (sign: string, type: 'all' | 'any', readNext: () => Expression<Leaf>) => {
    const of = [readNext()];
    for (scanner.skipSpaces(); scanner.take(sign); scanner.skipSpaces()) of.push(readNext());
    return of.length === 1 && of[0] ? of[0] : { type, of };
  };
  return readSeries('||', 'any', () => readSeries('&&', 'all', readOne));
}

export function holds<Leaf>(expression: Expression<Leaf>, test: (leaf: Leaf) => boolean): boolean {
  switch (expression.type) {
    case 'leaf':
      return test(expression.leaf);
    case 'all':
      return expression.of.every((each) => holds(each, test));
    case 'any':
      return expression.of.some((each) => holds(each, test));
  }
}

export function leavesOf<Leaf>(expression: Expression<Leaf>): readonly Leaf[] {
  return expression.type === 'leaf' ? [expression.leaf] : expression.of.flatMap(leavesOf);
}

export function readOperator(scanner: Scanner): Operator | undefined {
  scanner.skipSpaces();
  return scanner.match(/!=|<=|>=|=|<|>/y) as Operator | undefined;
}

/** `bare` is the form of a text without quotes. */
export function readComparand(scanner: Scanner, operator: Operator, bare: RegExp): Comparand {
  scanner.skipSpaces();
  const isEquality = operator === '=' || operator === '!=';
  const regex = scanner.regex();
  if (regex) {
    if (!isEquality) throw scanner.misformed(`a regular expression cannot be compared with ${operator}`);
    return { type: 'regex', regex };
  }
  const quoted = scanner.quoted();
  const text = quoted ?? scanner.match(bare);
  if (text === undefined || (quoted === undefined && text === ''))
    throw scanner.misformed('a value is missing');
  const number = quoted === undefined && NUMBER.test(text) ? Number(text) : undefined;
  if (!isEquality && number === undefined) throw scanner.misformed(`${operator} needs a number`);
  return { type: 'text', parts: text.split('*'), number };
}

export function compares(value: string | number, operator: Operator, comparand: Comparand): boolean {
  if (operator === '=' || operator === '!=') return equals(value, comparand) === (operator === '=');
  const left = numberOf(value);
  const right = comparand.type === 'text' ? comparand.number : undefined;
  if (left === undefined || right === undefined) return false;
  switch (operator) {
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
  }
}

function equals(value: string | number, comparand: Comparand): boolean {
  if (comparand.type === 'regex') return comparand.regex.isIn(String(value));
  const number = comparand.number === undefined ? undefined : numberOf(value);
  if (number !== undefined) return number === comparand.number;
  return fits(comparand.parts, String(value));
}

function numberOf(value: string | number): number | undefined {
  if (typeof value === 'number') return value;
  return NUMBER.test(value) ? Number(value) : undefined;
}

/** Texts in this order, with anything between them; linear, since each is taken where it comes first. */
function fits(parts: readonly string[], value: string): boolean {
  const [first = '', ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return value === first;
  if (!value.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = value.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return value.length - last.length >= at && value.endsWith(last);
}
