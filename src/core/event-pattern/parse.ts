/**
 * Text → event pattern, or the reason why it is none, with its place. The rules are those of the library that
 * EventBridge itself uses (aws/event-ruler), as its documentation and AWS's pages tell them.
 */

import { type Located, parseLocatedJson, placeOf } from './located-json.ts';
import { OPERATORS, parseOperator } from './operators.ts';
import { COMBINATIONS_MAX, combineGroups, countCombinations } from './combinations.ts';
import type { PatternLeaf, PatternNode, ValueTest } from './pattern.ts';
import { Misformed } from './misformed.ts';

export type ParsedPattern = { readonly pattern: PatternNode } | { readonly error: string };

export function parseEventPattern(text: string): ParsedPattern {
  const parsed = parseLocatedJson(text);
  if ('error' in parsed) return { error: `${parsed.error} at ${placeOf(text, parsed.at)}` };
  try {
    if (parsed.json.type !== 'object') throw new Misformed('Filter is not an object', parsed.json.at);
    const pattern = readNode(parsed.json);
    if (countCombinations(pattern) > COMBINATIONS_MAX) {
      throw new Misformed(`$or makes more than ${COMBINATIONS_MAX} rule combinations`, parsed.json.at);
    }
    return { pattern: combineGroups(pattern) };
  } catch (error) {
    if (error instanceof Misformed) return { error: `${error.message} at ${placeOf(text, error.at)}` };
    throw error;
  }
}

type LocatedObject = Extract<Located, { readonly type: 'object' }>;
type LocatedArray = Extract<Located, { readonly type: 'array' }>;

function readNode(json: LocatedObject): PatternNode {
  if (json.members.size === 0) throw new Misformed('Empty objects are not allowed', json.at);
  const fields = new Map<string, PatternNode | PatternLeaf>();
  const groups: (readonly PatternNode[])[] = [];
  for (const [name, value] of json.members) {
    const branches = name === '$or' ? branchesOf(value) : undefined;
    if (branches) groups.push(branches.map(readNode));
    else if (value.type === 'object') fields.set(name, readNode(value));
    else if (value.type === 'array') fields.set(name, readLeaf(value));
    else throw new Misformed(`"${name}" must be an object or an array`, value.at);
  }
  return { type: 'node', fields, groups };
}

/** `$or` means or when it holds two or more objects of plain fields; otherwise it is a field like any other. */
function branchesOf(value: Located): readonly LocatedObject[] | undefined {
  if (value.type !== 'array' || value.items.length < 2) return undefined;
  const objects = value.items.filter((item) => item.type === 'object');
  if (objects.length !== value.items.length) return undefined;
  const arePlain = objects.every(
    (item) => item.members.size > 0 && [...item.members.keys()].every((name) => !OPERATORS.has(name)),
  );
  return arePlain ? objects : undefined;
}

function readLeaf(json: LocatedArray): PatternLeaf {
  if (json.items.length === 0) throw new Misformed('Empty arrays are not allowed', json.at);
  const tests: ValueTest[] = [];
  let allowsAbsence = false;
  for (const item of json.items) {
    if (item.type === 'array') throw new Misformed('Arrays inside arrays are not allowed', item.at);
    if (item.type === 'scalar') {
      tests.push({ type: 'equals', value: item.value });
      continue;
    }
    const test = parseOperator(item.members, item.at);
    if (test === 'absent') allowsAbsence = true;
    else tests.push(test);
  }
  return { type: 'leaf', tests, allowsAbsence };
}
