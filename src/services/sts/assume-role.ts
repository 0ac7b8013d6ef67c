/**
 * AssumeRole. The gateway has already asked the role's trust policy and the caller's own policies (`index.ts` says for
 * what); here the session is made: how long it lasts, what narrows it, what it inherits from the session before.
 */

import { fault, isFault, type Fault } from '#base/fault.ts';
import { isFaulty, parsePolicy } from '#core/policy/parse.ts';
import { principalArn, type RolePrincipal } from '#core/policy/principal.ts';
import type { InputOf, OutputOf } from '#services/clients.ts';
import type { Call, Caller, Handler, House } from '#services/service.ts';
import type { Tokens } from './tokens.ts';

type Input = InputOf<'sts', 'AssumeRole'>;

/** Session policies and their ARNs together, and tags: what the token has to carry. */
const POLICY_LENGTH_MAX = 2048;
const TAGS_LENGTH_MAX = 4096;
const SECONDS_DEFAULT = 3600;
const CHAINED_SECONDS_MAX = 3600;

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
    const role = await findRole(own, call, input.RoleArn ?? '');
    const chained = caller.type === 'role';
    const expiresAt = call.at + 1000 * secondsFor(input.DurationSeconds, role.secondsMax, chained);
    const { sessionPolicies, packedPercent } = await readNarrowing(own, input);
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
    const credentials = tokens.issue(session, expiresAt);
    return {
      Credentials: {
        AccessKeyId: credentials.accessKeyId,
        SecretAccessKey: credentials.secretAccessKey,
        SessionToken: credentials.sessionToken,
        Expiration: new Date(expiresAt),
      },
      AssumedRoleUser: { AssumedRoleId: `${role.id}:${sessionName}`, Arn: session.arn },
      ...(packedPercent === undefined ? {} : { PackedPolicySize: packedPercent }),
      ...(sourceIdentity === undefined ? {} : { SourceIdentity: sourceIdentity }),
    };
  };
}

interface Role {
  readonly id: string;
  readonly name: string;
  readonly arn: string;
  readonly secondsMax: number;
}

/** A role that does not exist is answered as one that may not be assumed. */
async function findRole(own: Caller, call: Call, roleArn: string): Promise<Role> {
  const name = roleArn.slice(roleArn.lastIndexOf('/') + 1);
  const found = await own.send('iam:GetRole', { RoleName: name }).catch((error: unknown) => {
    if (isFault(error, 'NoSuchEntityException')) return undefined;
    throw error;
  });
  const role = found?.Role;
  if (role?.Arn !== roleArn || role.RoleId === undefined || role.RoleName === undefined) {
    throw refused(call, roleArn);
  }
  return {
    id: role.RoleId,
    name: role.RoleName,
    arn: roleArn,
    secondsMax: role.MaxSessionDuration ?? SECONDS_DEFAULT,
  };
}

function refused(call: Call, roleArn: string): Fault {
  const who = principalArn(call.principal);
  return fault(
    'AccessDeniedException',
    `User: ${who} is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`,
  );
}

/** See "Role chaining" and "View the maximum session duration setting for a role". */
function secondsFor(asked: number | undefined, secondsMax: number, chained: boolean): number {
  if (asked !== undefined && chained && asked > CHAINED_SECONDS_MAX) {
    throw fault(
      'ValidationException',
      'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining',
    );
  }
  if (asked !== undefined && asked > secondsMax) {
    throw fault(
      'ValidationException',
      'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
    );
  }
  return asked ?? Math.min(SECONDS_DEFAULT, secondsMax);
}

/** Session policies: the inline text and the ARNs, checked. */
async function readNarrowing(
  own: Caller,
  input: Input,
): Promise<{ readonly sessionPolicies: readonly string[]; readonly packedPercent: number | undefined }> {
  const arns = (input.PolicyArns ?? []).map(({ arn }) => arn ?? '');
  const inline = input.Policy === undefined ? [] : [input.Policy];
  const tags = JSON.stringify([input.Tags ?? [], input.TransitiveTagKeys ?? []]);
  const length = [...inline, ...arns].reduce((sum, text) => sum + text.length, 0);
  if (length > POLICY_LENGTH_MAX || tags.length > TAGS_LENGTH_MAX) {
    const percent = Math.ceil(100 * Math.max(length / POLICY_LENGTH_MAX, tags.length / TAGS_LENGTH_MAX));
    throw fault(
      'PackedPolicyTooLargeException',
      `Packed size of session policies and tags is ${percent}% of the limit.`,
    );
  }
  for (const text of inline) {
    const parsed = parsePolicy(text, 'identity');
    if (isFaulty(parsed))
      throw fault('MalformedPolicyDocumentException', parsed.faults[0] ?? 'Syntax errors in policy.');
  }
  for (const arn of arns) await requirePolicy(own, arn);
  const isNarrowed = length > 0 || (input.Tags ?? []).length > 0;
  return {
    sessionPolicies: [...inline, ...arns],
    packedPercent: isNarrowed ? Math.ceil((100 * length) / POLICY_LENGTH_MAX) : undefined,
  };
}

async function requirePolicy(own: Caller, arn: string): Promise<void> {
  try {
    await own.send('iam:GetPolicy', { PolicyArn: arn });
  } catch (cause) {
    if (!isFault(cause, 'NoSuchEntityException')) throw cause;
    throw fault('MalformedPolicyDocumentException', `Policy ${arn} does not exist or is not attachable.`, {
      cause,
    });
  }
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
