/**
 * Regular expressions of filter patterns: the few characters and operators that AWS takes, without groups, searched
 * in linear time. See "Supported regular expressions (regex) syntax" of the CloudWatch Logs user guide.
 */

import { RE2JS, RE2JSException } from 're2js';
import type { Fault } from '#base/fault.ts';

export interface Regex {
  isIn(text: string): boolean;
}

const FORM = /^[A-Za-z0-9:_#=@/;,\-^$?[\]{}|\\*+.]+$/;
/** Of escapes, classes and the signs that have a meaning. */
const FOREIGN_ESCAPE = /\\[^dDsSwW:_#=@/;,\-^$?[\]{}|\\*+.]/;
/** Counted repetitions in sum: what an expression costs for a character grows with it. */
const REPETITIONS_MAX = 256;

export function compileRegex(text: string, misformed: (why: string) => Fault): Regex {
  if (!FORM.test(text)) throw misformed(`%${text}% holds a character that regular expressions cannot have`);
  const plain = text.replaceAll('\\\\', '');
  if (FOREIGN_ESCAPE.test(plain)) throw misformed(`%${text}% holds an escape that is not supported`);
  const counts = [...plain.matchAll(/\{(?:\d+,)?(\d+),?\}/g)].map(([, most]) => Number(most));
  if (counts.reduce((sum, count) => sum + count, 0) > REPETITIONS_MAX) {
    throw misformed(`%${text}% repeats more than ${REPETITIONS_MAX} times`);
  }
  try {
    const compiled = RE2JS.compile(text);
    return { isIn: (searched) => compiled.matcher(searched).find() };
  } catch (error) {
    if (error instanceof RE2JSException) throw misformed(`%${text}% is not a regular expression`);
    throw error;
  }
}
