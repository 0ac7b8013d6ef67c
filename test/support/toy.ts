/**
 * A toy machine for proving the engine: a parcel that travels in legs. Each leg loads all its crates at the same time,
 * rests for a while, and goes on; at the end a bell rings, and nobody answers. The world does each order once for each
 * effect id, as worlds that the engine works with must.
 */

import type { Decider, Machine, Perform } from '#engine/machine.ts';

export interface Parcel {
  readonly status: 'Travelling' | 'Resting' | 'Arrived' | 'Lost';
  readonly legs: number;
  readonly crates: number;
  readonly restMs: number;
  readonly leg: number;
  /** Crates of this leg that are loaded. */
  readonly loaded: readonly number[];
  readonly restUntil?: number;
}

export type ParcelEvent =
  | { readonly type: 'ParcelSent'; readonly legs: number; readonly crates: number; readonly restMs: number }
  | { readonly type: 'CrateLoaded'; readonly leg: number; readonly crate: number };

export type ParcelEffect =
  | { readonly type: 'LoadCrate'; readonly leg: number; readonly crate: number }
  | { readonly type: 'RingBell' };

export const parcelDecider: Decider<Parcel, ParcelEvent, ParcelEffect> = {
  version: 1,
  decide(state, event) {
    if (event.type === 'ParcelSent') {
      if (state) return { state, effects: [], reply: { value: 'sent before' } };
      if (event.legs < 1) {
        return { state, effects: [], reply: { fault: { code: 'BadParcel', message: 'A parcel has legs.' } } };
      }
      const { legs, crates, restMs } = event;
      const parcel: Parcel = { status: 'Travelling', legs, crates, restMs, leg: 1, loaded: [] };
      return { state: parcel, effects: loadAll(parcel), reply: { value: 'sent' } };
    }
    if (!state) return { state, effects: [] };
    switch (event.type) {
      case 'CrateLoaded': {
        const isLate =
          state.status !== 'Travelling' || event.leg !== state.leg || state.loaded.includes(event.crate);
        return isLate ? { state, effects: [] } : load(state, event.crate, event.at);
      }
      case 'TimePassed': {
        if (state.status !== 'Resting' || event.at < (state.restUntil ?? 0)) return { state, effects: [] };
        const { restUntil: _, ...rest } = state;
        const parcel: Parcel = { ...rest, status: 'Travelling', leg: state.leg + 1, loaded: [] };
        return { state: parcel, effects: loadAll(parcel) };
      }
      case 'EffectFailed':
        return state.status === 'Arrived'
          ? { state, effects: [] }
          : { state: { ...state, status: 'Lost' }, effects: [] };
    }
  },
  wakeAt: (state) => state.restUntil,
};

function load(state: Parcel, crate: number, at: number): { state: Parcel; effects: ParcelEffect[] } {
  const loaded = [...state.loaded, crate].sort((a, b) => a - b);
  if (loaded.length < state.crates) return { state: { ...state, loaded }, effects: [] };
  if (state.leg < state.legs) {
    return { state: { ...state, loaded, status: 'Resting', restUntil: at + state.restMs }, effects: [] };
  }
  return { state: { ...state, loaded, status: 'Arrived' }, effects: [{ type: 'RingBell' }] };
}

function loadAll(parcel: Parcel): ParcelEffect[] {
  return Array.from({ length: parcel.crates }, (_, crate) => ({ type: 'LoadCrate', leg: parcel.leg, crate }));
}

/** Does an order; called again under the same id, it must see that it is done. */
export type World = (effectId: string, what: string, signal: AbortSignal) => Promise<void>;

export function createParcelMachine(world: World): Machine<Parcel, ParcelEvent, ParcelEffect> {
  const loadCrate: Perform<Extract<ParcelEffect, { type: 'LoadCrate' }>, ParcelEvent> = async (
    { leg, crate },
    { effectId, machineId, signal },
  ) => {
    await world(effectId, `${machineId}: load ${crate} for leg ${leg}`, signal);
    return { type: 'CrateLoaded', leg, crate };
  };
  return {
    kind: 'toy.parcel',
    decider: parcelDecider,
    effects: {
      LoadCrate: loadCrate,
      async RingBell(_, { effectId, machineId, signal }) {
        await world(effectId, `${machineId}: ring`, signal);
        return undefined;
      },
    },
  };
}

/** A world in memory, which several engines and several lives of them can share. */
export interface MemoryWorld {
  readonly world: World;
  /** What was done, once for each effect id, sorted. */
  done(): string[];
  /** How often the world was asked, repetitions included. */
  asked(): number;
}

export function createMemoryWorld(): MemoryWorld {
  const done = new Map<string, string>();
  let asked = 0;
  return {
    world: async (effectId, what) => {
      asked++;
      if (!done.has(effectId)) done.set(effectId, what);
    },
    done: () => [...done.values()].sort(),
    asked: () => asked,
  };
}
