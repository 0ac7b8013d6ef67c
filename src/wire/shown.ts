/**
 * Inputs and outputs as records may show them: member names in lower camel case, secrets replaced, blobs and streams
 * left out, and nothing beyond a bound. What was hidden is remembered, so that it can be taken out of messages too.
 */

import { HIDDEN, isSecretKey, isSecretMember, MASKED } from '#core/trail/secrets.ts';
import type { Member, Shape, StructureShape } from './model.ts';

export interface Shown {
  /** `undefined` where there is nothing to show. */
  readonly value: unknown;
  /** Secret texts that stood in the value. */
  readonly hidden: ReadonlySet<string>;
}

/** Characters of names and values together; CloudTrail leaves out what is larger. */
const LENGTH_MAX = 100_000;
const DEPTH_MAX = 40;
/** Shorter texts would also be found where they mean something else. */
const HIDDEN_LENGTH_MIN = 6;
const HIDDEN_TEXTS_MAX = 100;
const BEGINNING_LENGTH = 16;
const MASK = '***';
const NOTHING: Shown = { value: undefined, hidden: new Set() };

interface Walk {
  left: number;
  readonly hidden: Set<string>;
}

/** The value is larger than a record shows. */
class TooLarge extends Error {
  override readonly name = 'TooLarge';
}

export function showMembers(shape: StructureShape | undefined, value: object | undefined): Shown {
  if (!shape || !value) return NOTHING;
  const walk: Walk = { left: LENGTH_MAX, hidden: new Set() };
  try {
    const shown = showStructure(shape, value as Record<string, unknown>, walk, 0);
    return { value: shown, hidden: walk.hidden };
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error;
    // The rest was not looked at, but what it hides can only come from there.
    return { value: { omitted: true, reason: 'FIELD_SIZE_LIMIT_EXCEEDED' }, hidden: walk.hidden };
  }
}

/** The texts that a room replaced in an input before it was shown: they are as secret as those that the table hides. */
export function replacedTexts(original: unknown, shown: unknown): ReadonlySet<string> {
  const found = new Set<string>();
  collectReplaced(original, shown, found, 0);
  return found;
}

function collectReplaced(original: unknown, shown: unknown, found: Set<string>, depth: number): void {
  if (original === shown || depth > DEPTH_MAX || found.size >= HIDDEN_TEXTS_MAX) return;
  if (typeof original === 'string') {
    if (original.length >= HIDDEN_LENGTH_MIN) found.add(original);
  } else if (isPlain(original)) {
    const beside = isPlain(shown) ? shown : {};
    for (const [name, item] of Object.entries(original))
      collectReplaced(item, beside[name], found, depth + 1);
  }
}

/** An object or an array, whose members can be compared by their names. */
function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' && value !== null && !(value instanceof Date || value instanceof Uint8Array)
  );
}

/**
 * Takes the hidden texts out of a message, also their beginnings, since messages cut long values. Only messages: a
 * caller who names a thing as a secret must not be able to hide it from the rest of the record.
 */
export function withoutHidden(text: string, hidden: Iterable<string>): string {
  let shown = text;
  for (const secret of hidden) {
    const start = secret.slice(0, BEGINNING_LENGTH);
    for (let at = shown.indexOf(start); at >= 0; at = shown.indexOf(start, at + MASK.length)) {
      let end = at + start.length;
      while (end < shown.length && shown[end] === secret[end - at]) end++;
      shown = shown.slice(0, at) + MASK + shown.slice(end);
    }
  }
  return shown;
}

function showStructure(
  shape: StructureShape,
  value: Readonly<Record<string, unknown>>,
  walk: Walk,
  depth: number,
): unknown {
  const shown: Record<string, unknown> = {};
  let count = 0;
  for (const [name, member] of shape.members) {
    const item = value[name];
    if (item === undefined || item === null || isLeftOut(member)) continue;
    spend(walk, name.length);
    shown[`${name.charAt(0).toLowerCase()}${name.slice(1)}`] =
      member.shape.sensitive || isSecretMember(shape.name, name)
        ? hide(member.shape, item, walk, HIDDEN)
        : show(member.shape, item, walk, depth + 1);
    count++;
  }
  return count > 0 || depth > 0 ? shown : undefined;
}

/** Bytes are no text; secret ones are told as hidden all the same. */
function isLeftOut(member: Member): boolean {
  return member.streaming || (member.shape.type === 'blob' && !member.shape.sensitive);
}

function show(shape: Shape, value: unknown, walk: Walk, depth: number): unknown {
  if (depth > DEPTH_MAX) throw new TooLarge();
  if (shape.sensitive) return hide(shape, value, walk, HIDDEN);
  switch (shape.type) {
    case 'structure':
      return showStructure(shape, value as Record<string, unknown>, walk, depth);
    case 'list':
      return (value as readonly unknown[]).map((item) => {
        spend(walk, 1);
        return show(shape.member.shape, item, walk, depth + 1);
      });
    case 'map': {
      const shown: [string, unknown][] = [];
      for (const [key, item] of Object.entries(value as object)) {
        spend(walk, key.length);
        const isHidden = isSecretKey(key) && typeof item === 'string';
        const inner = shape.value.shape;
        shown.push([key, isHidden ? hide(inner, item, walk, MASKED) : show(inner, item, walk, depth + 1)]);
      }
      return Object.fromEntries(shown);
    }
    case 'string': {
      const text = String(value);
      spend(walk, text.length);
      return text;
    }
    case 'timestamp':
      spend(walk, 24);
      return value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : String(value);
    case 'blob':
      return '(bytes)';
    case 'boolean':
      return Boolean(value);
    case 'integer':
    case 'long':
    case 'float':
    case 'double':
      spend(walk, 8);
      return Number(value);
  }
}

function spend(walk: Walk, length: number): void {
  walk.left -= length + 3;
  if (walk.left < 0) throw new TooLarge();
}

function hide(shape: Shape, value: unknown, walk: Walk, instead: string): string {
  spend(walk, instead.length);
  if (typeof value === 'string' && isWorthHiding(value, walk)) walk.hidden.add(value);
  // Messages say values of numbers and structures nowhere.
  else if (shape.type === 'list' && Array.isArray(value)) {
    for (const item of value as readonly unknown[]) hide(shape.member.shape, item, walk, instead);
  }
  return instead;
}

function isWorthHiding(text: string, walk: Walk): boolean {
  return text.length >= HIDDEN_LENGTH_MIN && walk.hidden.size < HIDDEN_TEXTS_MAX;
}
