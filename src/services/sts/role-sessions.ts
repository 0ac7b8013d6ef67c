/**
 * A session of a role, whoever takes it on: how long it lasts, what narrows it, and the credentials that are the session.
 * Whether they may is decided before, by the role's trust policy.
 */

import { fault, isFault } from '#base/fault.ts';
import { isFaulty, parsePolicy } from '#core/policy/parse.ts';
import type { RolePrincipal } from '#core/policy/principal.ts';
import type { Caller } from '#services/service.ts';
import type { Tokens } from './tokens.ts';

export interface Role {
  readonly id: string;
  readonly name: string;
  readonly arn: string;
  readonly secondsMax: number;
}

/** What a request says about the session it wants. */
export interface SessionInput {
  readonly RoleSessionName: string | undefined;
  readonly DurationSeconds?: number | undefined;
  readonly Policy?: string | undefined;
  readonly PolicyArns?: readonly { readonly arn?: string | undefined }[] | undefined;
}

export interface SessionTags {
  readonly tags: readonly { readonly Key: string | undefined; readonly Value: string | undefined }[];
  readonly transitiveTagKeys: readonly string[];
}

/** Session policies and their ARNs together, and tags: what the token has to carry. */
const POLICY_LENGTH_MAX = 2048;
const TAGS_LENGTH_MAX = 4096;
const SECONDS_DEFAULT = 3600;
const CHAINED_SECONDS_MAX = 3600;

/** `undefined` for a role that does not exist under exactly this ARN. */
export async function findRole(own: Caller, roleArn: string): Promise<Role | undefined> {
  const name = roleArn.slice(roleArn.lastIndexOf('/') + 1);
  const found = await own.send('iam:GetRole', { RoleName: name }).catch((error: unknown) => {
    if (isFault(error, 'NoSuchEntityException')) return undefined;
    throw error;
  });
  const role = found?.Role;
  if (role?.Arn !== roleArn || role.RoleId === undefined || role.RoleName === undefined) return undefined;
  return {
    id: role.RoleId,
    name: role.RoleName,
    arn: roleArn,
    secondsMax: role.MaxSessionDuration ?? SECONDS_DEFAULT,
  };
}

/** See "Role chaining" and "View the maximum session duration setting for a role". */
export function secondsFor(asked: number | undefined, secondsMax: number, chained: boolean): number {
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
export async function readNarrowing(
  own: Caller,
  input: SessionInput,
  given: SessionTags,
): Promise<{ readonly sessionPolicies: readonly string[]; readonly packedPercent: number | undefined }> {
  const arns = (input.PolicyArns ?? []).map(({ arn }) => arn ?? '');
  const inline = input.Policy === undefined ? [] : [input.Policy];
  const tags = JSON.stringify([given.tags, given.transitiveTagKeys]);
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
  const isNarrowed = length > 0 || given.tags.length > 0;
  return {
    sessionPolicies: [...inline, ...arns],
    packedPercent: isNarrowed ? Math.ceil((100 * length) / POLICY_LENGTH_MAX) : undefined,
  };
}

/** The members of the answer that are the session. */
export function answerWith(tokens: Tokens, session: RolePrincipal, packedPercent: number | undefined) {
  const { expiresAt, sourceIdentity, roleId, sessionName, arn } = session;
  const credentials = tokens.issue(session, expiresAt);
  return {
    Credentials: {
      AccessKeyId: credentials.accessKeyId,
      SecretAccessKey: credentials.secretAccessKey,
      SessionToken: credentials.sessionToken,
      Expiration: new Date(expiresAt),
    },
    AssumedRoleUser: { AssumedRoleId: `${roleId}:${sessionName}`, Arn: arn },
    ...(packedPercent === undefined ? {} : { PackedPolicySize: packedPercent }),
    ...(sourceIdentity === undefined ? {} : { SourceIdentity: sourceIdentity }),
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
