import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Json, matchesEvent } from './match.ts';
import { parseEventPattern } from './parse.ts';
import { matchesWildcard, parseWildcard } from './wildcard.ts';

/**
 * The slow reference: the pattern is multiplied out into rules of single alternatives, the event is laid out as a list
 * of leaves that know which element of which array they stand in, and all choices of leaves are tried.
 */
interface Leaf {
  readonly path: string;
  readonly value: Json;
  /** Array (by its place in the event) → element. */
  readonly membership: ReadonlyMap<string, number>;
}

function leavesOf(
  value: Json,
  path: string,
  place: string,
  membership: ReadonlyMap<string, number>,
): readonly Leaf[] {
  if (Array.isArray(value)) {
    return (value as readonly Json[]).flatMap((item, index) =>
      leavesOf(item, path, `${place}[${index}]`, new Map([...membership, [place, index]])),
    );
  }
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value as Record<string, Json>).flatMap(([name, item]) =>
      leavesOf(item, `${path}/${name}`, `${place}/${name}`, membership),
    );
  }
  return [{ path, value, membership }];
}

type Rule = readonly { readonly path: string; readonly alternative: Json }[];

function rulesOf(pattern: Record<string, Json>, path: string): readonly Rule[] {
  let rules: readonly Rule[] = [[]];
  for (const [name, value] of Object.entries(pattern)) {
    let more: readonly Rule[];
    if (name === '$or')
      more = (value as readonly Record<string, Json>[]).flatMap((each) => rulesOf(each, path));
    else if (Array.isArray(value)) {
      more = (value as readonly Json[]).map((alternative) => [{ path: `${path}/${name}`, alternative }]);
    } else more = rulesOf(value as Record<string, Json>, `${path}/${name}`);
    rules = rules.flatMap((left) => more.map((right) => [...left, ...right]));
  }
  return rules;
}

function isConsistent(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  return [...a].every(([array, index]) => !b.has(array) || b.get(array) === index);
}

function slowMatch(pattern: Record<string, Json>, event: Json): boolean {
  const leaves = leavesOf(event, '', '', new Map());
  return rulesOf(pattern, '').some((rule) => {
    const absent = rule.filter(({ alternative }) => JSON.stringify(alternative) === '{"exists":false}');
    const wanted = rule.filter((each) => !absent.includes(each));
    const choose = (index: number, membership: ReadonlyMap<string, number>): boolean => {
      const next = wanted[index];
      if (!next) {
        return absent.every(
          ({ path }) =>
            !leaves.some((leaf) => leaf.path === path && isConsistent(membership, leaf.membership)),
        );
      }
      return leaves
        .filter((leaf) => leaf.path === next.path && holds(next.alternative, leaf.value))
        .filter((leaf) => isConsistent(membership, leaf.membership))
        .some((leaf) => choose(index + 1, new Map([...membership, ...leaf.membership])));
    };
    return choose(0, new Map());
  });
}

function holds(alternative: Json, value: Json): boolean {
  if (typeof alternative !== 'object' || alternative === null) return alternative === value;
  const [name, operand] = Object.entries(alternative)[0] as [string, never];
  if (name === 'exists') return true;
  if (name === 'anything-but') return value !== operand;
  if (name === 'prefix') return typeof value === 'string' && value.startsWith(operand);
  return typeof value === 'number' && value < operand[1];
}

const scalar = fc.constantFrom<Json>('x', 'y', 'xy', 1, 2, null);
const alternative = fc.constantFrom<Json>(
  'x',
  'y',
  1,
  null,
  { exists: true },
  { exists: false },
  { exists: false },
  { prefix: 'x' },
  { 'anything-but': 'x' },
  { numeric: ['<', 2] },
);
const names = ['a', 'b', 'c'] as const;
const { event } = fc.letrec<{ event: Json; value: Json }>((tie) => ({
  event: fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 3 }) as fc.Arbitrary<Json>,
  value: fc.oneof(
    { maxDepth: 4 },
    scalar,
    tie('event'),
    fc.array(tie('value'), { maxLength: 3 }) as fc.Arbitrary<Json>,
  ),
}));
const leaf = fc.array(alternative, { minLength: 1, maxLength: 2 });
const { node } = fc.letrec<{ node: Record<string, Json> }>((tie) => {
  const field = fc.oneof({ maxDepth: 3 }, leaf, tie('node')) as fc.Arbitrary<Json>;
  const fields = fc.dictionary(fc.constantFrom(...names), field, { minKeys: 1, maxKeys: 2 });
  const or = fc.array(fields, { minLength: 2, maxLength: 2 }) as fc.Arbitrary<Json>;
  return {
    node: fc.oneof(
      fields,
      fc.tuple(fields, or).map(([plain, $or]) => ({ ...plain, $or })),
    ),
  };
});

test('matching agrees with trying every choice of leaves', () => {
  let agreed = 0;
  const property = fc.property(node, event, (pattern, given) => {
    const parsed = parseEventPattern(JSON.stringify(pattern));
    // A path that is tested twice is no pattern.
    fc.pre('pattern' in parsed);
    assert.equal(matchesEvent(parsed.pattern, given), slowMatch(pattern, given));
    agreed++;
  });
  fc.assert(property, { numRuns: 3000, maxSkipsPerRun: 20 });
  assert.ok(agreed > 1000);
});

test('wildcards agree with regular expressions', () => {
  const text = fc.array(fc.constantFrom('a', 'b', '*', '\\'), { maxLength: 12 }).map((each) => each.join(''));
  const source = fc
    .array(fc.constantFrom('a', 'b', 'ab', 'aab', '*', '\\*', '\\\\'), { maxLength: 8 })
    .map((each) => each.join(''))
    .filter((each) => !each.replaceAll('\\\\', '').replaceAll('\\*', '').includes('**'));
  const property = fc.property(source, text, (pattern, given) => {
    const wildcard = parseWildcard(pattern);
    if ('error' in wildcard) return;
    const expression = pattern.replace(/\\.|\*/g, (each) => (each === '*' ? '.*' : each));
    assert.equal(matchesWildcard(wildcard, given), new RegExp(`^(?:${expression})$`).test(given));
  });
  fc.assert(property, { numRuns: 2000 });
});
