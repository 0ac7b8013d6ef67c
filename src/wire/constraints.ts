/**
 * The constraints of one value and their names in AWS's words. AWS: the texts that its JSON and query services
 * answer with, such as "Member must have length less than or equal to 100".
 */

import type { ScalarShape, Shape } from './model.ts';
import { matchesPattern } from './pattern.ts';

const SHOWN_LENGTH_MAX = 1024;

export const NOT_NULL = 'Member must not be null';

/** The texts of the constraints that the value breaks; empty if it is as it must be. */
export function brokenConstraints(shape: Shape, value: unknown): readonly string[] {
  return constraintsOf(shape)
    .filter(({ holds }) => !holds(value))
    .map(({ text }) => text);
}

/** All constraints of the items of a list or map in one text, for messages at the list itself. */
export function constraintTexts(shape: Shape): string {
  return constraintsOf(shape)
    .map(({ text }) => text)
    .join(', ');
}

interface Constraint {
  readonly text: string;
  holds(value: unknown): boolean;
}

const known = new WeakMap<Shape, readonly Constraint[]>();

function constraintsOf(shape: Shape): readonly Constraint[] {
  const made = known.get(shape) ?? makeConstraints(shape);
  known.set(shape, made);
  return made;
}

function makeConstraints(shape: Shape): readonly Constraint[] {
  const { min, max } = shape;
  const noun = isNumeric(shape) ? 'value' : 'length';
  const constraints: Constraint[] = [];
  if (max !== undefined) {
    const text = `Member must have ${noun} less than or equal to ${max}`;
    constraints.push({ text, holds: (value) => sizeOf(shape, value) <= max });
  }
  if (min !== undefined) {
    const text = `Member must have ${noun} greater than or equal to ${min}`;
    constraints.push({ text, holds: (value) => sizeOf(shape, value) >= min });
  }
  if (shape.type !== 'string') return constraints;
  const { pattern, match, enum: values } = shape;
  if (pattern !== undefined) {
    const text = `Member must satisfy regular expression pattern: ${pattern}`;
    constraints.push({ text, holds: (value) => matchesPattern(match ?? pattern, String(value)) });
  }
  if (values !== undefined) {
    const text = `Member must satisfy enum value set: [${values.join(', ')}]`;
    constraints.push({ text, holds: (value) => values.includes(String(value)) });
  }
  return constraints;
}

function isNumeric(shape: Shape): boolean {
  return ['integer', 'long', 'float', 'double'].includes(shape.type);
}

/** Code points of strings, bytes of blobs, entries of lists and maps, and numbers themselves. */
function sizeOf(shape: Shape, value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'string') return codePoints(value);
  if (value instanceof Uint8Array) return value.length;
  if (Array.isArray(value)) return value.length;
  return shape.type === 'map' ? Object.keys(value as object).length : 0;
}

const SURROGATE_PAIR = /[\ud800-\udbff][\udc00-\udfff]/g;

function codePoints(text: string): number {
  return text.length - (text.match(SURROGATE_PAIR)?.length ?? 0);
}

/** A value as messages show it: secrets are not shown, long values are cut. */
export function showValue(shape: Shape, value: unknown): string {
  const text = printValue(shape, value, 0);
  return text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text;
}

const DEPTH_SHOWN_MAX = 3;
const ITEMS_SHOWN_MAX = 50;

function printValue(shape: Shape, value: unknown, depth: number): string {
  if (shape.sensitive) return '***';
  if (depth > DEPTH_SHOWN_MAX) return '…';
  switch (shape.type) {
    case 'structure':
      return shape.name;
    case 'list': {
      const items = (value as readonly unknown[]).slice(0, ITEMS_SHOWN_MAX);
      return `[${items.map((item) => printValue(shape.member.shape, item, depth + 1)).join(', ')}]`;
    }
    case 'map': {
      const entries = Object.entries(value as object).slice(0, ITEMS_SHOWN_MAX);
      const texts = entries.map(([key, item]) => {
        return `${printValue(shape.key.shape, key, depth + 1)}=${printValue(shape.value.shape, item, depth + 1)}`;
      });
      return `{${texts.join(', ')}}`;
    }
    default:
      return printScalarValue(shape, value);
  }
}

function printScalarValue(shape: ScalarShape, value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return shape.type === 'string' ? String(value).slice(0, SHOWN_LENGTH_MAX + 1) : String(value);
}
