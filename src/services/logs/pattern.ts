/**
 * Filter patterns of unstructured text: every term must occur, `-term` must not, of `?term`s one must when there are
 * no plain terms. Patterns for JSON and for space-delimited fields are refused, honestly.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 */

import { fault } from '#base/fault.ts';

export interface Pattern {
  readonly all: readonly string[];
  readonly any: readonly string[];
  readonly none: readonly string[];
}

const PATTERN_LENGTH_MAX = 1024;

export function parsePattern(text: string): Pattern {
  const trimmed = text.trim();
  if (text.length > PATTERN_LENGTH_MAX) throw invalid(`it is longer than ${PATTERN_LENGTH_MAX} characters`);
  if (/^[{[%]/.test(trimmed)) throw invalid('Slipway reads patterns of terms only, not { }, [ ] or % %');
  const pattern = { all: [] as string[], any: [] as string[], none: [] as string[] };
  const term = /([?-]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))(?=\s|$)/gy;
  for (
    let at = 0;
    at < trimmed.length;
    at = term.lastIndex + (/^\s*/.exec(trimmed.slice(term.lastIndex))?.[0].length ?? 0)
  ) {
    term.lastIndex = at;
    const match = term.exec(trimmed);
    if (!match) throw invalid(`it cannot be read at character ${at + 1}`);
    const [, sign, quoted, plain] = match;
    const value = quoted === undefined ? (plain ?? '') : quoted.replace(/\\(.)/g, '$1');
    if (value !== '') pattern[sign === '?' ? 'any' : sign === '-' ? 'none' : 'all'].push(value);
  }
  return pattern;
}

export function matchesPattern(pattern: Pattern, message: string): boolean {
  const { all, any, none } = pattern;
  if (none.some((term) => message.includes(term))) return false;
  if (all.length > 0) return all.every((term) => message.includes(term));
  return any.length === 0 || any.some((term) => message.includes(term));
}

function invalid(why: string) {
  return fault('InvalidParameterException', `Invalid filter pattern: ${why}.`);
}
