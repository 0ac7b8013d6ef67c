/**
 * Rules that do what an action does, and are met when it succeeds: CodeBuild and Commands. The rule execution's id
 * makes a repeated start the same work. AWS: "CodeBuild" and "Commands" rule references.
 */

import type { EvaluateRule, StartAction } from '#core/pipeline/orders.ts';
import type { Acting, Action, Outcome } from '#services/codepipeline/actions/action.ts';
import type { Rule, RuleOutcome } from './rule.ts';

/** A rule that is met when the work of an action succeeds. */
export function ruleOfAction(action: Action): Rule {
  return {
    async evaluate(acting: Acting, order: EvaluateRule): Promise<RuleOutcome> {
      if (order.externalId === undefined) return outcomeOf(await action.start(acting, startOf(order)));
      const { externalId } = order;
      const outcome = await action.poll?.(acting, { ...startOf(order), type: 'PollAction', externalId });
      return outcome ? outcomeOf(outcome) : { type: 'RuleWaited' };
    },
  };
}

/** The order of an action that does the same without leaving anything behind. */
function startOf(order: EvaluateRule): StartAction {
  const { condition, rule, ruleExecutionId, ruleType, externalId, ...rest } = order;
  return {
    ...rest,
    type: 'StartAction',
    action: rule,
    actionExecutionId: ruleExecutionId,
    actionType: { category: 'Rule', owner: 'AWS', ...ruleType },
    outputs: [],
  };
}

function outcomeOf({ ...outcome }: Outcome): RuleOutcome {
  const { externalId, externalUrl, summary } = outcome;
  const reference = {
    ...(externalId === undefined ? {} : { externalId }),
    ...(externalUrl === undefined ? {} : { externalUrl }),
    ...(summary === undefined ? {} : { summary }),
  };
  switch (outcome.type) {
    case 'ActionStarted':
      return { type: 'RuleWaited', ...reference };
    case 'ActionProgressed':
      return { type: 'RuleWaited' };
    case 'ActionSucceeded':
      return { type: 'RuleMet', ...reference };
    case 'ActionFailed':
      return outcome.code === 'JobFailed'
        ? { type: 'RuleUnmet', ...reference, summary: outcome.message }
        : { type: 'RuleErrored', ...reference, code: outcome.code, message: outcome.message };
  }
}
