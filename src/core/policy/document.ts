/**
 * An IAM policy document after parsing: every "one or many" is a list, effects are checked. `parse.ts` makes these
 * from JSON text and says what is malformed.
 */

export interface PolicyDocument {
  readonly version: '2012-10-17' | '2008-10-17';
  readonly id?: string;
  readonly statements: readonly Statement[];
}

export interface Statement {
  readonly sid?: string;
  readonly effect: 'Allow' | 'Deny';
  /** Only in resource and trust policies. */
  readonly principal?: PrincipalPattern;
  readonly notPrincipal?: PrincipalPattern;
  /** Exactly one of `actions` and `notActions`; likewise resources, which trust policies leave out. */
  readonly actions?: readonly string[];
  readonly notActions?: readonly string[];
  readonly resources?: readonly string[];
  readonly notResources?: readonly string[];
  readonly conditions: readonly Condition[];
}

/** `"*"`, or lists by kind: AWS, Service, Federated, CanonicalUser. */
export type PrincipalPattern = '*' | Readonly<Record<string, readonly string[]>>;

export interface Condition {
  /** As written: `ForAnyValue:StringLikeIfExists`. */
  readonly operator: string;
  /** As written; compared without regard to case. */
  readonly key: string;
  readonly values: readonly string[];
}
