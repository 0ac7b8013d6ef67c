/**
 * The life of a key. Deletion waits, and can be taken back until it is done; then the key is silent for ever. Rotation
 * only ever adds material, so that what was encrypted before stays readable.
 *
 *   KeyCreated ─▶ Enabled ⇄ Disabled ─▶ PendingDeletion ─ TimePassed ─▶ Deleted
 *                    └──────────────────────┘ ▲ └─ DeletionCancelled ─▶ Disabled
 *   TimePassed or RotationRequested ─▶ MakeMaterial ─▶ MaterialMade: the new material encrypts from now on
 */

import { unreachable } from '#base/assert.ts';
import type { Decider, Decision, EngineEvent, Stamp } from '#base/decider.ts';
import { notFound, stateFault, type KeyFault } from './faults.ts';
import {
  DAY_MS,
  ON_DEMAND_ROTATIONS_MAX,
  ROTATION_DAYS_DEFAULT,
  TAGS_MAX,
  type KeyEvent,
  type KeyState,
  type MakeMaterial,
  type RotationType,
} from './state.ts';

export type KeyDecision = Decision<KeyState, MakeMaterial>;

export const keyDecider: Decider<KeyState, KeyEvent, MakeMaterial> = { version: 1, decide, wakeAt };

function decide(state: KeyState | undefined, event: (KeyEvent | EngineEvent) & Stamp): KeyDecision {
  if (event.type === 'KeyCreated') return state ? same(state) : create(event);
  if (state === undefined || state.status === 'Deleted') {
    const isCommand =
      event.type !== 'TimePassed' && event.type !== 'EffectFailed' && event.type !== 'MaterialMade';
    return isCommand ? refuse(state, notFound(state?.arn ?? '')) : { state, effects: [] };
  }
  switch (event.type) {
    case 'TimePassed':
      return passTime(state, event.at);
    case 'EffectFailed':
      return giveUpRotation(state, event.at);
    case 'MaterialMade':
      return addMaterial(state, event.number, event.materialId, event.at);
    case 'DeletionCancelled':
      return cancelDeletion(state);
    default: {
      const blocked = state.status === 'PendingDeletion' ? stateFault(state) : undefined;
      return blocked ? refuse(state, blocked) : change(state, event);
    }
  }
}

/** When the key next has something to do by itself. A disabled key is not rotated until it is enabled again. */
function wakeAt(state: KeyState): number | undefined {
  if (state.status === 'PendingDeletion') return state.deletion?.at;
  if (state.status !== 'Enabled' || state.rotating) return undefined;
  return state.rotation?.nextAt;
}

type Change = Exclude<KeyEvent, { readonly type: 'KeyCreated' | 'MaterialMade' | 'DeletionCancelled' }>;

/** What its owner wants of a key that is not about to be deleted. */
function change(state: KeyState, event: Change & Stamp): KeyDecision {
  switch (event.type) {
    case 'KeyEnabled':
      return same({ ...state, status: 'Enabled' });
    case 'KeyDisabled':
      return same({ ...state, status: 'Disabled' });
    case 'DeletionScheduled': {
      const deletion = { at: event.at + event.days * DAY_MS, days: event.days };
      return same({ ...state, status: 'PendingDeletion', deletion });
    }
    case 'DescriptionChanged':
      return same({ ...state, description: event.description });
    case 'PolicyPut':
      return same({ ...state, policy: event.policy });
    case 'TagsChanged':
      return changeTags(state, event.set, event.removed);
    case 'RotationEnabled':
      return enableRotation(state, event.periodDays, event.at);
    case 'RotationDisabled': {
      const refusal = rotationFault(state);
      return refusal ? refuse(state, refusal) : same(without(state, 'rotation'));
    }
    case 'RotationRequested':
      return requestRotation(state, event.at);
    default:
      return unreachable(event);
  }
}

function create(event: Extract<KeyEvent, { readonly type: 'KeyCreated' }> & Stamp): KeyDecision {
  const { type: _, chance: __, at, materialId, ...facts } = event;
  const period = { periodDays: ROTATION_DAYS_DEFAULT, nextAt: at + ROTATION_DAYS_DEFAULT * DAY_MS };
  return same({
    ...facts,
    createdAt: at,
    status: 'Enabled',
    materials: [{ number: 1, id: materialId, createdAt: at }],
    // See "Rotate AWS managed keys": every year, and nobody can turn it off.
    ...(facts.manager === 'AWS' ? { rotation: period } : {}),
  });
}

