/** Pages of names: a token says after which name the next page begins. */

import { invalidParameter } from './faults.ts';

export function pageToken(after: string): string {
  return Buffer.from(`after:${after}`).toString('base64url');
}

export function afterOf(token: string | undefined): string | undefined {
  if (token === undefined) return undefined;
  const text = Buffer.from(token, 'base64url').toString();
  if (text.startsWith('after:')) return text.slice('after:'.length);
  throw invalidParameter('Invalid or expired next token.');
}

/** Names that start with `prefix`, as a range, which every database finds in its index. */
export function endOfPrefix(prefix: string): string {
  return `${prefix}\u{10ffff}`;
}
