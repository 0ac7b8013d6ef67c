/**
 * AssumeRoleWithWebIdentity: whoever brings a token of an identity provider that the account knows takes on a role that
 * trusts this provider, without any key of ours. The request is not signed; the token is the proof. See
 * "AssumeRoleWithWebIdentity" in the STS API reference.
 *
 *   read the token ─▶ is its provider ours? ─▶ did it sign? ─▶ is it meant for us, now? ─▶ does the role trust it?
 */

import { fault, isFault, type Fault } from '#base/fault.ts';
import type { FederatedPrincipal, RolePrincipal } from '#core/policy/principal.ts';
import { isClaimFault, providerOf, readBearer, type Bearer } from '#core/web-identity/claims.ts';
import { parseIdToken, type IdToken } from '#core/web-identity/token.ts';
import type { Caller, Handler, House, Permission } from '#services/service.ts';
import { isSignedBy } from './id-token-signature.ts';
import type { IssuerKeys } from './issuer-keys.ts';
import { Unreachable } from './issuer-web.ts';
import { answerWith, findRole, readNarrowing, secondsFor } from './role-sessions.ts';
import type { Tokens } from './tokens.ts';

const ACTION = 'sts:AssumeRoleWithWebIdentity';

export function createAssumeRoleWithWebIdentity(
  house: House,
  tokens: Tokens,
  keys: IssuerKeys,
): Handler<'sts', 'AssumeRoleWithWebIdentity'> {
  const own = house.asService('sts');
  return async (call, input) => {
    if (input.ProviderId !== undefined)
      throw fault('ValidationException', 'ProviderId is for OAuth 2.0 providers, which are not supported.');
    const token = parseIdToken(input.WebIdentityToken ?? '');
    if (token === undefined) throw invalid('The ID Token provided is not a valid JWT.');
    const { provider, bearer } = await proveBearer(token, call.at);
    const subject: FederatedPrincipal = {
      type: 'federated',
      account: house.account,
      providerArn: arnOf(house.account, provider),
      subject: bearer.subject,
      audience: bearer.audience,
    };
    const roleArn = input.RoleArn ?? '';
    const sessionName = input.RoleSessionName ?? '';
    await call.authorizeAs(subject, ...permissionsFor(bearer, roleArn, sessionName));
    const role = await findRole(own, roleArn);
    if (role === undefined) throw fault('AccessDeniedException', `Not authorized to perform ${ACTION}`);
    const expiresAt = call.at + 1000 * secondsFor(input.DurationSeconds, role.secondsMax, false);
    const { sessionPolicies, packedPercent } = await readNarrowing(own, input, bearer);
    const session: RolePrincipal = {
      type: 'role',
      account: house.account,
      roleName: role.name,
      roleId: role.id,
      roleArn: role.arn,
      sessionName,
      arn: `arn:aws:sts::${house.account}:assumed-role/${role.name}/${sessionName}`,
      issuedAt: call.at,
      expiresAt,
      chained: false,
      sessionPolicies,
      federatedProvider: subject.providerArn,
      ...(bearer.sourceIdentity !== undefined && { sourceIdentity: bearer.sourceIdentity }),
      ...(bearer.tags.length > 0 && {
        sessionTags: Object.fromEntries(bearer.tags.map(({ Key: key, Value: value }) => [key, value])),
      }),
      ...(bearer.transitiveTagKeys.length > 0 && { transitiveTagKeys: bearer.transitiveTagKeys }),
    };
    return {
      ...answerWith(tokens, session, packedPercent),
      SubjectFromWebIdentityToken: bearer.subject,
      Provider: `https://${provider}`,
      Audience: bearer.audience,
    };
  };

  async function proveBearer(token: IdToken, at: number) {
    const provider = providerOf(token.claims);
    if (provider === undefined)
      throw invalid('The issuer of the token must be a URL that begins with https://.');
    const registered = await findProvider(own, house.account, provider);
    if (registered === undefined)
      throw invalid(`No OpenIDConnect provider found in your account for https://${provider}`);
    await proveSignature(token, provider, registered.ThumbprintList ?? []);
    const bearer = readBearer(token.claims, provider, registered.ClientIDList ?? [], at);
    if (isClaimFault(bearer)) throw fault(bearer.code, bearer.message);
    return { provider, bearer };
  }

  async function proveSignature(
    token: IdToken,
    provider: string,
    thumbprints: readonly string[],
  ): Promise<void> {
    try {
      const candidates = await keys.find({ provider, thumbprints }, token.keyId);
      if (candidates.length === 0)
        throw invalid('No key of the identity provider has the id that the token names.');
      if (!candidates.some(({ key }) => isSignedBy(token, key)))
        throw invalid('The signature of the token is not that of its identity provider.');
    } catch (cause) {
      if (!(cause instanceof Unreachable)) throw cause;
      house.log.warn('an identity provider could not be asked for its keys', { provider, error: cause });
      const message = "Couldn't retrieve verification key from your identity provider.";
      throw fault('IDPCommunicationErrorException', message, { cause });
    }
  }
}

/** Tags and a source identity are further things that the trust policy must allow. */
function permissionsFor(bearer: Bearer, resource: string, sessionName: string): readonly Permission[] {
  const { tags, transitiveTagKeys, sourceIdentity } = bearer;
  const context: Record<string, string | readonly string[]> = {
    ...bearer.context,
    'sts:RoleSessionName': sessionName,
  };
  if (sourceIdentity !== undefined) context['sts:SourceIdentity'] = sourceIdentity;
  if (transitiveTagKeys.length > 0) context['sts:TransitiveTagKeys'] = transitiveTagKeys;
  for (const { Key: key, Value: value } of tags) context[`aws:RequestTag/${key}`] = value;
  if (tags.length > 0) context['aws:TagKeys'] = tags.map((tag) => tag.Key);
  const actions = [
    ACTION,
    ...(tags.length > 0 ? ['sts:TagSession'] : []),
    ...(sourceIdentity === undefined ? [] : ['sts:SetSourceIdentity']),
  ];
  return actions.map((action) => ({ action, resource, context }));
}

function arnOf(account: string, provider: string): string {
  return `arn:aws:iam::${account}:oidc-provider/${provider}`;
}

async function findProvider(own: Caller, account: string, provider: string) {
  try {
    return await own.send('iam:GetOpenIDConnectProvider', {
      OpenIDConnectProviderArn: arnOf(account, provider),
    });
  } catch (error) {
    // What a token names may not even have the form of a provider.
    if (isFault(error, 'NoSuchEntityException') || isFault(error, 'ValidationException')) return undefined;
    throw error;
  }
}

function invalid(message: string): Fault {
  return fault('InvalidIdentityTokenException', message);
}
