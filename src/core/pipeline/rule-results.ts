/** What became of rules: a condition that is decided by them moves its stage on, a late result finds nobody. */

import { endRule, lookAgain, noteWaiting, settle } from './conditions.ts';
import { noteReference } from './actions.ts';
import type { Draft, Writable } from './draft.ts';
import { openExecution } from './draft.ts';
import type { Event, RuleAddress } from './events.ts';
import { advance } from './stages.ts';
import type { ActionError, Execution, RuleRun } from './state.ts';
import type { Verdict } from './verdict.ts';
import { changed, unchanged } from './verdict.ts';

type RuleEvent<Type extends string> = Extract<Event, { readonly type: Type }> & RuleAddress;

function openRule(
  draft: Draft,
  { executionId, stage, condition, rule, ruleExecutionId }: RuleAddress,
): { execution: Writable<Execution>; run: Writable<RuleRun> } | undefined {
  const found = draft.state.executions[executionId]?.stages[stage]?.conditions[condition]?.rules[rule];
  if (found?.id !== ruleExecutionId || found.status !== 'InProgress') return undefined;
  const execution = openExecution(draft, executionId);
  const run = execution.stages[stage]?.conditions[condition]?.rules[rule];
  return run && { execution, run };
}

export function ruleWaited(draft: Draft, event: RuleEvent<'RuleWaited'>): Verdict {
  const open = openRule(draft, event);
  if (!open) return unchanged;
  noteWaiting(draft, open.run, event, event.lookAgainAt);
  return changed();
}

export function ruleEndReported(draft: Draft, event: RuleEvent<'RuleEndReported'>): Verdict {
  const open = openRule(draft, event);
  if (!open?.run.poll) return unchanged;
  lookAgain(draft, open.execution, event);
  return changed();
}

export function ruleEnded(draft: Draft, event: RuleEvent<'RuleMet' | 'RuleUnmet' | 'RuleErrored'>): Verdict {
  const open = openRule(draft, event);
  if (!open) return unchanged;
  noteReference(draft, open.run, event);
  end(draft, event, open.execution, open.run, endingOf(event));
  return changed();
}

function endingOf(event: RuleEvent<'RuleMet' | 'RuleUnmet' | 'RuleErrored'>): ActionError | 'met' | 'unmet' {
  if (event.type === 'RuleErrored') return { code: event.code, message: event.message };
  return event.type === 'RuleMet' ? 'met' : 'unmet';
}

function end(
  draft: Draft,
  { executionId, condition }: RuleAddress,
  execution: Writable<Execution>,
  run: Writable<RuleRun>,
  ending: ActionError | 'met' | 'unmet',
): void {
  endRule(draft, run, ending);
  settle(draft, execution, condition);
  advance(draft, executionId);
}

/** An evaluation was given up; a further look at a rule is taken again when it is due. */
export function ruleEffectFailed(
  draft: Draft,
  effect: RuleAddress & { readonly externalId?: string },
  message: string,
): Verdict {
  const open = effect.externalId === undefined ? openRule(draft, effect) : undefined;
  if (!open) return unchanged;
  end(draft, effect, open.execution, open.run, { code: 'SystemUnavailable', message });
  return changed();
}

/** A rule that is not met within its time is not met; one that is due is looked at. */
export function ruleTimePassed(draft: Draft, address: RuleAddress, run: RuleRun): Verdict {
  const isLate = run.deadline <= draft.at;
  if (!isLate && !(run.poll && run.poll.at <= draft.at)) return unchanged;
  const open = openRule(draft, address);
  if (!open) return unchanged;
  if (isLate) {
    const minutes = Math.round((run.deadline - run.startedAt) / 60_000);
    open.run.summary = `It was not met within ${minutes} minutes${run.summary ? `: ${run.summary}` : ''}`;
    end(draft, address, open.execution, open.run, 'unmet');
  } else {
    lookAgain(draft, open.execution, address);
  }
  return changed();
}
