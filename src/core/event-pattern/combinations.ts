/**
 * `$or` beside fields of the same name: conditions below one array must hold in one element, also when one of them
 * stands in a branch. So where a branch and its surroundings go into the same field, they are multiplied out and
 * joined; everywhere else `$or` is matched as it stands. The number of combinations is bounded.
 */

import { Misformed } from './misformed.ts';
import type { PatternLeaf, PatternNode } from './pattern.ts';

export const COMBINATIONS_MAX = 1000;

/** How many patterns without `$or` this one stands for. */
export function countCombinations(node: PatternNode): number {
  let count = 1;
  for (const field of node.fields.values()) if (field.type === 'node') count *= countCombinations(field);
  for (const branches of node.groups) {
    count *= branches.reduce((sum, branch) => sum + countCombinations(branch), 0);
  }
  return count;
}

/** Throws `Misformed` for a path that is tested twice. */
export function combineGroups(node: PatternNode): PatternNode {
  const fields = new Map(
    [...node.fields].map(([name, field]) => [name, field.type === 'node' ? combineGroups(field) : field]),
  );
  const groups = node.groups.map((branches) => branches.map(combineGroups));
  const combined: PatternNode = { type: 'node', fields, groups };
  if (!sharesFields(combined)) return combined;
  let products: readonly PatternNode[] = [{ type: 'node', fields, groups: [] }];
  for (const branches of groups) {
    products = products.flatMap((left) => branches.map((right) => joinNodes(left, right)));
  }
  return { type: 'node', fields: new Map(), groups: [products] };
}

/** Whether a field name occurs in more than one of: the fields, and each group. */
function sharesFields(node: PatternNode): boolean {
  const seen = new Set(node.fields.keys());
  for (const branches of node.groups) {
    const names = new Set(branches.flatMap((branch) => [...fieldNamesOf(branch)]));
    for (const name of names) {
      if (seen.has(name)) return true;
      seen.add(name);
    }
  }
  return false;
}

function fieldNamesOf(node: PatternNode): ReadonlySet<string> {
  const nested = node.groups.flatMap((branches) => branches.flatMap((branch) => [...fieldNamesOf(branch)]));
  return new Set([...node.fields.keys(), ...nested]);
}

function joinNodes(left: PatternNode, right: PatternNode): PatternNode {
  const fields = new Map<string, PatternNode | PatternLeaf>(left.fields);
  for (const [name, field] of right.fields) {
    const other = fields.get(name);
    if (!other) fields.set(name, field);
    else if (other.type === 'node' && field.type === 'node') fields.set(name, joinNodes(other, field));
    else throw new Misformed(`Path \`${name}\` cannot be allowed multiple times`, 0);
  }
  return combineGroups({ type: 'node', fields, groups: [...left.groups, ...right.groups] });
}
