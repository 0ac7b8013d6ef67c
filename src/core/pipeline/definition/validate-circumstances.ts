/** What the rules of declarations depend on besides the declaration. */

import type { ActionTypeLookup } from './catalogue-type.ts';
import type { Quotas } from '#core/pipeline/limits.ts';

export interface Circumstances {
  /** The pipeline's own, the only one in which most actions can run. */
  readonly region: string;
  readonly quotas: Quotas;
  /** Built-in types, and custom types of the account. */
  readonly actionTypeOf: ActionTypeLookup;
}
