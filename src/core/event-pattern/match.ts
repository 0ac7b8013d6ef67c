/**
 * Whether an event matches a pattern. The pattern is walked once beside the event: time is bounded by the size of the
 * one times the size of the other, and no text test goes back.
 *
 * An array matches when one of its elements does, with all conditions below it. Absence (`{"exists": false}`) is a
 * weaker finding than presence: below an array, conditions of absence alone must hold in every element.
 */

import { unreachable } from '#base/assert.ts';
import { isInRange } from '#core/policy/address.ts';
import type { PatternLeaf, PatternNode, Scalar, TextTest, ValueTest } from './pattern.ts';
import { matchesWildcard } from './wildcard.ts';

export type Json = Scalar | readonly Json[] | { readonly [name: string]: Json };

/** `absent`: nothing but missing fields speaks for the match. */
type Finding = 'present' | 'absent' | 'none';

export function matchesEvent(pattern: PatternNode, event: Json): boolean {
  return findNode(pattern, event) !== 'none';
}

function findNode(node: PatternNode, value: Json | undefined): Finding {
  if (isArray(value)) return findInArray(value, (item) => findNode(node, item));
  const object = typeof value === 'object' && value !== null ? value : {};
  let finding: Finding = 'absent';
  for (const [name, field] of node.fields) {
    const inner = Object.hasOwn(object, name) ? object[name] : undefined;
    const found = field.type === 'node' ? findNode(field, inner) : findLeaf(field, inner);
    if (found === 'none') return 'none';
    if (found === 'present') finding = 'present';
  }
  for (const branches of node.groups) {
    const found = findInGroup(branches, value);
    if (found === 'none') return 'none';
    if (found === 'present') finding = 'present';
  }
  return finding;
}

function findInGroup(branches: readonly PatternNode[], value: Json | undefined): Finding {
  let best: Finding = 'none';
  for (const branch of branches) {
    const found = findNode(branch, value);
    if (found === 'present') return 'present';
    if (found === 'absent') best = 'absent';
  }
  return best;
}

function findLeaf(leaf: PatternLeaf, value: Json | undefined): Finding {
  if (isArray(value)) return findInArray(value, (item) => findLeaf(leaf, item));
  // Only leaves of the event have a value; an object is, for a leaf of the pattern, not there.
  if (value === undefined || (typeof value === 'object' && value !== null)) {
    return leaf.allowsAbsence ? 'absent' : 'none';
  }
  return leaf.tests.some((test) => passes(test, value)) ? 'present' : 'none';
}

function findInArray(items: readonly Json[], find: (item: Json | undefined) => Finding): Finding {
  if (items.length === 0) return find(undefined);
  let areAllAbsent = true;
  for (const item of items) {
    const found = find(item);
    if (found === 'present') return 'present';
    if (found === 'none') areAllAbsent = false;
  }
  return areAllAbsent ? 'absent' : 'none';
}

function passes(test: ValueTest, value: Scalar): boolean {
  switch (test.type) {
    case 'equals':
      return value === test.value;
    case 'exists':
      return true;
    case 'text':
      return typeof value === 'string' && passesText(test.text, value);
    case 'numeric': {
      if (typeof value !== 'number') return false;
      const { low, high } = test;
      if (low && (low.isInclusive ? value < low.value : value <= low.value)) return false;
      return !(high && (high.isInclusive ? value > high.value : value >= high.value));
    }
    case 'cidr':
      return typeof value === 'string' && isInRange(test.range, value);
    case 'anything-but':
      if (test.values.has(value)) return false;
      return !(typeof value === 'string' && test.texts.some((text) => passesText(text, value)));
    default:
      return unreachable(test);
  }
}

function passesText(test: TextTest, value: string): boolean {
  if (test.type === 'wildcard') return matchesWildcard(test.wildcard, value);
  const text = test.ignoresCase ? value.toLowerCase() : value;
  switch (test.type) {
    case 'prefix':
      return text.startsWith(test.text);
    case 'suffix':
      return text.endsWith(test.text);
    case 'equals':
      return text === test.text;
    default:
      return unreachable(test);
  }
}

function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}
