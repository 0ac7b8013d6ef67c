/** What an evaluation answers, and the sentences that people read about it. */

import { principalArn, type PolicySubject } from './principal.ts';

export type PolicyKind = 'identity' | 'resource' | 'trust' | 'boundary' | 'session' | 'root';

export interface Verdict {
  readonly decision: 'allow' | 'explicitDeny' | 'implicitDeny';
  /** The kind of policy that decided: which allowed, which denied, or which was silent. */
  readonly kind: PolicyKind;
  /** The decisive statement; silence has none. */
  readonly statement?: StatementReference;
  /** One sentence for people. */
  readonly explanation: string;
}

export interface StatementReference {
  readonly kind: PolicyKind;
  /** Which policy of that kind, counted from 0. */
  readonly policy: number;
  /** Which statement of the policy, counted from 0. */
  readonly index: number;
  readonly sid?: string;
}

/** The sentence that AWS shows; people debug from it. */
export function denialMessage(
  verdict: Verdict,
  principal: PolicySubject,
  action: string,
  resource: string,
): string {
  // Of people from outside nobody is told which role there is.
  if (principal.type === 'federated') return `Not authorized to perform ${action}`;
  const subject = principal.type === 'anonymous' ? 'anonymous' : principalArn(principal);
  const start = `User: ${subject} is not authorized to perform: ${action} on resource: ${resource}`;
  if (verdict.kind === 'trust' || verdict.kind === 'root') return start;
  const name = KIND_NAMES[verdict.kind];
  return verdict.decision === 'explicitDeny'
    ? `${start} with an explicit deny in ${ARTICLES[verdict.kind]} ${name}`
    : `${start} because no ${name} allows the ${action} action`;
}

const KIND_NAMES: Readonly<Record<PolicyKind, string>> = {
  identity: 'identity-based policy',
  resource: 'resource-based policy',
  trust: 'trust policy',
  boundary: 'permissions boundary',
  session: 'session policy',
  root: 'account',
};

const ARTICLES: Readonly<Record<PolicyKind, string>> = {
  identity: 'an',
  resource: 'a',
  trust: 'a',
  boundary: 'a',
  session: 'a',
  root: 'the',
};

export const ROOT_ALLOWS: Verdict = {
  decision: 'allow',
  kind: 'root',
  explanation: 'the account itself may',
};

export function allow(kind: PolicyKind, statement: StatementReference): Verdict {
  return {
    decision: 'allow',
    kind,
    statement,
    explanation: `allowed by ${describe(kind, statement)}`,
  };
}

export function deny(kind: PolicyKind, statement: StatementReference, action: string): Verdict {
  return {
    decision: 'explicitDeny',
    kind,
    statement,
    explanation: `${action} is denied by ${describe(kind, statement)}`,
  };
}

export function silence(kind: PolicyKind, action: string, resource: string): Verdict {
  return {
    decision: 'implicitDeny',
    kind,
    explanation: `no ${KIND_NAMES[kind]} allows ${action} on ${resource}`,
  };
}

function describe(kind: PolicyKind, statement: StatementReference): string {
  const name = statement.sid === undefined ? `${statement.index + 1}` : `"${statement.sid}"`;
  return `statement ${name} of ${ARTICLES[kind]} ${KIND_NAMES[kind]}`;
}
