/** A replay of archived events: one batch after the other, from a cursor, until all are told or somebody cancels. */

import { unreachable } from '#base/assert.ts';
import type { Decision, EngineEvent, Stamp } from '#base/decider.ts';

export interface ReplayState {
  readonly status: 'RUNNING' | 'CANCELLING' | 'COMPLETED' | 'CANCELLED' | 'FAILED';
  readonly reason?: string;
  readonly order: ReplayOrder;
  /** The last event that was told. */
  readonly cursor?: ReplayCursor;
  readonly startedAt: number;
  readonly endedAt?: number;
}

export interface ReplayOrder {
  readonly archiveId: string;
  readonly archiveArn: string;
  readonly bus: string;
  /** ARNs; absent for all rules of the bus. */
  readonly ruleArns?: readonly string[];
  readonly description?: string;
  readonly fromMs: number;
  /** The first time that is not replayed. */
  readonly toMs: number;
}

export interface ReplayCursor {
  readonly at: number;
  readonly eventId: string;
}

export type ReplayEvent =
  | { readonly type: 'ReplayStarted'; readonly order: ReplayOrder }
  | { readonly type: 'BatchReplayed'; readonly cursor?: ReplayCursor; readonly isLast: boolean }
  | { readonly type: 'CancelRequested' };

export interface ReplayBatch {
  readonly type: 'ReplayBatch';
  readonly order: ReplayOrder;
  readonly cursor?: ReplayCursor;
}

export const replayDecider = { version: 1, decide };

type Verdict = Decision<ReplayState, ReplayBatch>;

function decide(state: ReplayState | undefined, event: (ReplayEvent | EngineEvent) & Stamp): Verdict {
  if (event.type === 'ReplayStarted') {
    if (state) return { state, effects: [] };
    const { order, at } = event;
    return { state: { status: 'RUNNING', order, startedAt: at }, effects: [{ type: 'ReplayBatch', order }] };
  }
  if (!state) return { state, effects: [] };
  switch (event.type) {
    case 'BatchReplayed':
      return advance(state, event);
    case 'CancelRequested':
      if (state.status === 'RUNNING') return { state: { ...state, status: 'CANCELLING' }, effects: [] };
      return {
        state,
        effects: [],
        reply: {
          fault: { code: 'IllegalStatusException', message: `The replay is in the state ${state.status}.` },
        },
      };
    case 'EffectFailed':
      if (hasEnded(state)) return { state, effects: [] };
      return {
        state: { ...state, status: 'FAILED', reason: event.message.slice(0, 512), endedAt: event.at },
        effects: [],
      };
    case 'TimePassed':
      return { state, effects: [] };
    default:
      return unreachable(event);
  }
}

function advance(
  state: ReplayState,
  event: Extract<ReplayEvent, { readonly type: 'BatchReplayed' }> & Stamp,
): Verdict {
  if (hasEnded(state)) return { state, effects: [] };
  const cursor = event.cursor ?? state.cursor;
  const moved = { ...state, ...(cursor && { cursor }) };
  if (event.isLast) return { state: { ...moved, status: 'COMPLETED', endedAt: event.at }, effects: [] };
  if (state.status === 'CANCELLING') {
    return { state: { ...moved, status: 'CANCELLED', endedAt: event.at }, effects: [] };
  }
  return { state: moved, effects: [{ type: 'ReplayBatch', order: state.order, ...(cursor && { cursor }) }] };
}

function hasEnded({ status }: ReplayState): boolean {
  return status === 'COMPLETED' || status === 'CANCELLED' || status === 'FAILED';
}