function passTime(state: KeyState, at: number): KeyDecision {
  const due = wakeAt(state);
  if (due === undefined || at < due) return same(state);
  if (state.status === 'PendingDeletion') {
    const { deletion: _, rotation: __, rotating: ___, ...rest } = state;
    return same({ ...rest, status: 'Deleted', policy: '', tags: {}, description: '', materials: [] });
  }
  return rotate(state, 'AUTOMATIC', at);
}

function rotate(state: KeyState, type: RotationType, since: number): KeyDecision {
  const number = (state.materials.at(-1)?.number ?? 0) + 1;
  return {
    state: { ...state, rotating: { number, type, since } },
    effects: [{ type: 'MakeMaterial', keyId: state.id, number }],
  };
}

function addMaterial(state: KeyState, number: number, id: string, at: number): KeyDecision {
  const { rotating, rotation } = state;
  if (rotating?.number !== number) return same(state);
  const material = { number, id, createdAt: at, type: rotating.type };
  return same({
    ...without(state, 'rotating'),
    materials: [...state.materials, material],
    // A rotation on demand does not move the calendar.
    ...(rotation && rotating.type === 'AUTOMATIC'
      ? { rotation: { ...rotation, nextAt: at + rotation.periodDays * DAY_MS } }
      : {}),
  });
}

/** The key stays as it was; what was due is tried again tomorrow. */
function giveUpRotation(state: KeyState, at: number): KeyDecision {
  const { rotating, rotation } = state;
  if (!rotating) return same(state);
  return same({
    ...without(state, 'rotating'),
    ...(rotation && rotating.type === 'AUTOMATIC' ? { rotation: { ...rotation, nextAt: at + DAY_MS } } : {}),
  });
}

function cancelDeletion(state: KeyState): KeyDecision {
  if (state.status !== 'PendingDeletion') {
    return refuse(state, {
      code: 'KMSInvalidStateException',
      message: `${state.arn} is not pending deletion.`,
    });
  }
  return same({ ...without(state, 'deletion'), status: 'Disabled' });
}

function changeTags(
  state: KeyState,
  set: Readonly<Record<string, string>>,
  removed: readonly string[],
): KeyDecision {
  const kept = Object.entries(state.tags).filter(([name]) => !removed.includes(name));
  const tags = { ...Object.fromEntries(kept), ...set };
  if (Object.keys(tags).length > TAGS_MAX) {
    return refuse(state, { code: 'LimitExceededException', message: `A key can have ${TAGS_MAX} tags.` });
  }
  return same({ ...state, tags });
}

function enableRotation(state: KeyState, periodDays: number, at: number): KeyDecision {
  const refusal = rotationFault(state);
  if (refusal) return refuse(state, refusal);
  if (state.rotation?.periodDays === periodDays) return same(state);
  return same({ ...state, rotation: { periodDays, nextAt: at + periodDays * DAY_MS } });
}

function requestRotation(state: KeyState, at: number): KeyDecision {
  const refusal = rotationFault(state);
  if (refusal) return refuse(state, refusal);
  if (state.rotating) {
    const message = `A rotation of ${state.arn} is already in progress.`;
    return refuse(state, { code: 'ConflictException', message });
  }
  const made = state.materials.filter((material) => material.type === 'ON_DEMAND').length;
  if (made >= ON_DEMAND_ROTATIONS_MAX) {
    const message = `${state.arn} has been rotated on demand ${ON_DEMAND_ROTATIONS_MAX} times, which is the limit.`;
    return refuse(state, { code: 'LimitExceededException', message });
  }
  return rotate(state, 'ON_DEMAND', at);
}

function rotationFault(state: KeyState): KeyFault | undefined {
  if (state.spec !== 'SYMMETRIC_DEFAULT') {
    const message = `${state.arn} is not a symmetric encryption key, so its material cannot be rotated.`;
    return { code: 'UnsupportedOperationException', message };
  }
  return stateFault(state);
}

function same(state: KeyState): KeyDecision {
  return { state, effects: [] };
}

function refuse(state: KeyState | undefined, refusal: KeyFault): KeyDecision {
  return { state, effects: [], reply: { fault: refusal } };
}

function without<Name extends 'rotation' | 'rotating' | 'deletion'>(
  state: KeyState,
  name: Name,
): Omit<KeyState, Name> {
  const { [name]: _, ...rest } = state;
  return rest;
}
