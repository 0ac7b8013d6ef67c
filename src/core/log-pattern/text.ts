/**
 * `ERROR "exact phrase" -excluded`, `?this ?that`, `%regular expression%`: terms of any text. Every plain term must
 * occur and no excluded one; of optional ones one must, but only when there is no plain term. See "Match terms in
 * unstructured log events".
 */

import type { LogPattern } from './pattern.ts';
import type { Scanner } from './scanner.ts';

interface Term {
  isIn(message: string): boolean;
  /** Unless it is a regular expression. */
  readonly text?: string;
}

export function readTextPattern(scanner: Scanner): LogPattern {
  const terms: Record<'' | '?' | '-', Term[]> = { '': [], '?': [], '-': [] };
  for (scanner.skipSpaces(); !scanner.isAtEnd(); scanner.skipSpaces()) {
    const sign = (scanner.match(/[?-](?=\S)/y) ?? '') as '' | '?' | '-';
    const term = readTerm(scanner);
    if (scanner.match(/\s|$/y) === undefined) throw scanner.misformed('terms are parted by spaces');
    if (term) terms[sign].push(term);
  }
  const { '': all, '?': optional, '-': none } = terms;
  const needs = all.find((term) => term.text !== undefined)?.text;
  return {
    matches(message) {
      if (none.some((term) => term.isIn(message))) return false;
      if (all.length > 0) return all.every((term) => term.isIn(message));
      return optional.length === 0 || optional.some((term) => term.isIn(message));
    },
    ...(needs !== undefined && { needs }),
    extract: () => ({}),
    valueOf: () => undefined,
  };
}

/** Nothing for a quoted text of nothing or of spaces, which every event fits. */
function readTerm(scanner: Scanner): Term | undefined {
  const regex = scanner.regex();
  if (regex) return { isIn: (message) => regex.isIn(message) };
  const quoted = scanner.quoted();
  const text = quoted ?? scanner.match(/[^\s"]+/y);
  if (text === undefined) throw scanner.misformed('a term is missing');
  return quoted?.trim() === '' ? undefined : { text, isIn: (message) => message.includes(text) };
}
