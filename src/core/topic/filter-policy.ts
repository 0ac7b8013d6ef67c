/**
 * Which messages a subscription wants: a filter policy is an event pattern over the attributes of a message, or over
 * its body. AWS: "Amazon SNS subscription filter policies".
 */

import { matchesEvent, type Json } from '#core/event-pattern/match.ts';
import { parseEventPattern } from '#core/event-pattern/parse.ts';
import type { PatternNode } from '#core/event-pattern/pattern.ts';

export type FilterScope = 'MessageAttributes' | 'MessageBody';

export type ParsedFilter = { readonly pattern: PatternNode } | { readonly error: string };

/** An attribute of a message, as far as filters see it: binary ones are not seen. */
export interface FilterAttribute {
  readonly type: string;
  readonly text: string | undefined;
}

export const FILTER_BYTES_MAX = 262_144;
const KEYS_MAX = 5;
const COMBINATIONS_MAX = 150;

export function parseFilterPolicy(text: string, scope: FilterScope): ParsedFilter {
  if (text.length > FILTER_BYTES_MAX) return { error: 'Filter policy is too large' };
  const parsed = parseEventPattern(text);
  if ('error' in parsed) return parsed;
  const size = sizeOf(parsed.pattern, scope === 'MessageBody' ? 1 : 0);
  if (size.keys > KEYS_MAX) return { error: `Filter policy can not have more than ${KEYS_MAX} keys` };
  if (size.combinations > COMBINATIONS_MAX) return { error: 'Filter policy is too complex' };
  if (scope === 'MessageAttributes' && size.isNested) {
    return { error: 'Filter policy scope MessageAttributes does not support nested filter policy' };
  }
  return parsed;
}

interface Size {
  readonly keys: number;
  readonly combinations: number;
  readonly isNested: boolean;
}

/** Combinations multiply the values of the keys; in nested policies each value counts as often as its key is deep. */
function sizeOf(node: PatternNode, depth: number): Size {
  let keys = 0;
  let combinations = 1;
  let isNested = false;
  const add = (inner: Size) => {
    keys += inner.keys;
    combinations *= inner.combinations;
    isNested ||= inner.isNested;
  };
  for (const field of node.fields.values()) {
    if (field.type === 'node') {
      add(sizeOf(field, depth + 1));
      isNested = true;
    } else {
      const values = field.tests.length + (field.allowsAbsence ? 1 : 0);
      add({ keys: 1, combinations: values * Math.max(1, depth), isNested: false });
    }
  }
  for (const branches of node.groups) {
    const sizes = branches.map((branch) => sizeOf(branch, depth));
    add({
      keys: sizes.reduce((sum, size) => sum + size.keys, 0),
      combinations: sizes.reduce((sum, size) => sum + size.combinations, 0),
      isNested: sizes.some((size) => size.isNested),
    });
  }
  return { keys, combinations, isNested };
}

/** A body that is no JSON object matches no policy over bodies. */
export function matchesBody(pattern: PatternNode, body: Json | undefined): boolean {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return false;
  return matchesEvent(pattern, body);
}

export function matchesAttributes(
  pattern: PatternNode,
  attributes: Readonly<Record<string, FilterAttribute>>,
): boolean {
  const event: Record<string, Json> = {};
  for (const [name, attribute] of Object.entries(attributes)) {
    const value = valueOf(attribute);
    if (value !== undefined) event[name] = value;
  }
  return matchesEvent(pattern, event);
}

function valueOf({ type, text }: FilterAttribute): Json | undefined {
  if (text === undefined) return undefined;
  if (type === 'Number' || type.startsWith('Number.')) return Number(text);
  if (type !== 'String.Array') return text;
  const items = parseJson(text);
  return Array.isArray(items) ? (items as readonly Json[]) : text;
}

/** `undefined` for what is not JSON. */
export function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
