/** What became of actions: results of effects, reports that something outside ended, and time. */

import { endAction, noteReference, noteStarted, pollAction } from './actions.ts';
import { referredOutputs } from './configuration.ts';
import { actionOf, stageOf } from './declaration.ts';
import type { Draft, Writable } from './draft.ts';
import { declarationOf, isInFlight, openExecution } from './draft.ts';
import { OUTPUT_VARIABLES_LENGTH_MAX } from './limits.ts';
import { advance } from './stages.ts';
import type { ActionAddress, Event } from './events.ts';
import type { ActionRun, Execution, State } from './state.ts';
import type { Verdict } from './verdict.ts';
import { changed, unchanged } from './verdict.ts';

/** The run that an event speaks of, if it still runs; late and repeated events find none. */
function findRunning(draft: Draft, address: ActionAddress): ActionRun | undefined {
  const run = draft.state.executions[address.executionId]?.stages[address.stage]?.actions[address.action];
  return run?.id === address.actionExecutionId && run.status === 'InProgress' ? run : undefined;
}

function openRun(
  draft: Draft,
  address: ActionAddress,
): { execution: Writable<Execution>; run: Writable<ActionRun> } | undefined {
  if (!findRunning(draft, address)) return undefined;
  const execution = openExecution(draft, address.executionId);
  const run = execution.stages[address.stage]?.actions[address.action];
  return run && { execution, run };
}

export function actionStarted(
  draft: Draft,
  event: Extract<Event, { readonly type: 'ActionStarted' }>,
): Verdict {
  const running = findRunning(draft, event);
  const isKnown =
    running?.token === undefined ? running?.poll !== undefined : running.summary === event.summary;
  if (!running || isKnown) return unchanged;
  const open = openRun(draft, event);
  if (!open) return unchanged;
  noteStarted(draft, open.run, event);
  return changed();
}

export function actionSucceeded(
  draft: Draft,
  event: Extract<Event, { readonly type: 'ActionSucceeded' }>,
): Verdict {
  const open = openRun(draft, event);
  if (!open) return unchanged;
  const { execution, run } = open;
  noteReference(draft, run, event);
  if (JSON.stringify(event.outputVariables).length > OUTPUT_VARIABLES_LENGTH_MAX) {
    const message = `The output variables of action ${event.action} are larger than ${OUTPUT_VARIABLES_LENGTH_MAX} characters`;
    endAction(draft, execution, event.stage, event.action, { code: 'ConfigurationError', message });
  } else {
    keepOutputs(draft, execution, run, event);
    endAction(draft, execution, event.stage, event.action, 'Succeeded');
  }
  advance(draft, event.executionId);
  return changed();
}

function keepOutputs(
  draft: Draft,
  execution: Writable<Execution>,
  run: Writable<ActionRun>,
  event: Extract<Event, { readonly type: 'ActionSucceeded' }>,
): void {
  const declaration = declarationOf(draft.state, execution);
  const stage = stageOf(declaration, event.stage);
  const namespace = stage && actionOf(stage, event.action)?.namespace;
  if (namespace) {
    execution.outputs[namespace] = referredOutputs(declaration, namespace, event.outputVariables);
  }
  if (event.pin) execution.pinned[event.action] = { ...execution.pinned[event.action], ...event.pin };
  if (event.revision) {
    const artifactName = run.outputs[0]?.name ?? '';
    const revision = { ...event.revision, actionName: event.action, artifactName };
    run.revision = revision;
    execution.revisions = [
      ...execution.revisions.filter((other) => other.actionName !== event.action),
      revision,
    ];
  }
}

export function actionFailed(
  draft: Draft,
  event: Extract<Event, { readonly type: 'ActionFailed' }>,
): Verdict {
  const open = openRun(draft, event);
  if (!open) return unchanged;
  noteReference(draft, open.run, event);
  const { code, message } = event;
  endAction(draft, open.execution, event.stage, event.action, { code, message });
  advance(draft, event.executionId);
  return changed();
}

export function actionEndReported(
  draft: Draft,
  event: Extract<Event, { readonly type: 'ActionEndReported' }>,
): Verdict {
  if (!findRunning(draft, event)?.poll) return unchanged;
  return pollAt(draft, event) ? changed() : unchanged;
}

function pollAt(draft: Draft, address: ActionAddress): boolean {
  const open = openRun(draft, address);
  const stage = open && stageOf(declarationOf(draft.state, open.execution), address.stage);
  const action = stage && actionOf(stage, address.action);
  if (!open || !action) return false;
  pollAction(draft, open.execution, address.stage, action, open.run);
  return true;
}

/** An effect was given up. A start that could not be made fails its action; a look is taken again when it is due. */
export function effectFailed(draft: Draft, effectType: string, effect: unknown, message: string): Verdict {
  if (effectType !== 'StartAction') return unchanged;
  const { executionId, stage, action, actionExecutionId } = effect as ActionAddress;
  return actionFailed(draft, {
    type: 'ActionFailed',
    executionId,
    stage,
    action,
    actionExecutionId,
    code: 'SystemUnavailable',
    message,
  });
}

/** Ends what ran too long, and looks at what is due to be looked at. */
export function timePassed(draft: Draft): Verdict {
  let verdict: Verdict = unchanged;
  for (const [address, run] of runningActions(draft.state as State)) {
    if (run.deadline <= draft.at) {
      const open = openRun(draft, address);
      if (!open) continue;
      const message = `The action did not end within its time limit of ${minutes(run.deadline - run.startedAt)} minutes`;
      endAction(draft, open.execution, address.stage, address.action, { code: 'JobTimedOut', message });
      advance(draft, address.executionId);
      verdict = changed();
    } else if (run.poll && run.poll.at <= draft.at && pollAt(draft, address)) {
      verdict = changed();
    }
  }
  return verdict;
}

/** The earliest time at which an action has to end or to be looked at. */
export function nextWake(state: State): number | undefined {
  const times = runningActions(state).map(([, run]) => Math.min(run.deadline, run.poll?.at ?? run.deadline));
  return times.length === 0 ? undefined : Math.min(...times);
}

function runningActions(state: State): (readonly [ActionAddress, ActionRun])[] {
  return Object.values(state.executions)
    .filter(isInFlight)
    .flatMap((execution) =>
      Object.entries(execution.stages).flatMap(([stage, stageRun]) =>
        Object.entries(stageRun.actions)
          .filter(([, run]) => run.status === 'InProgress')
          .map(
            ([action, run]) =>
              [{ executionId: execution.id, stage, action, actionExecutionId: run.id }, run] as const,
          ),
      ),
    );
}

function minutes(milliseconds: number): number {
  return Math.round(milliseconds / 60_000);
}
