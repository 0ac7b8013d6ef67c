/**
 * The life of a parameter: who is told of its changes, what its policies do, and when nothing is left of it.
 *
 *   ParameterPut ─▶ There ─ ParameterPut, VersionLabelled, TimePassed (notifications) ─▶ There
 *                     └─ ParameterDeleted, or TimePassed at its expiration ─▶ Gone ─ all announced ─▶ forgotten
 */

import { unreachable } from '#base/assert.ts';
import type { Decider, Decision, EngineEvent, Stamp } from '#base/decider.ts';
import { deriveUuid } from '#base/ids.ts';
import type {
  AnnounceChange,
  AnnouncePolicy,
  ParameterEffect,
  ParameterEvent,
  ParameterState,
} from './state.ts';

type ParameterDecision = Decision<ParameterState, ParameterEffect>;
type Announcement = AnnounceChange | AnnouncePolicy;

export const parameterDecider: Decider<ParameterState, ParameterEvent, ParameterEffect> = {
  version: 1,
  decide,
  wakeAt: ({ status, policies }) =>
    status === 'There' && policies.length > 0
      ? Math.min(...policies.map((policy) => policy.dueAt))
      : undefined,
};

function decide(
  state: ParameterState | undefined,
  event: (ParameterEvent | EngineEvent) & Stamp,
): ParameterDecision {
  if (event.type === 'ParameterPut') return put(state, event);
  if (!state) return { state, effects: [] };
  if (event.type === 'Announced' || event.type === 'EffectFailed') return announced(state);
  if (state.status === 'Gone') return { state, effects: [] };
  switch (event.type) {
    case 'VersionLabelled':
      return withAnnouncements(state, [change(state, 'LabelParameterVersion', event)]);
    case 'TimePassed':
      return actPolicies(state, event);
    case 'ParameterDeleted':
      return end(state, [], event);
    default:
      return unreachable(event);
  }
}

function put(
  before: ParameterState | undefined,
  event: Extract<ParameterEvent, { readonly type: 'ParameterPut' }> & Stamp,
): ParameterDecision {
  if (before?.status === 'Gone') {
    const message = 'The parameter was deleted meanwhile; try again.';
    return { state: before, effects: [], reply: { fault: { code: 'TooManyUpdates', message } } };
  }
  const { name, parameterType, description, policies } = event;
  const state: ParameterState = {
    name,
    type: parameterType,
    description,
    status: 'There',
    policies,
    pending: before?.pending ?? 0,
  };
  return withAnnouncements(state, [change(state, before ? 'Update' : 'Create', event)]);
}

/** What is due acts once; an expiration ends everything. */
function actPolicies(state: ParameterState, event: Stamp): ParameterDecision {
  const due = state.policies.filter((policy) => policy.dueAt <= event.at);
  if (due.length === 0) return { state, effects: [] };
  const acted = due.map((policy, index): AnnouncePolicy => ({
    type: 'AnnouncePolicy',
    eventId: deriveUuid(event.chance, index + 1),
    at: event.at,
    policyType: policy.type,
    policyText: policy.text,
    name: state.name,
    parameterType: state.type,
  }));
  if (due.some((policy) => policy.type === 'Expiration')) return end(state, acted, event);
  const policies = state.policies.filter((policy) => policy.dueAt > event.at);
  return withAnnouncements({ ...state, policies }, acted);
}

function end(state: ParameterState, also: readonly Announcement[], event: Stamp): ParameterDecision {
  const gone: ParameterState = { ...state, status: 'Gone', policies: [] };
  return withAnnouncements(gone, [...also, change(state, 'Delete', event)]);
}

function withAnnouncements(state: ParameterState, effects: readonly Announcement[]): ParameterDecision {
  return { state: { ...state, pending: state.pending + effects.length }, effects };
}

function announced(before: ParameterState): ParameterDecision {
  if (before.pending === 0) return { state: before, effects: [] };
  const state = { ...before, pending: before.pending - 1 };
  const isOver = state.status === 'Gone' && state.pending === 0;
  return { state, effects: isOver ? [{ type: 'Forget' }] : [] };
}

function change(
  { name, type, description }: ParameterState,
  operation: AnnounceChange['operation'],
  { at, chance }: Stamp,
): AnnounceChange {
  const eventId = deriveUuid(chance, 0);
  return { type: 'AnnounceChange', eventId, at, operation, name, parameterType: type, description };
}
