/**
 * The Condition block of a statement: every operator and key must hold, one of the values is enough; operators that
 * say "not" hold when none of the values matches. See "IAM JSON policy elements: Condition operators" and "Multivalued
 * context keys" in the IAM User Guide.
 */

import { isInRange, parseRange } from './address.ts';
import type { Condition } from './document.ts';
import {
  compileArnPattern,
  compilePattern,
  matchesArn,
  matchesPattern,
  resolvePattern,
  splitArn,
  type Lookup,
  type Matched,
} from './pattern.ts';

/** What is known about a request: keys in lower case, each with its values. */
export type Context = ReadonlyMap<string, readonly string[]>;

export interface CompiledCondition {
  readonly key: string;
  readonly set: 'all' | 'any' | undefined;
  readonly ifExists: boolean;
  readonly test: Test;
}

/** `absent` is for Null alone. Positive tests are or-ed over the values; negated ones hold when none matches. */
type Test =
  | { readonly type: 'absent'; readonly expected: readonly boolean[] }
  | { readonly type: 'match'; readonly negated: boolean; readonly matchers: readonly Matcher[] };

type Matcher = (text: string, lookup: Lookup) => Matched;
type CreateMatcher = (value: string, withVariables: boolean) => Matcher;

const never: Matcher = () => false;

export function createContext(values: Readonly<Record<string, string | readonly string[]>>): Context {
  const context = new Map<string, readonly string[]>();
  for (const [key, value] of Object.entries(values)) {
    context.set(key.toLowerCase(), typeof value === 'string' ? [value] : value);
  }
  return context;
}

/** `undefined` for an operator that does not exist. */
export function compileCondition(
  condition: Condition,
  withVariables: boolean,
): CompiledCondition | undefined {
  const [, set, name = '', ifExists] =
    /^(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?$/.exec(condition.operator) ?? [];
  const shared = {
    key: condition.key.toLowerCase(),
    set: set === 'ForAllValues' ? ('all' as const) : set === 'ForAnyValue' ? ('any' as const) : undefined,
    ifExists: ifExists !== undefined,
  };
  if (name === 'Null') {
    const expected = condition.values.map((value) => value.toLowerCase() === 'true');
    return { ...shared, test: { type: 'absent', expected } };
  }
  const operator = OPERATORS.get(name);
  if (operator === undefined) return undefined;
  const matchers = condition.values.map((value) => operator.create(value, withVariables));
  return { ...shared, test: { type: 'match', negated: operator.negated, matchers } };
}

/** `undefined` means that a variable has no value: the statement does not apply. */
export function holds(condition: CompiledCondition, context: Context, lookup: Lookup): Matched {
  const texts = context.get(condition.key) ?? [];
  const { test, set } = condition;
  if (test.type === 'absent') return test.expected.includes(texts.length === 0);
  if (texts.length === 0) {
    if (condition.ifExists || set === 'all') return true;
    return set === 'any' ? false : test.negated;
  }
  let unresolved = false;
  const one = (text: string): boolean => {
    const matched = matchesOne(test.matchers, text, lookup);
    if (matched === undefined) unresolved = true;
    return test.negated ? matched === false : matched === true;
  };
  const all = set === 'all' || (set === undefined && test.negated);
  const held = all ? texts.every(one) : texts.some(one);
  return !held && unresolved ? undefined : held;
}

function matchesOne(matchers: readonly Matcher[], text: string, lookup: Lookup): Matched {
  let unresolved = false;
  for (const matcher of matchers) {
    const matched = matcher(text, lookup);
    if (matched === true) return true;
    if (matched === undefined) unresolved = true;
  }
  return unresolved ? undefined : false;
}

const equals: CreateMatcher = (value, withVariables) => {
  const pattern = compilePattern(value, withVariables);
  return (text, lookup) => {
    const resolved = resolvePattern(pattern, lookup);
    return resolved === undefined ? undefined : resolved === text;
  };
};

const equalsIgnoreCase: CreateMatcher = (value, withVariables) => {
  const pattern = compilePattern(value, withVariables);
  return (text, lookup) => {
    const resolved = resolvePattern(pattern, lookup);
    return resolved === undefined ? undefined : resolved.toLowerCase() === text.toLowerCase();
  };
};

const like: CreateMatcher = (value, withVariables) => {
  const pattern = compilePattern(value, withVariables);
  return (text, lookup) => matchesPattern(pattern, text, lookup);
};

const arn: CreateMatcher = (value, withVariables) => {
  const pattern = compileArnPattern(value, withVariables);
  return (text, lookup) => matchesArn(pattern, splitArn(text), lookup);
};

const address: CreateMatcher = (value) => {
  const range = parseRange(value);
  return range === undefined ? never : (text) => isInRange(range, text);
};

type Compare = (left: number, right: number) => boolean;

const numeric =
  (compare: Compare): CreateMatcher =>
  (value) =>
    comparing(parseNumber, compare, value);

const date =
  (compare: Compare): CreateMatcher =>
  (value) =>
    comparing(parseDate, compare, value);

function comparing(parse: (text: string) => number | undefined, compare: Compare, value: string): Matcher {
  const right = parse(value);
  if (right === undefined) return never;
  return (text) => {
    const left = parse(text);
    return left !== undefined && compare(left, right);
  };
}

export function parseNumber(text: string): number | undefined {
  return /^[+-]?\d{1,18}(\.\d{1,18})?$/.test(text) ? Number(text) : undefined;
}

/** Milliseconds since the epoch, of ISO 8601 (UTC unless it says otherwise) or of seconds since the epoch. */
export function parseDate(text: string): number | undefined {
  if (/^-?\d{5,12}(\.\d{1,9})?$/.test(text)) return Number(text) * 1000;
  if (/^\d{4}(-\d{2}(-\d{2})?)?$/.test(text))
    return valid(Date.parse(`${text}${DATE_END[text.length] ?? ''}`));
  const found = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:?\d{2})?$/.exec(text);
  if (found === null) return undefined;
  const zone = (found[2] ?? 'Z').replace(/^([+-]\d{2})(\d{2})$/, '$1:$2');
  return valid(Date.parse(`${found[1]}${zone}`));
}

