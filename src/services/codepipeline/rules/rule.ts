/**
 * What a rule of a condition does when it is evaluated. One file per provider implements it; `effects.ts` calls it
 * under the acting role and translates faults.
 *
 * `evaluate` is called for the first time without `externalId`; work that it begins must be the same work when it is
 * called again for the same rule execution, as after a crash. As long as it answers `RuleWaited` it is called again,
 * at the time it asks for or soon, until the rule's deadline.
 */

import type { ExternalReference } from '#core/pipeline/events.ts';
import type { EvaluateRule } from '#core/pipeline/orders.ts';
import type { ActionError } from '#core/pipeline/state.ts';
import type { Acting } from '#services/codepipeline/actions/action.ts';

export interface Rule {
  evaluate(acting: Acting, order: EvaluateRule): Promise<RuleOutcome>;
}

export type RuleOutcome = ExternalReference &
  (
    | { readonly type: 'RuleWaited'; readonly lookAgainAt?: number }
    | { readonly type: 'RuleMet' }
    | { readonly type: 'RuleUnmet' }
    | ({ readonly type: 'RuleErrored' } & ActionError)
  );
