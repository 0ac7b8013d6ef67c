/** What time does to a pipeline: actions and rules that are due to end or to be looked at; effects that were given up. */

import { endAction } from './actions.ts';
import type { Draft } from './draft.ts';
import { isInFlight } from './draft.ts';
import type { ActionAddress, RuleAddress } from './events.ts';
import { actionFailed, openRun, pollAt } from './results.ts';
import { ruleEffectFailed, ruleTimePassed } from './rule-results.ts';
import { advance } from './stages.ts';
import type { ActionRun, Execution, RuleRun, State } from './state.ts';
import type { Verdict } from './verdict.ts';
import { changed, unchanged } from './verdict.ts';

/** Ends what ran too long, and looks at what is due to be looked at. */
export function timePassed(draft: Draft): Verdict {
  const { actions, rules } = runningIn(draft.state as State);
  const verdicts = [
    ...actions.map(([address, run]) => actionTimePassed(draft, address, run)),
    ...rules.map(([address, run]) => ruleTimePassed(draft, address, run)),
  ];
  return verdicts.find((verdict) => verdict.type === 'changed') ?? unchanged;
}

function actionTimePassed(draft: Draft, address: ActionAddress, run: ActionRun): Verdict {
  if (run.deadline > draft.at) {
    return run.poll && run.poll.at <= draft.at && pollAt(draft, address) ? changed() : unchanged;
  }
  const open = openRun(draft, address);
  if (!open) return unchanged;
  const minutes = Math.round((run.deadline - run.startedAt) / 60_000);
  const message = `The action did not end within its time limit of ${minutes} minutes`;
  endAction(draft, open.execution, address.stage, address.action, { code: 'JobTimedOut', message });
  advance(draft, address.executionId);
  return changed();
}

/** The earliest time at which an action or a rule has to end or to be looked at. */
export function nextWake(state: State): number | undefined {
  const { actions, rules } = runningIn(state);
  let earliest: number | undefined;
  for (const [, run] of [...actions, ...rules]) {
    const due = Math.min(run.deadline, run.poll?.at ?? run.deadline);
    earliest = Math.min(earliest ?? due, due);
  }
  return earliest;
}

interface Running {
  readonly actions: (readonly [ActionAddress, ActionRun])[];
  readonly rules: (readonly [RuleAddress, RuleRun])[];
}

function runningIn(state: State): Running {
  const running: Running = { actions: [], rules: [] };
  for (const execution of Object.values(state.executions)) {
    if (isInFlight(execution)) gather(running, execution);
  }
  return running;
}

function gather({ actions, rules }: Running, { id: executionId, stages }: Execution): void {
  for (const [stage, stageRun] of Object.entries(stages)) {
    for (const [action, run] of Object.entries(stageRun.actions)) {
      if (run.status !== 'InProgress') continue;
      actions.push([{ executionId, stage, action, actionExecutionId: run.id }, run]);
    }
    for (const kind of ['beforeEntry', 'onSuccess', 'onFailure'] as const) {
      for (const [rule, run] of Object.entries(stageRun.conditions[kind]?.rules ?? {})) {
        if (run.status !== 'InProgress') continue;
        rules.push([{ executionId, stage, condition: kind, rule, ruleExecutionId: run.id }, run]);
      }
    }
  }
}

/** An effect was given up. What could not be begun has failed; a look is taken again when it is due. */
export function effectFailed(draft: Draft, effectType: string, effect: unknown, message: string): Verdict {
  switch (effectType) {
    case 'StartAction': {
      const { executionId, stage, action, actionExecutionId } = effect as ActionAddress;
      const address = { executionId, stage, action, actionExecutionId };
      return actionFailed(draft, { type: 'ActionFailed', ...address, code: 'SystemUnavailable', message });
    }
    case 'EvaluateRule':
      return ruleEffectFailed(draft, effect as RuleAddress, message);
    default:
      return unchanged;
  }
}
