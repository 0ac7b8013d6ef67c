/**
 * STS: who a caller is, and temporary credentials of roles and users.
 *
 * Gaps: sign-in through identity providers, federated users, encoded authorization messages, MFA.
 *
 * By design: a session token is the session, sealed; nothing is stored. A token of a user or role that was deleted, or
 * made anew, is refused when its policies are read. Managed session policies count as they are at each request.
 */

import type { InputOf } from '#services/clients.ts';
import { gap, type House, type Permission, type Service } from '#services/service.ts';
import { createAssumeRole } from './assume-role.ts';
import { callerOperations } from './callers.ts';
import { createTokens } from './tokens.ts';

export function openSts(house: House): Service<'sts'> {
  const tokens = createTokens(house.keyring, house.clock);
  return {
    name: 'sts',
    operations: {
      ...callerOperations(house, tokens),
      AssumeRole: createAssumeRole(house, tokens),
      AssumeRoleWithSAML: gap('sign-in through other identity providers is not supported yet'),
      AssumeRoleWithWebIdentity: gap('sign-in through other identity providers is not supported yet'),
      AssumeRoot: gap('there is one account, and no organization above it'),
      DecodeAuthorizationMessage: gap('denials explain themselves; no message is encoded'),
      GetDelegatedAccessToken: gap('delegation requests are not supported'),
      GetFederationToken: gap('federated users are not supported yet; assume a role with a session policy'),
      GetScopedCredentials: gap('scoped credentials are not supported'),
      GetWebIdentityToken: gap('Slipway is no identity provider for others yet'),
    },
    permissions: {
      // Not even an explicit deny takes it away.
      GetCallerIdentity: () => [],
      GetSessionToken: () => [],
      AssumeRole: assumePermissions,
    },
    machines: [],
    migrations: [],
    sessions: tokens,
  };
}

/** Tags and a source identity are further things that the trust policy must allow. */
function assumePermissions(input: InputOf<'sts', 'AssumeRole'>): readonly Permission[] {
  const resource = input.RoleArn ?? '*';
  const tags = input.Tags ?? [];
  const context: Record<string, string | readonly string[]> = {
    'sts:RoleSessionName': input.RoleSessionName ?? '',
  };
  if (input.ExternalId !== undefined) context['sts:ExternalId'] = input.ExternalId;
  if (input.SourceIdentity !== undefined) context['sts:SourceIdentity'] = input.SourceIdentity;
  if (input.TransitiveTagKeys?.length) context['sts:TransitiveTagKeys'] = input.TransitiveTagKeys;
  for (const { Key: key, Value: value } of tags) context[`aws:RequestTag/${key}`] = value ?? '';
  if (tags.length > 0) context['aws:TagKeys'] = tags.map(({ Key: key }) => key ?? '');
  const actions = [
    'sts:AssumeRole',
    ...(tags.length > 0 ? ['sts:TagSession'] : []),
    ...(input.SourceIdentity === undefined ? [] : ['sts:SetSourceIdentity']),
  ];
  return actions.map((action) => ({ action, resource, context }));
}
