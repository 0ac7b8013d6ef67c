/**
 * The one decision about every request: may this principal do this action on this resource? Follows "Policy evaluation
 * logic" of the IAM User Guide. A deny anywhere wins; then somebody must allow, and every limit must allow too. The
 * verdict says which policy and statement decided, for error texts and audit records.
 *
 *   deny? ─▶ resource policy names the user or session? ─▶ identity (or resource policy) allows? ─▶ boundary? ─▶ session?
 */

import type { PolicyDocument } from './document.ts';
import type { PolicySubject } from './principal.ts';
import { createQuery, findGrant, findStatement, type EvaluationRequest, type Query } from './statement.ts';
import { allow, deny, ROOT_ALLOWS, silence, type PolicyKind, type Verdict } from './verdict.ts';

export type { EvaluationRequest } from './statement.ts';
export { denialMessage, type PolicyKind, type StatementReference, type Verdict } from './verdict.ts';

export function evaluate(request: EvaluationRequest): Verdict {
  const query = createQuery(request);
  const resourceKind = query.isTrust ? 'trust' : 'resource';
  const resource = request.resourcePolicy === undefined ? [] : [request.resourcePolicy];
  const boundary = request.boundary === undefined ? [] : [request.boundary];
  const sides: readonly [PolicyKind, readonly PolicyDocument[]][] = [
    ['identity', hasIdentityPolicies(request.principal) ? request.identity : []],
    [resourceKind, resource],
    ['boundary', boundary],
    ['session', request.session ?? []],
  ];
  for (const [kind, documents] of sides) {
    const denied = findStatement(kind, documents, 'Deny', query);
    if (denied !== undefined) return deny(kind, denied.reference, request.action);
  }
  return decideAllow(request, query, resourceKind);
}

/** May the principal assume the role with this trust policy? The policy itself must allow; see `evaluate`. */
export function evaluateTrust(
  trustPolicy: PolicyDocument,
  request: Omit<EvaluationRequest, 'resourcePolicy'>,
): Verdict {
  return evaluate({ ...request, resourcePolicy: trustPolicy });
}

/** Nothing denies. Who allows, and do the limits allow too? */
function decideAllow(request: EvaluationRequest, query: Query, resourceKind: PolicyKind): Verdict {
  const { principal, action } = request;
  const granted = findGrant(resourceKind, request.resourcePolicy, query);
  if (principal.type === 'service' || principal.type === 'federated' || principal.type === 'anonymous') {
    return granted === undefined
      ? silence(resourceKind, action, request.resource)
      : allow(resourceKind, granted.reference);
  }
  const isForeign = query.resourceAccount !== principal.account;
  if ((isForeign || query.mustBeGranted) && granted === undefined)
    return silence(resourceKind, action, request.resource);
  if (principal.type === 'root') return ROOT_ALLOWS;
  if (!isForeign && granted?.reach === 'named') return allow(resourceKind, granted.reference);

  const allowedByResource = !isForeign && granted !== undefined && granted.reach !== 'account';
  const identity = findStatement('identity', request.identity, 'Allow', query);
  if (identity === undefined && !allowedByResource) return silence('identity', action, request.resource);
  for (const [kind, documents] of limitsOf(request)) {
    if (findStatement(kind, documents, 'Allow', query) === undefined)
      return silence(kind, action, request.resource);
  }
  if (identity !== undefined) return allow('identity', identity.reference);
  return granted === undefined
    ? silence('identity', action, request.resource)
    : allow(resourceKind, granted.reference);
}

function limitsOf(request: EvaluationRequest): readonly [PolicyKind, readonly PolicyDocument[]][] {
  const limits: [PolicyKind, readonly PolicyDocument[]][] = [];
  if (request.boundary !== undefined) limits.push(['boundary', [request.boundary]]);
  // An empty list is a session whose policies are gone: it may do nothing.
  if (request.session !== undefined) limits.push(['session', request.session]);
  return limits;
}

function hasIdentityPolicies(principal: PolicySubject): boolean {
  return principal.type === 'user' || principal.type === 'role';
}
