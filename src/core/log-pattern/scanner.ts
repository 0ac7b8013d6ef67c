/** Reads a filter pattern from left to right; what cannot be read is a fault that says where. */

import { fault } from '#base/fault.ts';
import type { Fault } from '#base/fault.ts';
import { compileRegex } from './regex.ts';
import type { Regex } from './regex.ts';

const REGEXES_MAX = 2;

export interface Scanner {
  /** Whether everything is read. */
  isAtEnd(): boolean;
  skipSpaces(): void;
  /** Reads `text` if it comes next. */
  take(text: string): boolean;
  /** Reads what `form`, a sticky expression, finds here. */
  match(form: RegExp): string | undefined;
  /** A text in double quotes, in which a backslash keeps the next character. */
  quoted(): string | undefined;
  /** An expression between percent signs. */
  regex(): Regex | undefined;
  misformed(why: string): Fault;
}

export function createScanner(text: string): Scanner {
  let at = 0;
  let regexes = 0;
  const match = (form: RegExp): string | undefined => {
    form.lastIndex = at;
    const found = form.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const misformed = (why: string) => invalidPattern(`${why} (at character ${at + 1})`);
  return {
    isAtEnd: () => at >= text.length,
    skipSpaces: () => void match(/\s*/y),
    take(wanted) {
      if (!text.startsWith(wanted, at)) return false;
      at += wanted.length;
      return true;
    },
    match,
    quoted() {
      if (text[at] !== '"') return undefined;
      const found = match(/"(?:[^"\\]|\\[^])*"/y);
      if (found === undefined) throw misformed('a quotation mark is not closed');
      return found.slice(1, -1).replace(/\\([^])/g, '$1');
    },
    regex() {
      if (text[at] !== '%') return undefined;
      const found = match(/%[^%]+%/y);
      if (found === undefined) throw misformed('a regular expression is not closed');
      if (++regexes > REGEXES_MAX) throw misformed(`it has more than ${REGEXES_MAX} regular expressions`);
      return compileRegex(found.slice(1, -1), misformed);
    },
    misformed,
  };
}

export function invalidPattern(why: string): Fault {
  return fault('InvalidParameterException', `Invalid filter pattern: ${why}.`);
}
