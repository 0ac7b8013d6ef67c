/**
 * `[ip, user, ..., status = 4*, bytes > 100]`: conditions on the fields of an event that is delimited by spaces.
 * Brackets and quotation marks hold a field together; `...` stands for as many fields as there are. See "Match terms in
 * space-delimited log events".
 */

import { compares, holds, readComparand, readExpression, readOperator } from './condition.ts';
import type { Comparand, Expression, Operator } from './condition.ts';
import type { LogPattern } from './pattern.ts';
import type { Scanner } from './scanner.ts';

interface Leaf {
  readonly name: string;
  /** Absent: any value. */
  readonly test?: { readonly operator: Operator; readonly comparand: Comparand };
}

/** `name` is empty where the pattern names nothing. */
interface Field {
  readonly name: string;
  readonly expression: Expression<Leaf> | undefined;
}

const BARE = /(?:(?!&&|\|\|)[^\s(),\]"])*/y;
const NAME = /[A-Za-z0-9_\-$.]+/y;
/** What is held together has a bound, so that an event of brackets that nobody closes is not read again and again. */
const EVENT_FIELD = /\[([^\]]{0,8192})\]|"((?:[^"\\]|\\[^]){0,8192})"|([^\s]+)/g;
/** An event that has more fields fits no pattern. */
const FIELDS_MAX = 1024;

export function readFieldsPattern(scanner: Scanner): LogPattern {
  const fields: (Field | '...')[] = [];
  do fields.push(readField(scanner));
  while (scanner.take(','));
  if (!scanner.take(']')) throw scanner.misformed('] or a comma is missing');
  scanner.skipSpaces();
  if (!scanner.isAtEnd()) throw scanner.misformed('there is something after ]');
  if (fields.filter((field) => field === '...').length > 1)
    throw scanner.misformed('it has more than one ...');

  const align = (message: string): readonly Aligned[] | undefined => alignFields(fields, fieldsOf(message));
  const extract = (message: string) =>
    Object.fromEntries(
      (align(message) ?? []).map(({ name, value }, index) => [`$${name || index + 1}`, value]),
    );
  return {
    matches(message) {
      const aligned = align(message);
      return aligned !== undefined && aligned.every(fitsField);
    },
    extract,
    valueOf: (message, selector) => {
      const values = extract(message);
      return Object.hasOwn(values, selector) ? values[selector] : undefined;
    },
  };
}

interface Aligned extends Field {
  readonly value: string;
}

function fitsField({ expression, value }: Aligned): boolean {
  if (!expression) return true;
  return holds(expression, ({ test }) => !test || compares(value, test.operator, test.comparand));
}

function readField(scanner: Scanner): Field | '...' {
  scanner.skipSpaces();
  if (scanner.take('...')) {
    scanner.skipSpaces();
    return '...';
  }
  if (scanner.match(/(?=[,\]])/y) !== undefined) return { name: '', expression: undefined };
  let name = '';
  const expression = readExpression(scanner, () => {
    const leaf = readLeaf(scanner);
    if (name !== '' && leaf.name !== name)
      throw scanner.misformed('the conditions of a field name one field');
    name = leaf.name;
    return leaf;
  });
  scanner.skipSpaces();
  return { name: name.replace(/^\$/, ''), expression };
}

function readLeaf(scanner: Scanner): Leaf {
  scanner.skipSpaces();
  const name = scanner.match(NAME);
  if (name === undefined) throw scanner.misformed('the name of a field is missing');
  const operator = readOperator(scanner);
  if (operator === undefined) return { name };
  return { name, test: { operator, comparand: readComparand(scanner, operator, BARE) } };
}

/** `undefined` when an event has another number of fields. */
function alignFields(
  fields: readonly (Field | '...')[],
  values: readonly string[],
): readonly Aligned[] | undefined {
  if (values.length > FIELDS_MAX) return undefined;
  const gap = fields.indexOf('...');
  const between = values.length - (fields.length - 1);
  if (gap < 0 ? values.length !== fields.length : between < 0) return undefined;
  const unnamed: Field = { name: '', expression: undefined };
  const all = fields.flatMap((field): Field[] =>
    field === '...' ? Array.from({ length: between }, () => unnamed) : [field],
  );
  return all.map((field, index) => ({ ...field, value: values[index] ?? '' }));
}

function fieldsOf(message: string): readonly string[] {
  const values: string[] = [];
  for (const [, bracketed, quoted, plain] of message.matchAll(EVENT_FIELD)) {
    values.push(bracketed ?? quoted ?? plain ?? '');
    if (values.length > FIELDS_MAX) break;
  }
  return values;
}
