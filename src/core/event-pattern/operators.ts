/** The comparison operators of a pattern's leaves, `{"prefix": "us-"}` and so on, checked and made ready to test. */

import { parseRange } from '#core/policy/address.ts';
import type { Located } from './located-json.ts';
import { Misformed } from './misformed.ts';
import type { Bound, Scalar, TextTest, ValueTest } from './pattern.ts';
import { parseWildcard } from './wildcard.ts';

export const OPERATORS: ReadonlySet<string> = new Set([
  'exists',
  'prefix',
  'suffix',
  'equals-ignore-case',
  'wildcard',
  'numeric',
  'cidr',
  'anything-but',
]);

const NUMBER_MAX = 5_000_000_000;

/** Exactly one operator; `absent` for `{"exists": false}`, which tests no value. */
export function parseOperator(members: ReadonlyMap<string, Located>, at: number): ValueTest | 'absent' {
  const { name, value } = onlyMember(members, at);
  switch (name) {
    case 'exists':
      if (value.type !== 'scalar' || typeof value.value !== 'boolean') {
        throw new Misformed('exists match pattern must be either true or false.', value.at);
      }
      return value.value ? { type: 'exists' } : 'absent';
    case 'prefix':
    case 'suffix':
    case 'equals-ignore-case':
    case 'wildcard':
      return { type: 'text', text: parseTextTest(name, value) };
    case 'numeric':
      return parseNumeric(value);
    case 'cidr':
      return parseCidr(value);
    case 'anything-but':
      return parseAnythingBut(value);
    default:
      throw new Misformed(`Unrecognized match type ${name}`, at);
  }
}

function onlyMember(members: ReadonlyMap<string, Located>, at: number): { name: string; value: Located } {
  const [first, ...more] = members;
  if (!first) throw new Misformed('Empty objects are not allowed', at);
  if (more.length > 0) throw new Misformed('Only one key allowed in match expression', at);
  return { name: first[0], value: first[1] };
}

type TextOperator = 'prefix' | 'suffix' | 'equals-ignore-case' | 'wildcard';

function parseTextTest(name: TextOperator, value: Located): TextTest {
  if (value.type === 'object' && (name === 'prefix' || name === 'suffix')) {
    const inner = onlyMember(value.members, value.at);
    if (inner.name !== 'equals-ignore-case') {
      throw new Misformed(`Unsupported anything in ${name}: ${inner.name}`, inner.value.at);
    }
    return { type: name, text: textOf(name, inner.value).toLowerCase(), ignoresCase: true };
  }
  const text = textOf(name, value);
  switch (name) {
    case 'prefix':
    case 'suffix':
      return { type: name, text, ignoresCase: false };
    case 'equals-ignore-case':
      return { type: 'equals', text: text.toLowerCase(), ignoresCase: true };
    case 'wildcard': {
      const wildcard = parseWildcard(text);
      if ('error' in wildcard) throw new Misformed(wildcard.error, value.at);
      return { type: 'wildcard', wildcard };
    }
  }
}

function textOf(name: string, value: Located): string {
  if (value.type === 'scalar' && typeof value.value === 'string') return value.value;
  throw new Misformed(`${name} match pattern must be a string`, value.at);
}

/** `["=", 5]`, `[">", 0]`, `[">=", 0, "<", 5]` */
function parseNumeric(value: Located): ValueTest {
  if (value.type !== 'array') throw new Misformed('Value of numeric must be an array.', value.at);
  const parts = value.items.map((item) => (item.type === 'scalar' ? item.value : undefined));
  const [operator, first, second, last, ...more] = parts;
  const bound = numberOf(first, value.at);
  if (operator === '=' && parts.length === 2) {
    const equal: Bound = { value: bound, isInclusive: true };
    return { type: 'numeric', low: equal, high: equal };
  }
  if ((operator === '<' || operator === '<=') && parts.length === 2) {
    return { type: 'numeric', high: { value: bound, isInclusive: operator === '<=' } };
  }
  if (operator !== '>' && operator !== '>=') {
    throw new Misformed(`Unrecognized numeric range operator: ${JSON.stringify(operator)}`, value.at);
  }
  const low: Bound = { value: bound, isInclusive: operator === '>=' };
  if (parts.length === 2) return { type: 'numeric', low };
  if ((second !== '<' && second !== '<=') || more.length > 0) {
    throw new Misformed('Bad numeric range', value.at);
  }
  const high: Bound = { value: numberOf(last, value.at), isInclusive: second === '<=' };
  if (low.value >= high.value) throw new Misformed('Bottom must be less than top', value.at);
  return { type: 'numeric', low, high };
}

function numberOf(value: Scalar | undefined, at: number): number {
  if (typeof value !== 'number') throw new Misformed('Value of numeric must be a number', at);
  if (Math.abs(value) > NUMBER_MAX) {
    throw new Misformed(`Value must be between -${NUMBER_MAX} and ${NUMBER_MAX}, inclusive`, at);
  }
  return value;
}

function parseCidr(value: Located): ValueTest {
  const text = textOf('cidr', value);
  const range = text.includes('/') ? parseRange(text) : undefined;
  if (!range) throw new Misformed(`Malformed CIDR, one '/' required: ${JSON.stringify(text)}`, value.at);
  return { type: 'cidr', range };
}

function parseAnythingBut(value: Located): ValueTest {
  if (value.type === 'object') {
    const { name, value: inner } = onlyMember(value.members, value.at);
    if (name !== 'prefix' && name !== 'suffix' && name !== 'equals-ignore-case' && name !== 'wildcard') {
      throw new Misformed(`Unsupported anything-but pattern: ${name}`, value.at);
    }
    const texts = listOf(inner).map((item) => parseTextTest(name, item));
    if (texts.some((test) => 'text' in test && test.text === '')) {
      throw new Misformed('Null prefix/suffix not allowed', inner.at);
    }
    return { type: 'anything-but', values: new Set(), texts };
  }
  const values = listOf(value).map((item) => (item.type === 'scalar' ? item.value : undefined));
  const kinds = new Set(values.map((each) => typeof each));
  if (kinds.size !== 1 || !(kinds.has('string') || kinds.has('number'))) {
    throw new Misformed('Inside anything but list, either all values are number or string', value.at);
  }
  return { type: 'anything-but', values: new Set(values as readonly Scalar[]), texts: [] };
}

function listOf(value: Located): readonly Located[] {
  if (value.type !== 'array') return [value];
  if (value.items.length === 0) throw new Misformed('Empty arrays are not allowed', value.at);
  return value.items;
}
