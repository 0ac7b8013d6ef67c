/**
 * `ERROR "exact phrase" -excluded`, `?this ?that`, `%regular expression%`: terms of any text. Every plain term must
 * occur and no excluded one; of optional ones one must, but only when there is no plain term. See "Match terms in
 * unstructured log events".
 */

import type { LogPattern } from './pattern.ts';
import type { Scanner } from './scanner.ts';

type Term = (message: string) => boolean;

export function readTextPattern(scanner: Scanner): LogPattern {
  const terms: Record<'' | '?' | '-', Term[]> = { '': [], '?': [], '-': [] };
  for (scanner.skipSpaces(); !scanner.isAtEnd(); scanner.skipSpaces()) {
    const sign = (scanner.match(/[?-](?=\S)/y) ?? '') as '' | '?' | '-';
    const term = readTerm(scanner);
    if (scanner.match(/\s|$/y) === undefined) throw scanner.misformed('terms are parted by spaces');
    if (term) terms[sign].push(term);
  }
  const { '': all, '?': optional, '-': none } = terms;
  return {
    matches(message) {
      if (none.some((term) => term(message))) return false;
      if (all.length > 0) return all.every((term) => term(message));
      return optional.length === 0 || optional.some((term) => term(message));
    },
    extract: () => ({}),
    valueOf: () => undefined,
  };
}

/** Nothing for a quoted text of nothing or of spaces, which every event fits. */
function readTerm(scanner: Scanner): Term | undefined {
  const regex = scanner.regex();
  if (regex) return (message) => regex.isIn(message);
  const quoted = scanner.quoted();
  const text = quoted ?? scanner.match(/[^\s"]+/y);
  if (text === undefined) throw scanner.misformed('a term is missing');
  return quoted?.trim() === '' ? undefined : (message) => message.includes(text);
}
