/**
 * Grants: who else may use a key, for what, and under which encryption context. A grant becomes a statement beside those
 * of the key policy, so that the one policy engine decides. Whether its constraints hold is found here, exactly (in
 * policies the names of pairs have no case), and told to the engine by the ids of the grants that apply. Pure.
 */

import type { PolicyDocument, Statement } from '#core/policy/document.ts';
import type { EncryptionContext } from './encryption-context.ts';

export interface Grant {
  readonly id: string;
  readonly granteePrincipal: string;
  readonly retiringPrincipal?: string | undefined;
  /** As the API names them: `GenerateDataKey`. */
  readonly operations: readonly string[];
  readonly constraints?: GrantConstraints | undefined;
}

export interface GrantConstraints {
  readonly EncryptionContextSubset?: EncryptionContext | undefined;
  readonly EncryptionContextEquals?: EncryptionContext | undefined;
}

/** Our own condition key: ids of the grants whose constraints the request meets. Requests cannot set it. */
export const GRANT_CONDITION = 'kms:GrantId';

const SERVICE_PRINCIPAL = /^[a-z0-9.-]+\.amazonaws\.com$/;
const ARN_PRINCIPAL =
  /^arn:aws:(?:iam::\d{12}:(?:root|user\/.+|role\/.+)|sts::\d{12}:(?:assumed-role|federated-user)\/.+)$/;

export function isGrantPrincipal(text: string): boolean {
  return ARN_PRINCIPAL.test(text) || SERVICE_PRINCIPAL.test(text);
}

/** Ids of the grants that a request with this encryption context meets. */
export function grantsMet(grants: readonly Grant[], context: EncryptionContext): readonly string[] {
  return grants.filter((grant) => isMet(grant.constraints, context)).map((grant) => grant.id);
}

function isMet(constraints: GrantConstraints | undefined, context: EncryptionContext): boolean {
  const { EncryptionContextSubset: subset, EncryptionContextEquals: equals } = constraints ?? {};
  if (subset && !includesAll(context, subset)) return false;
  return !equals || (includesAll(context, equals) && includesAll(equals, context));
}

function includesAll(whole: EncryptionContext, part: EncryptionContext): boolean {
  return Object.entries(part).every(([key, value]) => Object.hasOwn(whole, key) && whole[key] === value);
}

/** The key policy with its grants, as the engine sees both. */
export function withGrants(policy: PolicyDocument, grants: readonly Grant[]): PolicyDocument {
  if (grants.length === 0) return policy;
  return { ...policy, statements: [...policy.statements, ...grants.flatMap(statementsOf)] };
}

function statementsOf(grant: Grant): readonly Statement[] {
  const used = statementFor(grant.granteePrincipal, grant.operations.map(actionOf), grant.id);
  if (grant.retiringPrincipal === undefined) return [used];
  return [used, statementFor(grant.retiringPrincipal, ['kms:RetireGrant'], grant.id)];
}

function actionOf(operation: string): string {
  return `kms:${operation}`;
}

function statementFor(principal: string, actions: readonly string[], grantId: string): Statement {
  return {
    effect: 'Allow',
    principal: SERVICE_PRINCIPAL.test(principal) ? { Service: [principal] } : { AWS: [principal] },
    actions,
    resources: ['*'],
    conditions: [{ operator: 'ForAnyValue:StringEquals', key: GRANT_CONDITION, values: [grantId] }],
  };
}
