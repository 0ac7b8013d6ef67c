/** The `userIdentity` of a record: who called, and through which service. See "CloudTrail userIdentity element". */

import { principalArn, type PolicySubject } from '#core/policy/principal.ts';

export interface UserIdentity {
  readonly type: 'Root' | 'IAMUser' | 'AssumedRole' | 'AWSService' | 'AWSAccount' | 'WebIdentityUser';
  readonly [member: string]: unknown;
}

/** `invokedBy` is the service that made the call under this identity; absent for calls from outside. */
export function userIdentityOf(
  principal: PolicySubject,
  accessKeyId: string | undefined,
  invokedBy: string | undefined,
): UserIdentity {
  const key = accessKeyId === undefined ? {} : { accessKeyId };
  const by = invokedBy === undefined ? {} : { invokedBy };
  switch (principal.type) {
    case 'root':
      return {
        type: 'Root',
        principalId: principal.account,
        arn: principalArn(principal),
        accountId: principal.account,
        ...key,
        ...sessionOf(principal.issuedAt),
        ...by,
      };
    case 'user':
      return {
        type: 'IAMUser',
        principalId: principal.userId,
        arn: principal.arn,
        accountId: principal.account,
        ...key,
        userName: principal.userName,
        ...sessionOf(principal.issuedAt),
        ...by,
      };
    case 'role':
      return {
        type: 'AssumedRole',
        principalId: `${principal.roleId}:${principal.sessionName}`,
        arn: principal.arn,
        accountId: principal.account,
        ...key,
        sessionContext: {
          sessionIssuer: {
            type: 'Role',
            principalId: principal.roleId,
            arn: principal.roleArn,
            accountId: principal.account,
            userName: principal.roleName,
          },
          ...sessionOf(principal.issuedAt).sessionContext,
          ...(principal.federatedProvider !== undefined && {
            webIdFederationData: { federatedProvider: principal.federatedProvider, attributes: {} },
          }),
          ...(principal.sourceIdentity !== undefined && { sourceIdentity: principal.sourceIdentity }),
        },
        ...by,
      };
    case 'federated':
      return {
        type: 'WebIdentityUser',
        principalId: `${principal.providerArn}:${principal.audience}:${principal.subject}`,
        userName: principal.subject,
        identityProvider: principal.providerArn,
      };
    case 'service':
      return { type: 'AWSService', invokedBy: principal.service };
    case 'anonymous':
      return { type: 'AWSAccount', principalId: '', accountId: 'ANONYMOUS_PRINCIPAL' };
  }
}

/** By which `LookupEvents` finds a person: the user's name, or the name of the role's session. */
export function userNameOf(principal: PolicySubject): string | undefined {
  switch (principal.type) {
    case 'root':
      return 'root';
    case 'user':
      return principal.userName;
    case 'role':
      return principal.sessionName;
    case 'federated':
      return principal.subject;
    case 'service':
    case 'anonymous':
      return undefined;
  }
}

/** `2026-11-25T13:20:00Z`: records have whole seconds. */
export function recordTime(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

/** Only temporary credentials have a session. */
function sessionOf(issuedAt: number | undefined): { readonly sessionContext?: object } {
  if (issuedAt === undefined) return {};
  return {
    sessionContext: { attributes: { creationDate: recordTime(issuedAt), mfaAuthenticated: 'false' } },
  };
}
