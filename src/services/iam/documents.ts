/** Policy documents on their way in and out: checked on the way in, percent-encoded on the way out. */

import { fault } from '#base/fault.ts';
import type { PolicyDocument } from '#core/policy/document.ts';
import { isFaulty, parsePolicy, type PolicyDocumentKind } from '#core/policy/parse.ts';

/** Throws MalformedPolicyDocument with the first thing that is wrong. */
export function readDocument(text: string, kind: PolicyDocumentKind): PolicyDocument {
  const parsed = parsePolicy(text, kind);
  if (isFaulty(parsed)) throw malformed(parsed.faults[0] ?? 'Syntax errors in policy.');
  return parsed;
}

export function malformed(message: string): Error {
  return fault('MalformedPolicyDocumentException', message);
}

/** Quotas count characters without white space ("IAM and AWS STS quotas"). */
export function sizeOf(text: string): number {
  return text.replaceAll(/\s/g, '').length;
}

/** RFC 3986, as IAM answers documents; JavaScript leaves five characters more than that. */
export function encodeDocument(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
