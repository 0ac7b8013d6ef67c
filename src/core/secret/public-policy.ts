/** Whether a secret's policy lets everybody in. Pure. */

import type { PolicyDocument, Statement } from '#core/policy/document.ts';

/** Conditions that name who it is, or where from, in a way that nobody outside can meet. */
const NARROWING = new Set([
  ...['aws:principalaccount', 'aws:principalarn', 'aws:principalorgid', 'aws:principalorgpaths'],
  ...['aws:sourceaccount', 'aws:sourcearn', 'aws:sourceowner', 'aws:sourcevpc', 'aws:sourcevpce'],
  ...['aws:userid', 'aws:sourceip', 'kms:calleraccount'],
]);

export function isPublicPolicy(policy: PolicyDocument): boolean {
  return policy.statements.some((statement) => isPublicGrant(statement));
}

function isPublicGrant({ effect, principal, notPrincipal, conditions }: Statement): boolean {
  if (effect !== 'Allow') return false;
  const isOpen =
    notPrincipal !== undefined ||
    principal === '*' ||
    Object.values(principal ?? {}).some((names) => names.includes('*'));
  return isOpen && !conditions.some(({ key, values }) => NARROWING.has(key.toLowerCase()) && !isWide(values));
}

function isWide(values: readonly string[]): boolean {
  return values.some((value) => /^[*?:]*$/.test(value) || /^(?:0\.0\.0\.0|::)\/0$/.test(value));
}
