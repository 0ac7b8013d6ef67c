/**
 * Names of secrets, and the texts by which requests mean one: a name, an ARN, or an ARN without the six characters that
 * AWS adds to it. See "What's in a secret" in the Secrets Manager User Guide. Pure.
 */

const NAME = /^[A-Za-z0-9/_+=.@!-]{1,512}$/;
/** Of the random end of an ARN. */
export const SUFFIX_LENGTH = 6;
export const SUFFIX_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

export function isSecretName(name: string): boolean {
  return NAME.test(name);
}

/** What a request may mean, in the order in which it is looked for. */
export interface SecretReference {
  readonly arn?: string;
  readonly name?: string;
}

/** `prefix` is what the ARNs of this account and region begin with; `undefined` for ARNs of others. */
export function parseSecretId(text: string, prefix: string): SecretReference | undefined {
  if (!text.startsWith('arn:')) return { name: text };
  return text.startsWith(prefix) ? { arn: text, name: text.slice(prefix.length) } : undefined;
}
