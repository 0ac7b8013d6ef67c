/**
 * Query strings and forms, decoded once and bounded: `name=value` pairs, `+` for a space, percent-encoded UTF-8.
 * The result is a map, so names cannot touch prototypes.
 */

import { fault } from '#base/fault.ts';

/** The largest real form, a stack with all its parameters, has a few hundred. */
const PAIRS_MAX = 10_000;

/** A repeated name keeps its first value. Throws SerializationException for broken escapes and too many pairs. */
export function parseQueryString(text: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const [name, value] of pairsOf(text)) if (!pairs.has(name)) pairs.set(name, value);
  return pairs;
}

/** A repeated name has all its values, in order. */
export function parseQueryLists(text: string): ReadonlyMap<string, readonly string[]> {
  const lists = new Map<string, string[]>();
  for (const [name, value] of pairsOf(text)) {
    const list = lists.get(name);
    if (list) list.push(value);
    else lists.set(name, [value]);
  }
  return lists;
}

function* pairsOf(text: string): Generator<readonly [string, string]> {
  if (text === '') return;
  let count = 0;
  for (let start = 0; start <= text.length;) {
    const end = text.indexOf('&', start);
    const pair = text.slice(start, end < 0 ? text.length : end);
    if (++count > PAIRS_MAX) throw fault('SerializationException', `More than ${PAIRS_MAX} parameters.`);
    if (pair !== '') yield decodePair(pair);
    if (end < 0) break;
    start = end + 1;
  }
}

/** `undefined` for escapes that are not percent-encoded UTF-8. */
export function decodePart(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function decodePair(pair: string): readonly [string, string] {
  const mark = pair.indexOf('=');
  const name = decodePart((mark < 0 ? pair : pair.slice(0, mark)).replaceAll('+', ' '));
  const value = decodePart(mark < 0 ? '' : pair.slice(mark + 1).replaceAll('+', ' '));
  if (name === undefined || value === undefined) {
    throw fault('SerializationException', 'A parameter is not percent-encoded UTF-8.');
  }
  return [name, value];
}
