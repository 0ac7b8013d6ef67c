/** The condition keys that come with a principal and with the time, the same for every request; pure. */

import { principalArn, type PolicySubject } from './principal.ts';

/** See "AWS global condition context keys" for each. */
export function principalContext(
  principal: PolicySubject,
  tags: Readonly<Record<string, string>>,
  at: number,
): Record<string, string | readonly string[]> {
  const context: Record<string, string | readonly string[]> = {
    'aws:CurrentTime': new Date(at).toISOString(),
    'aws:EpochTime': String(Math.floor(at / 1000)),
  };
  for (const [key, value] of Object.entries(tags)) context[`aws:PrincipalTag/${key}`] = value;
  addPrincipal(context, principal);
  return context;
}

function addPrincipal(context: Record<string, string | readonly string[]>, principal: PolicySubject): void {
  context['aws:PrincipalIsAWSService'] = String(principal.type === 'service');
  switch (principal.type) {
    case 'anonymous':
      context['aws:PrincipalType'] = 'Anonymous';
      context['aws:userid'] = 'anonymous';
      return;
    case 'federated':
      context['aws:FederatedProvider'] = principal.providerArn;
      return;
    case 'service':
      context['aws:PrincipalServiceName'] = principal.service;
      if (principal.sourceArn !== undefined) context['aws:SourceArn'] = principal.sourceArn;
      if (principal.sourceAccount !== undefined) context['aws:SourceAccount'] = principal.sourceAccount;
      return;
    case 'root':
      context['aws:PrincipalType'] = 'Account';
      context['aws:userid'] = principal.account;
      addIssueTime(context, principal.issuedAt);
      break;
    case 'user':
      context['aws:PrincipalType'] = 'User';
      context['aws:userid'] = principal.userId;
      context['aws:username'] = principal.userName;
      addIssueTime(context, principal.issuedAt);
      break;
    case 'role':
      context['aws:PrincipalType'] = 'AssumedRole';
      context['aws:userid'] = `${principal.roleId}:${principal.sessionName}`;
      addIssueTime(context, principal.issuedAt);
      if (principal.sourceIdentity !== undefined) context['aws:SourceIdentity'] = principal.sourceIdentity;
      if (principal.federatedProvider !== undefined)
        context['aws:FederatedProvider'] = principal.federatedProvider;
      break;
  }
  // Policies name the role, whatever its sessions are called.
  context['aws:PrincipalArn'] = principal.type === 'role' ? principal.roleArn : principalArn(principal);
  context['aws:PrincipalAccount'] = principal.account;
}

/** Long-term keys have none, and no MFA key either. */
function addIssueTime(
  context: Record<string, string | readonly string[]>,
  issuedAt: number | undefined,
): void {
  if (issuedAt === undefined) return;
  context['aws:TokenIssueTime'] = new Date(issuedAt).toISOString();
  context['aws:MultiFactorAuthPresent'] = 'false';
}
