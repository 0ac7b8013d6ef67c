/** The kinds of files that `slipway check` knows, and what it says about one. A further kind is one more entry. */

import type { QuotaProfile } from '#base/quotas.ts';
import type { Unknown } from '#core/pipeline/definition/declaration-fault.ts';
import type { PlacedDocument } from '#core/placed-document.ts';

export interface CheckOptions {
  readonly region: string;
  readonly quotas: QuotaProfile;
}

export interface Finding {
  /** From the root of the file; `line` says it where only that is known. */
  readonly path: readonly (string | number)[];
  readonly line?: number;
  /** Worth knowing, but nothing fails because of it. */
  readonly isWarning?: true;
  readonly code: string;
  readonly message: string;
  readonly unknown?: Unknown;
  readonly hint?: string;
}

export interface Kind {
  /** `a pipeline definition` */
  readonly name: string;
  /** By what stands at the root, which is a map. */
  recognizes(root: object): boolean;
  /** Its reader has rules of its own about what is YAML. */
  readonly readsText?: true;
  check(document: PlacedDocument, text: string, options: CheckOptions): readonly Finding[];
}
