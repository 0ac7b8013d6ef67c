/** What became of actions: results of effects, and reports that something outside went on or ended. */

import { endAction, noteReference, noteStarted, pollAction } from './actions.ts';
import { referredOutputs } from './configuration.ts';
import { actionOf, stageOf } from './definition/declaration.ts';
import type { Draft, Writable } from './draft.ts';
import { declarationOf, openExecution } from './draft.ts';
import { OUTPUT_VARIABLES_LENGTH_MAX } from './limits.ts';
import { advance } from './stages.ts';
import type { ActionAddress, Event } from './events.ts';
import type { ActionRun, Execution } from './state.ts';
import type { Verdict } from './verdict.ts';
import { changed, unchanged } from './verdict.ts';

/** The run that an event speaks of, if it still runs; late and repeated events find none. */
export function findRunning(draft: Draft, address: ActionAddress): ActionRun | undefined {
  const run = draft.state.executions[address.executionId]?.stages[address.stage]?.actions[address.action];
  return run?.id === address.actionExecutionId && run.status === 'InProgress' ? run : undefined;
}

export function openRun(
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

export function actionProgressed(
  draft: Draft,
  event: Extract<Event, { readonly type: 'ActionProgressed' }>,
): Verdict {
  const open = openRun(draft, event);
  if (!open) return unchanged;
  noteReference(draft, open.run, event);
  return changed();
}

/** Only an update withdraws work that nobody has begun; the run then ends as an approval does. */
export function actionVoided(
  draft: Draft,
  event: Extract<Event, { readonly type: 'ActionVoided' }>,
): Verdict {
  if (!draft.state.executions[event.executionId]?.cancelling) return unchanged;
  const open = openRun(draft, event);
  if (!open) return unchanged;
  endAction(draft, open.execution, event.stage, event.action, 'Voided');
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

/** Orders a look at work outside; false if there is nothing to look at. */
export function pollAt(draft: Draft, address: ActionAddress): boolean {
  const open = openRun(draft, address);
  const stage = open && stageOf(declarationOf(draft.state, open.execution), address.stage);
  const action = stage && actionOf(stage, address.action);
  if (!open || !action) return false;
  pollAction(draft, open.execution, address.stage, action, open.run);
  return true;
}
