/**
 * What happens to an execution inside a stage, phase by phase: entry condition, actions, success condition, and what
 * `onFailure` says. Nothing here moves an execution between stages; `nextStep` tells what has to follow.
 * AWS: "How do stage conditions work", "Configure stage retry".
 */

import { unreachable } from '#base/assert.ts';
import { progress } from './actions.ts';
import { tellExecution, tellStage } from './changes.ts';
import { conditionOf, endConditions, evaluate, isBusy } from './conditions.ts';
import type { ConditionKind, RetryMode, StageDeclaration } from './definition/declaration.ts';
import type { Draft, Writable } from './draft.ts';
import { currentStage } from './draft.ts';
import type { ActionRun, Execution, StageRun } from './state.ts';

export type Step = 'wait' | 'on' | 'rollBack' | 'Succeeded' | 'Skipped' | 'Failed' | 'Stopped' | 'Cancelled';

/** Every turn that says `on` moved the stage to a later phase, or took the one automatic retry. */
export function nextStep(draft: Draft, execution: Writable<Execution>): Step {
  const { declared, run } = currentStage(draft, execution);
  if (execution.cancelling) return isBusy(run) ? 'wait' : 'Cancelled';
  if (execution.stop) return isBusy(run) ? 'wait' : 'Stopped';
  switch (run.phase) {
    case 'entering': {
      const outcome = evaluate(draft, execution, 'beforeEntry');
      if (outcome === 'running') return 'wait';
      if (outcome === 'unmet') return mayBeSkipped(declared) ? 'Skipped' : 'Failed';
      if (mayBeSkipped(declared) && !run.retry) tellStage(draft, execution, declared.name, run, 'STARTED');
      run.phase = 'acting';
      return 'on';
    }
    case 'acting': {
      const outcome = progress(draft, execution);
      if (outcome === 'running') return 'wait';
      run.phase = outcome === 'succeeded' ? 'leaving' : 'failing';
      return 'on';
    }
    case 'leaving': {
      const outcome = evaluate(draft, execution, 'onSuccess');
      if (outcome === 'running') return 'wait';
      if (outcome !== 'unmet') return 'Succeeded';
      return resultOf(declared, 'onSuccess') === 'ROLLBACK' ? 'rollBack' : 'Failed';
    }
    case 'failing':
      return afterFailure(draft, execution, declared, run);
    default:
      return unreachable(run.phase);
  }
}

/** An action failed and nothing runs any more: what `onFailure` says, else the stage fails. */
function afterFailure(
  draft: Draft,
  execution: Writable<Execution>,
  declared: StageDeclaration,
  run: Writable<StageRun>,
): Step {
  switch (resultOf(declared, 'onFailure')) {
    case 'RETRY':
      return retriesByItself(draft, execution, declared, run) ? 'on' : 'Failed';
    case 'ROLLBACK': {
      if (execution.type === 'ROLLBACK') return 'Failed';
      const outcome = evaluate(draft, execution, 'onFailure');
      if (outcome === 'running') return 'wait';
      return outcome === 'unmet' ? 'Failed' : 'rollBack';
    }
    default: {
      const outcome = evaluate(draft, execution, 'onFailure');
      return outcome === 'running' ? 'wait' : 'Failed';
    }
  }
}

/** Such a stage is told to have started when its condition lets it: one that is skipped tells nothing. */
export function mayBeSkipped(declared: StageDeclaration): boolean {
  return resultOf(declared, 'beforeEntry') === 'SKIP';
}

export function resultOf(declared: StageDeclaration, kind: ConditionKind) {
  const own = kind === 'onFailure' ? declared.onFailure?.result : undefined;
  return conditionOf(declared, kind)?.result ?? own;
}

/** `onFailure: RETRY` gives a stage one more attempt by itself; the lock is never released in between. */
function retriesByItself(
  draft: Draft,
  execution: Writable<Execution>,
  declared: StageDeclaration,
  run: Writable<StageRun>,
): boolean {
  if (run.retry && run.retry.automatic > 0) return false;
  tellStage(draft, execution, declared.name, run, 'FAILED');
  const manual = run.retry?.manual ?? 0;
  run.retry = { manual, automatic: 1, latest: 'AutomatedStageRetry', at: draft.at };
  repeat(draft, execution, declared.onFailure?.retryConfiguration?.retryMode ?? 'FAILED_ACTIONS');
  return true;
}

/** Makes a stage ready to run again, wholly or only what failed; its lock is taken, and `advance` has to follow. */
export function repeat(draft: Draft, execution: Writable<Execution>, mode: RetryMode): void {
  const { run } = currentStage(draft, execution);
  // A retry may come while the condition of a failure is being evaluated.
  endConditions(draft, run, 'Abandoned');
  const actions: Record<string, Writable<ActionRun>> = {};
  for (const [name, action] of Object.entries(run.actions)) {
    if (mode === 'ALL_ACTIONS' || action.status === 'Failed' || action.status === 'Abandoned') {
      actions[name] = action;
      delete run.actions[name];
    }
  }
  run.replaced = { actions, conditions: run.conditions };
  const entry = run.conditions.beforeEntry;
  const hasEntered = mode === 'FAILED_ACTIONS' && run.phase !== 'entering';
  run.conditions = hasEntered && entry ? { beforeEntry: entry } : {};
  if (mode === 'ALL_ACTIONS') run.phase = 'entering';
  else if (run.phase === 'failing') run.phase = 'acting';
  resume(draft, execution);
}

/** The execution and its stage are in progress again; `advance` has to follow. */
export function resume(draft: Draft, execution: Writable<Execution>): void {
  const { name, run } = currentStage(draft, execution);
  execution.status = 'InProgress';
  execution.attempt += 1;
  execution.resumedAt = draft.at;
  delete execution.stop;
  delete execution.statusSummary;
  run.status = 'InProgress';
  tellExecution(draft, execution, 'RESUMED');
  tellStage(draft, execution, name, run, 'RESUMED');
}
