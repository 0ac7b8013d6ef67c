/**
 * STS: who a caller is, and temporary credentials of roles and users.
 *
 * Gaps: sign-in through SAML, federated users, encoded authorization messages, MFA.
 *
 * By design: a session token is the session, sealed; nothing is stored. A token of a user or role that was deleted, or
 * made anew, is refused when its policies are read. Managed session policies count as they are at each request. Providers
 * of web identities are visited only at public addresses, unless the operator names them; every claim that is a text, a
 * number or a truth is a condition key of trust policies.
 */

import type { InputOf } from '#services/clients.ts';
import { gap, type House, type Permission, type Service } from '#services/service.ts';
import { createAssumeRole } from './assume-role.ts';
import { callerOperations } from './callers.ts';
import { createIssuerKeys } from './issuer-keys.ts';
import { createIssuerWeb, readPrivateHosts } from './issuer-web.ts';
import { createTokens } from './tokens.ts';
import { createAssumeRoleWithWebIdentity } from './web-identity.ts';

export function openSts(house: House, environment: NodeJS.ProcessEnv = {}): Service<'sts'> {
  const tokens = createTokens(house.keyring, house.clock);
  const web = createIssuerWeb(readPrivateHosts(environment['SLIPWAY_OIDC_PRIVATE_ISSUERS']));
  const keys = createIssuerKeys(web, house.clock);
  return {
    name: 'sts',
    operations: {
      ...callerOperations(house, tokens),
      AssumeRole: createAssumeRole(house, tokens),
      AssumeRoleWithSAML: gap('of identity providers only those of OpenID Connect are supported'),
      AssumeRoleWithWebIdentity: createAssumeRoleWithWebIdentity(house, tokens, keys),
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
      // Who asks is not known before the token was proven; the handler asks for them.
      AssumeRoleWithWebIdentity: () => [],
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
