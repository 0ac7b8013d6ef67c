/** The phases of a batch: entered, ended, and at last the outcome, which is a phase of its own. */

import type { Decision } from '#base/decider.ts';
import type { PhaseContext, PhaseStatus } from '#core/build/state.ts';
import type { BatchEffect, BatchOutcome, BatchPhase, BatchPhaseType, BatchState } from './state.ts';

export const FINE: PhaseContext = { statusCode: '', message: '' };

export function currentPhase(state: BatchState): BatchPhaseType {
  return state.phases.at(-1)?.type ?? 'SUBMITTED';
}

/** The current phase has succeeded, and another one begins. */
export function enterPhase(state: BatchState, type: BatchPhaseType, at: number): BatchState {
  const ended = endPhase(state, 'SUCCEEDED', FINE, at);
  return { ...ended, phases: [...ended.phases, { type, startAt: at }] };
}

export function markPhase(state: BatchState, status: PhaseStatus): BatchState {
  return changeLast(state, { status });
}

export function complete(
  state: BatchState,
  status: PhaseStatus,
  context: PhaseContext,
  at: number,
): Decision<BatchState, BatchEffect> {
  const { ending: _e, closing: _c, tryAt: _t, checkAt: _k, ...rest } = endPhase(state, status, context, at);
  const outcome = { type: outcomeOf(status), startAt: at };
  return {
    state: { ...rest, phases: [...rest.phases, outcome], status, isComplete: true },
    effects: [{ type: 'PublishChange', at, round: state.round, change: 'ENDED' }],
  };
}

function endPhase(state: BatchState, status: PhaseStatus, context: PhaseContext, at: number): BatchState {
  return changeLast(state, { status, endAt: at, contexts: [context] });
}

function outcomeOf(status: PhaseStatus): BatchOutcome {
  return status === 'SUCCEEDED' || status === 'STOPPED' ? status : 'FAILED';
}

function changeLast(state: BatchState, change: Partial<BatchPhase>): BatchState {
  const { phases } = state;
  return {
    ...state,
    phases: phases.map((phase, i) => (i === phases.length - 1 ? { ...phase, ...change } : phase)),
  };
}