/** What makes a year, a month or a day a time of UTC. */
const DATE_END: Readonly<Record<number, string>> = {
  4: '-01-01T00:00:00Z',
  7: '-01T00:00:00Z',
  10: 'T00:00:00Z',
};

function valid(time: number): number | undefined {
  return Number.isNaN(time) ? undefined : time;
}

const same: Compare = (left, right) => left === right;
const less: Compare = (left, right) => left < right;
const atMost: Compare = (left, right) => left <= right;
const greater: Compare = (left, right) => left > right;
const atLeast: Compare = (left, right) => left >= right;

const yes = (create: CreateMatcher) => ({ negated: false, create });
const no = (create: CreateMatcher) => ({ negated: true, create });

const OPERATORS: ReadonlyMap<string, { readonly negated: boolean; readonly create: CreateMatcher }> = new Map(
  [
    ['StringEquals', yes(equals)],
    ['StringNotEquals', no(equals)],
    ['StringEqualsIgnoreCase', yes(equalsIgnoreCase)],
    ['StringNotEqualsIgnoreCase', no(equalsIgnoreCase)],
    ['StringLike', yes(like)],
    ['StringNotLike', no(like)],
    ['NumericEquals', yes(numeric(same))],
    ['NumericNotEquals', no(numeric(same))],
    ['NumericLessThan', yes(numeric(less))],
    ['NumericLessThanEquals', yes(numeric(atMost))],
    ['NumericGreaterThan', yes(numeric(greater))],
    ['NumericGreaterThanEquals', yes(numeric(atLeast))],
    ['DateEquals', yes(date(same))],
    ['DateNotEquals', no(date(same))],
    ['DateLessThan', yes(date(less))],
    ['DateLessThanEquals', yes(date(atMost))],
    ['DateGreaterThan', yes(date(greater))],
    ['DateGreaterThanEquals', yes(date(atLeast))],
    ['Bool', yes(equalsIgnoreCase)],
    ['BinaryEquals', yes((value) => (text) => value === text)],
    ['IpAddress', yes(address)],
    ['NotIpAddress', no(address)],
    ['ArnEquals', yes(arn)],
    ['ArnLike', yes(arn)],
    ['ArnNotEquals', no(arn)],
    ['ArnNotLike', no(arn)],
  ],
);
