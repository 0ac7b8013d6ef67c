/**
 * A pipeline's own life. An update never starts an execution; it cancels those of the old version, except PARALLEL
 * ones, which end on the version they began with. AWS: "Edit a pipeline in CodePipeline".
 */

import { declaredAction, endAction, withdraw } from './actions.ts';
import { endConditions } from './conditions.ts';
import type { Declaration } from './definition/declaration.ts';
import type { Draft } from './draft.ts';
import { currentStage, isInFlight, openExecution } from './draft.ts';
import { requestExecution } from './starts.ts';
import { advance, endWaiting } from './stages.ts';
import type { Event } from './events.ts';
import type { StageState, State } from './state.ts';
import type { Verdict } from './verdict.ts';
import { changed } from './verdict.ts';

type Created = Extract<Event, { readonly type: 'PipelineCreated' }>;

export function createState(event: Created & { readonly at: number }): State {
  const { declaration } = event;
  return {
    name: declaration.name,
    account: event.account,
    region: event.region,
    deleted: false,
    createdAt: event.at,
    updatedAt: event.at,
    version: declaration.version,
    declarations: { [declaration.version]: declaration },
    stages: stagesOf(declaration, []),
    executions: {},
    executionCount: 0,
    tokens: [],
  };
}

/** A new pipeline runs once by itself. */
export function startFirst(draft: Draft, event: Created): Verdict {
  requestExecution(draft, {
    type: 'ExecutionRequested',
    trigger: { type: 'CreatePipeline', detail: event.by },
    variables: {},
    pinned: {},
    fingerprint: '',
  });
  return changed();
}

export function updatePipeline(draft: Draft, declaration: Declaration): Verdict {
  const { state } = draft;
  const version = state.version + 1;
  state.declarations[version] = structuredClone({ ...declaration, version }) as never;
  state.version = version;
  state.updatedAt = draft.at;
  state.stages = stagesOf(declaration, state.stages) as typeof state.stages;
  const old = Object.values(state.executions)
    .filter((execution) => isInFlight(execution) && execution.mode !== 'PARALLEL')
    .sort((a, b) => a.number - b.number);
  for (const execution of old) cancel(draft, execution.id);
  return changed({ version });
}

/** Ends what waits at once; inside a stage, questions are withdrawn and running work is waited for. */
function cancel(draft: Draft, id: string): void {
  const execution = openExecution(draft, id);
  if (execution.position?.phase === 'waiting') return endWaiting(draft, id, 'Cancelled');
  execution.cancelling = true;
  const { name, run } = currentStage(draft, execution);
  endConditions(draft, run, 'Cancelled');
  for (const [action, actionRun] of Object.entries(run.actions)) {
    if (actionRun.status !== 'InProgress') continue;
    if (actionRun.token !== undefined) endAction(draft, execution, name, action, 'Voided');
    else withdraw(draft, execution, name, declaredAction(draft, execution, name, action), actionRun, true);
  }
  advance(draft, id);
}

/** Stages keep lock, waiting area, switch and history by name; what an update removed stays while it is in use. */
function stagesOf(declaration: Declaration, before: readonly StageState[]): readonly StageState[] {
  const byName = new Map(before.map((stage) => [stage.name, stage]));
  const current = declaration.stages.map(({ name }): StageState => {
    const kept = byName.get(name);
    byName.delete(name);
    return kept ?? { name, transition: { enabled: true }, waiting: [] };
  });
  const removed = [...byName.values()].filter(
    (stage) => stage.occupant !== undefined || stage.waiting.length > 0,
  );
  return [...current, ...removed];
}

/** Nothing is told any more: work that runs goes on outside, work for workers is withdrawn, results find nobody. */
export function deletePipeline(draft: Draft): Verdict {
  for (const execution of Object.values(draft.state.executions).filter(isInFlight)) {
    for (const [stage, run] of Object.entries(execution.stages)) {
      for (const [action, actionRun] of Object.entries(run.actions)) {
        if (actionRun.status !== 'InProgress') continue;
        withdraw(draft, execution, stage, declaredAction(draft, execution, stage, action), actionRun);
      }
    }
  }
  draft.state.deleted = true;
  draft.state.updatedAt = draft.at;
  draft.state.executions = {};
  draft.state.declarations = {};
  draft.state.stages = [];
  draft.state.tokens = [];
  return changed();
}
