/**
 * The working copy inside one decision. The stored state is never altered: the draft copies an execution before it
 * changes, and collects the effects and state changes in the order in which they came about.
 */

import { present } from '#base/assert.ts';
import { deriveText, deriveUuid } from '#base/ids.ts';
import { PARALLEL_RETRYABLE_MAX } from './limits.ts';
import type { Declaration, StageDeclaration } from './definition/declaration.ts';
import { stageOf } from './definition/declaration.ts';
import type { Effect, StateChange } from './orders.ts';
import type { Execution, StageRun, StageState, State } from './state.ts';

export type Writable<T> = T extends object ? { -readonly [Key in keyof T]: Writable<T[Key]> } : T;

export interface Draft {
  readonly at: number;
  /** Executions are read here and written through `openExecution`. */
  readonly state: Writable<State>;
  readonly effects: Effect[];
  readonly changes: StateChange[];
  /** A fresh id, the same whenever the same event is decided. */
  createId(): string;
  /** Seven random characters for the key of an artifact. */
  createKey(): string;
  readonly opened: Set<string>;
}

const KEY_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** A working copy without what the last decisions finished; see `prune`. */
export function createDraft(state: State, stamp: { readonly at: number; readonly chance: string }): Draft {
  let index = 0;
  const kept = prune(state);
  return {
    at: stamp.at,
    state: {
      ...(kept as Writable<State>),
      stages: structuredClone(kept.stages) as Writable<StageState>[],
      executions: { ...(kept.executions as Writable<State['executions']>) },
      tokens: [...kept.tokens],
    },
    effects: [],
    changes: [],
    createId: () => deriveUuid(stamp.chance, index++),
    createKey: () => deriveText(stamp.chance, index++, KEY_ALPHABET, 7),
    opened: new Set(),
  };
}

/** The decision's effects: what was ordered, and one order to publish what changed. */
export function effectsOf(draft: Draft): readonly Effect[] {
  if (draft.changes.length === 0) return draft.effects;
  return [...draft.effects, { type: 'PublishEvents', events: draft.changes }];
}

/** The execution, to be written; it is copied the first time and counts as changed now. */
export function openExecution(draft: Draft, id: string): Writable<Execution> {
  const execution = present(draft.state.executions[id], 'execution');
  if (draft.opened.has(id)) return execution;
  draft.opened.add(id);
  const copy = structuredClone(execution);
  copy.changedAt = draft.at;
  draft.state.executions[id] = copy;
  return copy;
}

export function declarationOf(
  state: { readonly declarations: Readonly<Record<number, Declaration>> },
  execution: { readonly version: number },
): Declaration {
  return present(state.declarations[execution.version], 'declaration of a running version');
}

/** Where locks live. A stage that is not in the current declaration exists while an older execution needs it. */
export function openStage(draft: Draft, name: string): Writable<StageState> {
  const found = draft.state.stages.find((stage) => stage.name === name);
  if (found) return found;
  const stage: Writable<StageState> = { name, transition: { enabled: true }, waiting: [] };
  draft.state.stages.push(stage);
  return stage;
}

/** The stage in which the execution is, as its own version declares it. */
export function currentStage(
  draft: Draft,
  execution: Writable<Execution>,
): { declared: StageDeclaration; run: Writable<StageRun>; name: string } {
  const name = present(execution.position, 'position').stage;
  return {
    name,
    declared: present(stageOf(declarationOf(draft.state, execution), name), 'stage'),
    run: present(execution.stages[name], 'stage run'),
  };
}

export function isInFlight(execution: Execution): boolean {
  return execution.status === 'InProgress' || execution.status === 'Stopping';
}

/**
 * Removes what no event can need any more: executions that ended and are the latest in no stage, runs of stages that
 * another execution entered since, declarations that nothing runs. They are rows of the room by now.
 */
function prune(state: State): State {
  const latestIn = (id: string) => state.stages.filter((stage) => stage.latest === id);
  const all = Object.values(state.executions);
  const retryable = all
    .filter((execution) => execution.mode === 'PARALLEL' && !isInFlight(execution))
    .filter((execution) => execution.status === 'Failed' || execution.status === 'Stopped')
    .sort((a, b) => b.number - a.number)
    .slice(0, PARALLEL_RETRYABLE_MAX);
  const kept = all.filter(
    (execution) =>
      isInFlight(execution) || latestIn(execution.id).length > 0 || retryable.includes(execution),
  );
  const versions = new Set([state.version, ...kept.filter(isInFlight).map((execution) => execution.version)]);
  const current = present(state.declarations[state.version], 'current declaration');
  const inUse = (stage: StageState) =>
    stageOf(current, stage.name) !== undefined || stage.occupant !== undefined || stage.waiting.length > 0;
  return {
    ...state,
    stages: state.stages.filter(inUse),
    executions: Object.fromEntries(kept.map((execution) => [execution.id, pruneStages(state, execution)])),
    declarations: Object.fromEntries(
      Object.entries(state.declarations).filter(([version]) => versions.has(Number(version))),
    ),
  };
}

function pruneStages(state: State, execution: Execution): Execution {
  const names = Object.keys(execution.stages);
  const kept = names.filter(
    (name) =>
      execution.position?.stage === name ||
      execution.mode === 'PARALLEL' ||
      state.stages.some((stage) => stage.name === name && stage.latest === execution.id),
  );
  if (kept.length === names.length) return execution;
  const stages = Object.fromEntries(kept.map((name) => [name, present(execution.stages[name], 'stage run')]));
  return { ...execution, stages };
}
