/** Decides what becomes of an alarm: see `state.ts` for the picture. */

import { unreachable } from '#base/assert.ts';
import type { Decision, EngineEvent, Stamp } from '#base/decider.ts';
import type {
  AlarmEffect,
  AlarmEvent,
  AlarmSettings,
  AlarmState,
  SettingsChange,
  TakeAction,
  ValueChange,
  Verdict,
} from './state.ts';

/** A deleted alarm is remembered so long, so that late results of its actions find it. */
export const REMEMBERED_MS = 3_600_000;

type Stamped = (AlarmEvent | EngineEvent) & Stamp;
type Outcome = Decision<AlarmState, AlarmEffect>;

export const alarmDecider = { version: 1, decide, wakeAt };

const UNCHECKED: Verdict = { value: 'INSUFFICIENT_DATA', reason: 'Unchecked: Initial alarm creation' };

function decide(state: AlarmState | undefined, event: Stamped): Outcome {
  if (event.type === 'AlarmPut') return put(state, event);
  if (!state) return { state, effects: [] };
  if (event.type === 'ActionEnded') return afterAction(state, event.arn, event.at, event.error);
  if (event.type === 'EffectFailed') return afterFailure(state, event);
  if (state.deletedAt !== undefined) return afterDeletion(state, event);
  switch (event.type) {
    case 'ActionsSwitched': {
      if (state.settings.actionsEnabled === event.enabled) return unchanged(state);
      const settings = { ...state.settings, actionsEnabled: event.enabled };
      return changeSettings(state, settings, event.at);
    }
    case 'ValueSet':
      return takeOn(state, event.verdict, event.at);
    case 'Evaluated': {
      const isStale = event.configuredAt !== state.configuredAt;
      if (isStale || event.verdict.value === state.verdict.value) return unchanged(state);
      return takeOn(state, event.verdict, event.at);
    }
    case 'AlarmDeleted':
      return {
        state: { ...state, deletedAt: event.at },
        effects: [announceSettings(state, 'delete', event.at)],
      };
    case 'TimePassed':
      return unchanged(state);
    default:
      return unreachable(event);
  }
}

function wakeAt({ deletedAt }: AlarmState): number | undefined {
  return deletedAt === undefined ? undefined : deletedAt + REMEMBERED_MS;
}

/** As on AWS, changed settings leave the value as it is until the next evaluation. */
function put(state: AlarmState | undefined, event: Stamped & { readonly type: 'AlarmPut' }): Outcome {
  const { name, settings, at } = event;
  if (state && state.deletedAt === undefined) {
    if (state.settings.type !== settings.type) {
      const message = `An alarm of another type has the name ${name}.`;
      return { state, effects: [], reply: { fault: { code: 'ValidationException', message } } };
    }
    return changeSettings(state, settings, at);
  }
  const changes = (state?.changes ?? 0) + 1;
  const times = { configuredAt: at, updatedAt: at, transitionedAt: at };
  const made: AlarmState = { name, settings, verdict: UNCHECKED, changes, ...times };
  return { state: made, effects: [announceSettings(made, 'create', at)] };
}

function changeSettings(state: AlarmState, settings: AlarmSettings, at: number): Outcome {
  const { settings: before, configuredAt } = state;
  const after = { ...state, settings, configuredAt: at, changes: state.changes + 1 };
  const previous = { settings: before, configuredAt };
  return { state: after, effects: [announceSettings(after, 'update', at, previous)] };
}

function announceSettings(
  { name, settings, configuredAt, verdict, updatedAt: verdictAt }: AlarmState,
  operation: SettingsChange['operation'],
  at: number,
  previous?: SettingsChange['previous'],
): AlarmEffect {
  const change = { name, operation, settings, configuredAt, verdict, verdictAt, at };
  return { type: 'AnnounceSettings', change: { ...change, ...(previous && { previous }) } };
}

function takeOn(state: AlarmState, verdict: Verdict, at: number): Outcome {
  if (verdict.value === state.verdict.value) return unchanged({ ...state, verdict, updatedAt: at });
  const sequence = state.changes + 1;
  const { name, settings, configuredAt, verdict: before, updatedAt: beforeAt } = state;
  const change: ValueChange = {
    ...{ name, settings, before, beforeAt, after: verdict, at, configuredAt, sequence },
  };
  const arns = settings.actionsEnabled ? settings.actions[verdict.value] : [];
  return {
    state: { ...state, verdict, updatedAt: at, transitionedAt: at, changes: sequence },
    effects: [
      { type: 'Announce', change },
      ...[...new Set(arns)].map((arn): TakeAction => ({ type: 'TakeAction', arn, change })),
    ],
  };
}

/** A change is announced in any case; an action that failed often enough is given up, and the history says so. */
function afterFailure(state: AlarmState, event: Stamped & { readonly type: 'EffectFailed' }): Outcome {
  const effect = event.effect as AlarmEffect;
  if (effect.type !== 'TakeAction') return { state, effects: [effect] };
  return afterAction(state, effect.arn, event.at, event.message);
}

function afterAction(state: AlarmState, arn: string, at: number, error: string | undefined): Outcome {
  return unchanged({ ...state, lastAction: { arn, at, ...(error !== undefined && { error }) } });
}

function afterDeletion(state: AlarmState, event: Stamped): Outcome {
  const { deletedAt = 0 } = state;
  if (event.type !== 'TimePassed' || event.at < deletedAt + REMEMBERED_MS) return unchanged(state);
  // Should it not work out, it is tried again after the same while.
  return { state: { ...state, deletedAt: event.at }, effects: [{ type: 'Forget' }] };
}

function unchanged(state: AlarmState): Outcome {
  return { state, effects: [] };
}
