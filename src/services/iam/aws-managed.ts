/**
 * The managed policies of AWS that walk-throughs and tools attach: read-only, at `arn:aws:iam::aws:policy/…`, one
 * version each. What they allow is in `aws-managed-catalogue.ts`.
 */

import { present } from '#base/assert.ts';
import { deriveText } from '#base/ids.ts';
import type { PolicyDocument } from '#core/policy/document.ts';
import { isFaulty, parsePolicy } from '#core/policy/parse.ts';
import { CATALOGUE } from './aws-managed-catalogue.ts';

export interface AwsManagedPolicy {
  readonly arn: string;
  readonly name: string;
  readonly path: string;
  readonly id: string;
  readonly description: string;
  /** JSON text. */
  readonly text: string;
}

/** When AWS first published most of them. */
export const AWS_MANAGED_SINCE = Date.UTC(2015, 1, 6, 18, 40);
const PREFIX = 'arn:aws:iam::aws:policy';

const byArn: ReadonlyMap<string, AwsManagedPolicy> = new Map(
  CATALOGUE.map(([fullName, description, ...statements]) => {
    const cut = fullName.lastIndexOf('/') + 1;
    const arn = `${PREFIX}/${fullName}`;
    const policy = {
      arn,
      name: fullName.slice(cut),
      path: `/${fullName.slice(0, cut)}`,
      id: `ANPA${deriveText(arn, 0, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 17)}`,
      description,
      text: JSON.stringify({
        Version: '2012-10-17',
        Statement: statements.map((statement) => ({ Effect: 'Allow', Resource: '*', ...statement })),
      }),
    };
    return [arn, policy];
  }),
);

const documents = new Map<string, PolicyDocument>();

export function awsManagedPolicies(): readonly AwsManagedPolicy[] {
  return [...byArn.values()];
}

export function findAwsManagedPolicy(arn: string): AwsManagedPolicy | undefined {
  return byArn.get(arn);
}

export function isAwsManagedArn(arn: string): boolean {
  return arn.startsWith(`${PREFIX}/`);
}

/** Parsed when first asked for. */
export function awsManagedDocument(policy: AwsManagedPolicy): PolicyDocument {
  const known = documents.get(policy.arn);
  if (known !== undefined) return known;
  const parsed = parsePolicy(policy.text, 'identity');
  const document = present(isFaulty(parsed) ? undefined : parsed, `a well-formed ${policy.name}`);
  documents.set(policy.arn, document);
  return document;
}
