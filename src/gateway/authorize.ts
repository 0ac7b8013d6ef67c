/**
 * May they? Gathers what counts for a principal and a resource, adds the condition keys of the request, and asks the
 * one policy engine, for every call, from outside and inside. The answer is nothing, or AWS's AccessDenied with the
 * engine's explanation in it.
 */

import { parseArn } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import { principalContext } from '#core/policy/context.ts';
import type { PolicyDocument } from '#core/policy/document.ts';
import { denialMessage, evaluate } from '#core/policy/evaluate.ts';
import type { PolicySubject, RolePrincipal, UserPrincipal } from '#core/policy/principal.ts';
import type { Permission, PrincipalPolicies } from '#services/service.ts';
import type { Rooms } from './rooms.ts';
import { isServiceLinked } from './service-linked.ts';

/** Where a request comes from, as conditions in policies see it. */
export interface Origin {
  /** The client's address, or the calling service. */
  readonly source: string;
  /** The resource for which a calling service acts. */
  readonly sourceArn?: string;
  /** The address again, only when the request came over the network. */
  readonly address: string | undefined;
  readonly userAgent: string;
  readonly referer: string | undefined;
  readonly secure: boolean;
  readonly region: string;
  /** Services that pass on the identity of the one who called them, first to last. */
  readonly calledVia: readonly string[];
  /** Condition keys of the signature: `s3:authType` and the like. */
  readonly signature: Readonly<Record<string, string>>;
}

export type Authorize = (
  principal: PolicySubject,
  permissions: readonly Permission[],
  origin: Origin,
  at: number,
) => Promise<void>;

/**
 * The account itself may always repair the policy of its bucket, or a wrong Deny would lock the bucket for ever. See
 * "PutBucketPolicy" in the S3 API reference.
 */
const RECOVERY_ACTIONS = new Set(['s3:GetBucketPolicy', 's3:PutBucketPolicy', 's3:DeleteBucketPolicy']);
const NO_POLICIES: PrincipalPolicies = { identity: [], tags: {} };

export function createAuthorize(rooms: Rooms): Authorize {
  return async (principal, permissions, origin, at) => {
    // Also where nothing need be allowed: it fails for a user or role that is gone, whose sessions may live on.
    const policies = hasPolicies(principal)
      ? ((await rooms.identities?.policiesOf(principal)) ?? NO_POLICIES)
      : NO_POLICIES;
    if (permissions.length === 0) return;
    const context = { ...principalContext(principal, policies.tags, at), ...originContext(origin) };
    for (const permission of permissions) {
      const { action, resource } = permission;
      const verdict = evaluate({
        principal,
        action,
        resource,
        context: permission.context ? { ...context, ...permission.context } : context,
        identity: policies.identity,
        resourcePolicy: await resourcePolicyOf(rooms, action, resource),
        boundary: policies.boundary,
        session: policies.session,
      });
      if (verdict.decision === 'allow') continue;
      if (verdict.decision === 'implicitDeny' && isServiceLinked(principal, action)) continue;
      if (principal.type === 'root' && RECOVERY_ACTIONS.has(action)) continue;
      throw fault('AccessDeniedException', denialMessage(verdict, principal, action, resource));
    }
  };
}

/** The account itself, services, strangers and those who come from outside have no policies of their own. */
function hasPolicies(principal: PolicySubject): principal is UserPrincipal | RolePrincipal {
  return principal.type === 'user' || principal.type === 'role';
}

/** The policy of a role says who may take it on, so it counts for nothing else. */
async function resourcePolicyOf(
  rooms: Rooms,
  action: string,
  resource: string,
): Promise<PolicyDocument | undefined> {
  const service = parseArn(resource)?.service;
  if (service === undefined || (service === 'iam' && !action.startsWith('sts:'))) return undefined;
  return rooms.find(service)?.resourcePolicy?.(resource);
}

function originContext(origin: Origin): Record<string, string | readonly string[]> {
  const { calledVia } = origin;
  const first = calledVia[0];
  const last = calledVia.at(-1);
  return {
    ...origin.signature,
    'aws:SecureTransport': String(origin.secure),
    'aws:RequestedRegion': origin.region,
    'aws:UserAgent': origin.userAgent,
    'aws:ViaAWSService': String(calledVia.length > 0),
    ...(origin.address !== undefined && { 'aws:SourceIp': origin.address }),
    ...(origin.referer !== undefined && { 'aws:Referer': origin.referer }),
    ...(first !== undefined &&
      last !== undefined && {
        'aws:CalledVia': calledVia,
        'aws:CalledViaFirst': first,
        'aws:CalledViaLast': last,
      }),
  };
}
