/**
 * What the claims of a proven token mean: whether it is meant for this account and valid now, who its bearer is, and
 * which condition keys a trust policy may ask for. See "Available keys for AWS OIDC federation" in the IAM User Guide.
 */

import type { Claims } from './token.ts';

export interface Bearer {
  readonly subject: string;
  readonly audience: string;
  /** `<provider>:sub` and the like. */
  readonly context: Readonly<Record<string, string | readonly string[]>>;
  readonly tags: readonly { readonly Key: string; readonly Value: string }[];
  readonly transitiveTagKeys: readonly string[];
  readonly sourceIdentity: string | undefined;
}

export interface ClaimFault {
  readonly code: 'InvalidIdentityTokenException' | 'ExpiredTokenException' | 'IDPRejectedClaimException';
  readonly message: string;
}

/** Clocks of providers may be this far ahead; the end of a token is taken by the word. */
const AHEAD_SECONDS_MAX = 300;
/** A token of a later time than year 9999 is a number that somebody made up. */
const SECONDS_MAX = 253_402_300_799;
const CLAIMS_MAX = 100;
const TEXT_LENGTH_MAX = 2048;
const SUBJECT_LENGTH_MAX = 255;
const VALUES_MAX = 100;
const TAGS_MAX = 50;
const TAGS_CLAIM = 'https://aws.amazon.com/tags';
const SOURCE_IDENTITY_CLAIM = 'https://aws.amazon.com/source_identity';

/** The provider that a token says it comes from, as IAM names it: its issuer without `https://`. */
export function providerOf(claims: Claims): string | undefined {
  const { iss: issuer } = claims;
  if (typeof issuer !== 'string' || issuer.length > 255 + 'https://'.length) return undefined;
  return issuer.startsWith('https://') ? issuer.slice('https://'.length) : undefined;
}

export function isClaimFault(read: Bearer | ClaimFault): read is ClaimFault {
  return 'code' in read;
}

/** `now` in milliseconds since the epoch; `clientIds` are those with which the provider is registered. */
export function readBearer(
  claims: Claims,
  provider: string,
  clientIds: readonly string[],
  now: number,
): Bearer | ClaimFault {
  const time = timeFault(claims, now / 1000);
  if (time !== undefined) return time;
  const { sub: subject, azp: party } = claims;
  if (typeof subject !== 'string' || subject === '' || subject.length > SUBJECT_LENGTH_MAX)
    return invalid('Missing a required claim: sub');
  const given = textsOf(claims['aud']);
  // Who asked for the token counts where both are told, as with Google.
  const audiences = typeof party === 'string' ? [party] : (given ?? []);
  const audience = audiences.find((one) => clientIds.includes(one));
  if (audience === undefined) return invalid('Incorrect token audience');
  const context = contextOf(claims, provider);
  context[`${provider}:aud`] = audience;
  if (typeof party === 'string' && given !== undefined) context[`${provider}:oaud`] = given;
  const tags = readTags(claims[TAGS_CLAIM]);
  const sourceIdentity = claims[SOURCE_IDENTITY_CLAIM];
  if (tags === undefined) return rejected('The tags in the token are malformed.');
  if (sourceIdentity !== undefined && !isSourceIdentity(sourceIdentity))
    return rejected('The source identity in the token is malformed.');
  return { subject, audience, context, ...tags, sourceIdentity };
}

function timeFault(claims: Claims, seconds: number): ClaimFault | undefined {
  const { exp, iat, nbf } = claims;
  if (!isTime(exp)) return invalid('Missing a required claim: exp');
  if (!isTime(iat)) return invalid('Missing a required claim: iat');
  if (seconds >= exp) {
    const [now, end] = [Math.floor(seconds), exp];
    const message = `Token expired: current date/time ${now} must be before the expiration date/time ${end}`;
    return { code: 'ExpiredTokenException', message };
  }
  if (iat > seconds + AHEAD_SECONDS_MAX) return invalid('The token is from the future.');
  if (nbf === undefined) return undefined;
  return isTime(nbf) && nbf <= seconds + AHEAD_SECONDS_MAX
    ? undefined
    : invalid('The token is not valid yet.');
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= SECONDS_MAX;
}

/** Every claim that is a text, a number, a truth or a list of texts can be asked for under its own name. */
function contextOf(claims: Claims, provider: string): Record<string, string | readonly string[]> {
  const context: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(claims).slice(0, CLAIMS_MAX)) {
    if (!/^[A-Za-z0-9_.:/-]{1,128}$/.test(name)) continue;
    const texts = textsOf(value);
    if (texts !== undefined) context[`${provider}:${name}`] = Array.isArray(value) ? texts : (texts[0] ?? '');
  }
  return context;
}

function textsOf(value: unknown): readonly string[] | undefined {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (values.length > VALUES_MAX) return undefined;
  const texts: string[] = [];
  for (const one of values) {
    if (typeof one !== 'string' && typeof one !== 'number' && typeof one !== 'boolean') return undefined;
    const text = String(one);
    if (text.length > TEXT_LENGTH_MAX) return undefined;
    texts.push(text);
  }
  return texts;
}

type SessionTags = Pick<Bearer, 'tags' | 'transitiveTagKeys'>;

/** `{ principal_tags: { Team: ["a"] }, transitive_tag_keys: ["Team"] }`; see "Passing session tags using OIDC". */
function readTags(claim: unknown): SessionTags | undefined {
  if (claim === undefined) return { tags: [], transitiveTagKeys: [] };
  if (!isObject(claim)) return undefined;
  const { principal_tags: given = {}, transitive_tag_keys: keys = [] } = claim;
  if (!isObject(given) || !Array.isArray(keys) || Object.keys(given).length > TAGS_MAX) return undefined;
  const tags: { Key: string; Value: string }[] = [];
  for (const [key, values] of Object.entries(given)) {
    const value: unknown = Array.isArray(values) && values.length === 1 ? values[0] : values;
    if (typeof value !== 'string' || !isTag(key, value)) return undefined;
    tags.push({ Key: key, Value: value });
  }
  const names = new Set(tags.map((tag) => tag.Key));
  const transitive: string[] = [];
  for (const key of keys as readonly unknown[]) {
    if (typeof key !== 'string' || !names.has(key)) return undefined;
    transitive.push(key);
  }
  return { tags, transitiveTagKeys: transitive };
}

function isTag(key: string, value: string): boolean {
  const letters = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
  const isKey = key.length >= 1 && key.length <= 128 && letters.test(key) && !/^aws:/i.test(key);
  return isKey && value.length <= 256 && letters.test(value);
}

function isSourceIdentity(value: unknown): value is string {
  return typeof value === 'string' && /^[\w+=,.@-]{2,64}$/.test(value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(message: string): ClaimFault {
  return { code: 'InvalidIdentityTokenException', message };
}

function rejected(message: string): ClaimFault {
  return { code: 'IDPRejectedClaimException', message };
}
