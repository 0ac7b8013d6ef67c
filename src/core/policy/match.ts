/**
 * Whether a statement speaks about an action, a resource and a principal. Actions are compared without regard to
 * case; resources and principals with it. A principal is never matched by part of an ARN: `*` stands alone.
 */

import { compileGlob, matchesGlob, type Glob, type GlobToken } from './glob.ts';
import type { PrincipalPattern } from './document.ts';
import { matchesArn, type ArnPattern, type Lookup, type Matched } from './pattern.ts';
import type { PolicySubject } from './principal.ts';

/** Actions of one statement: those without wildcards in a set, the others one by one. */
export interface ActionList {
  readonly exact: ReadonlySet<string>;
  readonly globs: readonly Glob[];
}

/**
 * How a resource policy reaches a principal. `named`: the user or the very session; limits of the identity do not
 * take such a grant away by silence. `role`: its role, a service, or everyone. `account`: only hands the decision to
 * the account's identity policies.
 */
export type Reach = 'named' | 'role' | 'account';

export function compileActions(actions: readonly string[]): ActionList {
  const exact = new Set<string>();
  const globs: Glob[] = [];
  for (const action of actions) {
    const lower = action.toLowerCase();
    if (!/[*?]/.test(lower)) exact.add(lower);
    else globs.push(compileGlob(wildcards(lower)));
  }
  return { exact, globs };
}

/** How everything that the pattern of an action matches begins, in lower case. */
export function actionPrefix(action: string): string {
  const wildcard = action.search(/[*?]/);
  return (wildcard < 0 ? action : action.slice(0, wildcard)).toLowerCase();
}

/** `action` in lower case. */
export function matchesAction(list: ActionList, action: string): boolean {
  return list.exact.has(action) || list.globs.some((glob) => matchesGlob(glob, action));
}

/** `parts` of the resource; an action without resource-level permissions asks for `['*']`, which only `*` covers. */
export function matchesResource(
  patterns: readonly ArnPattern[],
  parts: readonly string[],
  lookup: Lookup,
): Matched {
  let unresolved = false;
  for (const pattern of patterns) {
    const matched = matchesArn(pattern, parts, lookup);
    if (matched === true) return true;
    if (matched === undefined) unresolved = true;
  }
  return unresolved ? undefined : false;
}

export function reachOf(pattern: PrincipalPattern, principal: PolicySubject): Reach | undefined {
  if (pattern === '*') return 'role';
  let reach: Reach | undefined;
  for (const [kind, values] of Object.entries(pattern)) {
    for (const value of values) {
      const found = reachOfValue(kind, value, principal);
      if (found !== undefined && (reach === undefined || rank(found) < rank(reach))) reach = found;
    }
  }
  return reach;
}

function reachOfValue(kind: string, value: string, principal: PolicySubject): Reach | undefined {
  if (kind === 'Service') {
    return principal.type === 'service' && value.toLowerCase() === principal.service ? 'role' : undefined;
  }
  if (kind === 'Federated') {
    return principal.type === 'federated' && value === principal.providerArn ? 'role' : undefined;
  }
  if (kind !== 'AWS') return undefined;
  if (value === '*') return 'role';
  switch (principal.type) {
    case 'user':
      if (value === principal.arn || value === principal.userId) return 'named';
      break;
    case 'role':
      if (value === principal.arn) return 'named';
      if (value === principal.roleArn || value === principal.roleId) return 'role';
      break;
    case 'root':
      break;
    case 'service':
    case 'federated':
    case 'anonymous':
      return undefined;
  }
  const { account } = principal;
  return value === account || value === `arn:aws:iam::${account}:root` ? 'account' : undefined;
}

function rank(reach: Reach): number {
  return reach === 'named' ? 0 : reach === 'role' ? 1 : 2;
}

/** Actions have wildcards but no variables. */
function wildcards(text: string): GlobToken[] {
  return text
    .split(/([*?])/)
    .filter((piece) => piece !== '')
    .map((piece) => (piece === '*' ? 'star' : piece === '?' ? 'one' : { literal: piece }));
}
