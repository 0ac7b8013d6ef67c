/**
 * AssumeRole. The gateway has already asked the role's trust policy and the caller's own policies (`index.ts` says for
 * what); here the session is made, with what it inherits from the session before.
 */

import { fault, type Fault } from '#base/fault.ts';
import { principalArn, type RolePrincipal } from '#core/policy/principal.ts';
import type { InputOf, OutputOf } from '#services/clients.ts';
import type { Call, Handler, House } from '#services/service.ts';
import { answerWith, findRole, readNarrowing, secondsFor } from './role-sessions.ts';
import type { Tokens } from './tokens.ts';

type Input = InputOf<'sts', 'AssumeRole'>;

export function createAssumeRole(house: House, tokens: Tokens): Handler<'sts', 'AssumeRole'> {
  const own = house.asService('sts');
  return async (call, input): Promise<OutputOf<'sts', 'AssumeRole'>> => {
    const { principal: caller } = call;
    if (caller.type === 'root' || caller.type === 'anonymous') {
      throw fault('AccessDeniedException', 'Roles may not be assumed by root accounts.');
    }
    if (input.SerialNumber !== undefined || input.TokenCode !== undefined) {
      throw fault('AccessDeniedException', 'MultiFactorAuthentication failed, the caller has no MFA device.');
    }
    if (input.ProvidedContexts !== undefined && input.ProvidedContexts.length > 0) {
      throw fault('ValidationException', 'ProvidedContexts needs an identity provider, and there is none.');
    }
    const roleArn = input.RoleArn ?? '';
    const role = await findRole(own, roleArn);
    // A role that does not exist is answered as one that may not be assumed.
    if (role === undefined) throw refused(call, roleArn);
    const chained = caller.type === 'role';
    const expiresAt = call.at + 1000 * secondsFor(input.DurationSeconds, role.secondsMax, chained);
    const given = { tags: input.Tags ?? [], transitiveTagKeys: input.TransitiveTagKeys ?? [] };
    const { sessionPolicies, packedPercent } = await readNarrowing(own, input, given);
    const sessionName = input.RoleSessionName ?? '';
    const sourceIdentity = sourceIdentityFor(call, input);
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
      ...(sourceIdentity === undefined ? {} : { sourceIdentity }),
      chained,
      sessionPolicies,
      ...tagsFor(call, input),
    };
    return answerWith(tokens, session, packedPercent);
  };
}

function refused(call: Call, roleArn: string): Fault {
  const who = principalArn(call.principal);
  return fault(
    'AccessDeniedException',
    `User: ${who} is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`,
  );
}

/** Once set it stays through all further roles. */
function sourceIdentityFor(call: Call, input: Input): string | undefined {
  const inherited = call.principal.type === 'role' ? call.principal.sourceIdentity : undefined;
  if (inherited !== undefined && input.SourceIdentity !== undefined && input.SourceIdentity !== inherited) {
    throw fault(
      'AccessDeniedException',
      'The source identity of a session cannot be changed by role chaining.',
    );
  }
  return inherited ?? input.SourceIdentity;
}

type SessionTags = Pick<RolePrincipal, 'sessionTags' | 'transitiveTagKeys'>;

function tagsFor(call: Call, input: Input): SessionTags {
  const given = Object.fromEntries(
    (input.Tags ?? []).map(({ Key: key, Value: value }) => [key ?? '', value ?? '']),
  );
  const inherited = inheritedTags(call);
  const isOverridden = Object.keys(given).some((key) => Object.hasOwn(inherited, key));
  if (isOverridden)
    throw fault('AccessDeniedException', 'Transitive tags of the calling session cannot be replaced.');
  const sessionTags = { ...inherited, ...given };
  const transitiveTagKeys = [...Object.keys(inherited), ...(input.TransitiveTagKeys ?? [])];
  return {
    ...(Object.keys(sessionTags).length === 0 ? {} : { sessionTags }),
    ...(transitiveTagKeys.length === 0 ? {} : { transitiveTagKeys }),
  };
}

function inheritedTags(call: Call): Readonly<Record<string, string>> {
  if (call.principal.type !== 'role') return {};
  const { sessionTags = {}, transitiveTagKeys = [] } = call.principal;
  return Object.fromEntries(Object.entries(sessionTags).filter(([key]) => transitiveTagKeys.includes(key)));
}
