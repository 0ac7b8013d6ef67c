/** Whether a secret's policy lets everybody in. Pure. */

import type { Condition, PolicyDocument, Statement } from '#core/policy/document.ts';

/** Keys that say who it is, or where from, in a way that not everybody can meet. */
const NARROWING_KEYS = new Set([
  ...['aws:principalaccount', 'aws:principalarn', 'aws:principalorgid', 'aws:principalorgpaths'],
  ...['aws:sourceaccount', 'aws:sourcearn', 'aws:sourceowner', 'aws:sourcevpc', 'aws:sourcevpce'],
  ...['aws:userid', 'aws:sourceip', 'kms:calleraccount'],
]);
/** Operators that ask for a value: the negated ones, and those that a missing key meets, ask for none. */
const NARROWING_OPERATOR =
  /^(?:ForAnyValue:)?(?:String(?:Equals|EqualsIgnoreCase|Like)|Arn(?:Equals|Like)|IpAddress)$/;

export function isPublicPolicy(policy: PolicyDocument): boolean {
  return policy.statements.some((statement) => isPublicGrant(statement));
}

function isPublicGrant({ effect, principal, conditions }: Statement): boolean {
  if (effect !== 'Allow') return false;
  const isOpen =
    principal === undefined ||
    principal === '*' ||
    Object.values(principal).some((names) => names.includes('*'));
  return isOpen && !conditions.some(isNarrowing);
}

function isNarrowing({ operator, key, values }: Condition): boolean {
  return NARROWING_KEYS.has(key.toLowerCase()) && NARROWING_OPERATOR.test(operator) && !isWide(values);
}

function isWide(values: readonly string[]): boolean {
  return values.some((value) => /^[*?:]*$/.test(value) || /\/0$/.test(value));
}
