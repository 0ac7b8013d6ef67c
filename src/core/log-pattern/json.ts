/**
 * `{ $.a.b = "x*" && $.list[0] >= 3 }`: conditions on the values of a JSON object. A selector that finds an array, an
 * object or nothing fulfils no comparison, not even `!=`. See "Match terms in JSON log events".
 */

import { compares, holds, leavesOf, readComparand, readExpression, readOperator } from './condition.ts';
import type { Comparand, Operator } from './condition.ts';
import type { LogPattern } from './pattern.ts';
import type { Scanner } from './scanner.ts';

interface Leaf {
  readonly text: string;
  /** Names, indexes, and `undefined` for all elements of an array. */
  readonly path: readonly (string | number | undefined)[];
  readonly test:
    | { readonly type: 'compare'; readonly operator: Operator; readonly comparand: Comparand }
    | { readonly type: 'is'; readonly value: null | boolean }
    | { readonly type: 'not exists' };
}

const BARE = /(?:(?!&&|\|\|)[^\s(){}"])*/y;
const STEP = /\.[A-Za-z0-9_\-]+|\.?\[(?:\d{1,9}|\*|"[^"\]]+"|'[^'\]]+')\]/y;
/** `[*]` after `[*]` multiplies: so many values are looked at, and no more. */
const VALUES_MAX = 10_000;

export function readJsonPattern(scanner: Scanner): LogPattern {
  const expression = readExpression(scanner, () => readLeaf(scanner));
  scanner.skipSpaces();
  if (!scanner.take('}')) throw scanner.misformed('} or a logical operator is missing');
  scanner.skipSpaces();
  if (!scanner.isAtEnd()) throw scanner.misformed('there is something after }');
  return {
    matches(message) {
      const root = parseObject(message);
      return root !== undefined && holds(expression, (leaf) => isTrue(leaf, root));
    },
    extract(message) {
      const root = parseObject(message);
      if (root === undefined) return {};
      const values = leavesOf(expression).map(({ text, path }): [string, unknown] => [
        text,
        valuesAt(root, path)[0],
      ]);
      return Object.fromEntries(
        values.filter(([, value]) => isPlain(value)).map(([name, value]) => [name, String(value)]),
      );
    },
    valueOf: (message, selector) => {
      const root = parseObject(message);
      const path = root === undefined ? undefined : parseSelector(selector);
      const value = path && valuesAt(root, path)[0];
      return isPlain(value) ? String(value) : undefined;
    },
  };
}

function readLeaf(scanner: Scanner): Leaf {
  const [text, path] = readSelector(scanner);
  scanner.skipSpaces();
  const word = scanner.match(/(?:IS\s+(?:NULL|TRUE|FALSE)|NOT\s+EXISTS)(?![A-Za-z0-9_])/iy);
  if (word !== undefined) {
    const last = word.split(/\s+/)[1]?.toUpperCase();
    if (last === 'EXISTS') return { text, path, test: { type: 'not exists' } };
    return { text, path, test: { type: 'is', value: last === 'NULL' ? null : last === 'TRUE' } };
  }
  const operator = readOperator(scanner);
  if (operator === undefined) throw scanner.misformed('a comparison, IS or NOT EXISTS is missing');
  return {
    text,
    path,
    test: { type: 'compare', operator, comparand: readComparand(scanner, operator, BARE) },
  };
}

function readSelector(scanner: Scanner): [text: string, path: Leaf['path']] {
  scanner.skipSpaces();
  if (!scanner.take('$')) throw scanner.misformed('a selector starts with $');
  const path: (string | number | undefined)[] = [];
  let text = '$';
  for (let step = scanner.match(STEP); step !== undefined; step = scanner.match(STEP)) {
    text += step;
    path.push(stepOf(step));
  }
  if (path.length === 0) throw scanner.misformed('a selector names a property');
  return [text, path];
}

/** The path of a metric's value or dimension, which stands outside of a pattern; `undefined` if it is none. */
export function parseSelector(text: string): Leaf['path'] | undefined {
  if (!/^\$(?:\.[A-Za-z0-9_\-]+|\.?\[(?:\d{1,9}|\*|"[^"\]]+"|'[^'\]]+')\])+$/.test(text)) return undefined;
  return [...text.slice(1).matchAll(new RegExp(STEP.source, 'g'))].map(([step]) => stepOf(step));
}

function stepOf(step: string): string | number | undefined {
  const bracketed = /^\.?\[(.*)\]$/.exec(step)?.[1];
  if (bracketed === undefined) return step.slice(1);
  if (bracketed === '*') return undefined;
  return /^\d+$/.test(bracketed) ? Number(bracketed) : bracketed.slice(1, -1);
}

function parseObject(message: string): object | undefined {
  if (!/^\s*\{/.test(message)) return undefined;
  try {
    return JSON.parse(message) as object;
  } catch (error) {
    // Events may be anything; what is not JSON fits no JSON pattern.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isTrue({ path, test }: Leaf, root: object): boolean {
  const values = valuesAt(root, path);
  switch (test.type) {
    case 'not exists':
      return values.length === 0;
    case 'is':
      return values.includes(test.value);
    case 'compare':
      return values.some((value) => isPlain(value) && compares(textOf(value), test.operator, test.comparand));
  }
}

function isPlain(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function textOf(value: string | number | boolean): string | number {
  return typeof value === 'boolean' ? String(value) : value;
}

function valuesAt(root: unknown, path: Leaf['path']): readonly unknown[] {
  let values: unknown[] = [root];
  for (const step of path) {
    values = values
      .flatMap((value) => {
        if (typeof value !== 'object' || value === null) return [];
        if (typeof step === 'string') {
          return Object.hasOwn(value, step) && !Array.isArray(value)
            ? [(value as Record<string, unknown>)[step]]
            : [];
        }
        if (!Array.isArray(value)) return [];
        if (step === undefined) return value as unknown[];
        return step < value.length ? [value[step] as unknown] : [];
      })
      .slice(0, VALUES_MAX);
  }
  return values;
}
