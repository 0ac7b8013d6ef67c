/**
 * An event pattern, parsed: a tree in the shape of the events it matches. Fields of a node are joined by and, the
 * alternatives of a leaf and the branches of an `$or` by or. AWS: "Creating Amazon EventBridge event patterns".
 */

import type { Range } from '#core/policy/address.ts';
import type { Wildcard } from './wildcard.ts';

export interface PatternNode {
  readonly type: 'node';
  readonly fields: ReadonlyMap<string, PatternNode | PatternLeaf>;
  /** Each group: at least one branch must match the same value. */
  readonly groups: readonly (readonly PatternNode[])[];
}

export interface PatternLeaf {
  readonly type: 'leaf';
  readonly tests: readonly ValueTest[];
  /** `{"exists": false}` is among the alternatives. */
  readonly allowsAbsence: boolean;
}

export type Scalar = string | number | boolean | null;

/** A test of one value that is there. */
export type ValueTest =
  | { readonly type: 'equals'; readonly value: Scalar }
  | { readonly type: 'exists' }
  | { readonly type: 'text'; readonly text: TextTest }
  | { readonly type: 'numeric'; readonly low?: Bound; readonly high?: Bound }
  | { readonly type: 'cidr'; readonly range: Range }
  /** None of these values and none of these texts. */
  | {
      readonly type: 'anything-but';
      readonly values: ReadonlySet<Scalar>;
      readonly texts: readonly TextTest[];
    };

/** Texts that ignore case are kept in lower case. */
export type TextTest =
  | { readonly type: 'prefix'; readonly text: string; readonly ignoresCase: boolean }
  | { readonly type: 'suffix'; readonly text: string; readonly ignoresCase: boolean }
  | { readonly type: 'equals'; readonly text: string; readonly ignoresCase: boolean }
  | { readonly type: 'wildcard'; readonly wildcard: Wildcard };

export interface Bound {
  readonly value: number;
  readonly isInclusive: boolean;
}
