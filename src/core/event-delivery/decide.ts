/** Decides how the deliveries of one event go on: see `state.ts` for the picture. */

import { unreachable } from '#base/assert.ts';
import type { Decision, EngineEvent, Stamp } from '#base/decider.ts';
import type { Delivery, DeliveryEffect, DeliveryError, DeliveryEvent, DeliveryState } from './state.ts';

/** An event that is told again after this is a new one; its publishers give up sooner. */
export const REMEMBERED_MS = 3_600_000;
/** Failures are kept longer, for people. */
export const FAILURES_REMEMBERED_MS = 86_400_000;
const PAUSE_MS_MIN = 1_000;
const PAUSE_MS_MAX = 900_000;
const MESSAGE_LENGTH_MAX = 1_000;

type Stamped = (DeliveryEvent | EngineEvent) & Stamp;
type Verdict = Decision<DeliveryState, DeliveryEffect>;

export const deliveryDecider = { version: 1, decide, wakeAt };

function decide(state: DeliveryState | undefined, event: Stamped): Verdict {
  if (event.type === 'EventMatched') {
    if (state) return { state, effects: [] };
    const deliveries = event.targets.map((target): Delivery => ({ target, status: 'sending', attempts: 1 }));
    const effects = deliveries.map((_, index): DeliveryEffect => ({ type: 'Deliver', index, attempt: 1 }));
    const { rule, at } = event;
    return { state: { event: event.event, acceptedAt: at, rule, deliveries }, effects };
  }
  if (!state) return { state, effects: [] };
  switch (event.type) {
    case 'Delivered':
      return change(state, event, event.index, (delivery) =>
        isCurrent(delivery, event.attempt) ? { ...delivery, status: 'delivered' } : delivery,
      );
    case 'DeliveryRefused':
      return change(state, event, event.index, (delivery) =>
        isCurrent(delivery, event.attempt)
          ? refuse(state, delivery, event.error, event.isPassing, event)
          : delivery,
      );
    case 'DeadLettered':
      return change(state, event, event.index, (delivery) =>
        delivery.status === 'dead-lettering' ? { ...delivery, status: 'dead-lettered' } : delivery,
      );
    case 'DeadLetterRefused':
      return loseDeadLetter(state, event, event.index, event.message);
    case 'EffectFailed':
      return failEffect(state, event);
    case 'TimePassed':
      return passTime(state, event);
    default:
      return unreachable(event);
  }
}

function wakeAt(state: DeliveryState): number | undefined {
  if (state.endedAt !== undefined) return state.endedAt + rememberedMs(state);
  const due = state.deliveries.flatMap(({ status, dueAt }) => (status === 'waiting' && dueAt ? [dueAt] : []));
  return due.length > 0 ? Math.min(...due) : undefined;
}

function isCurrent(delivery: Delivery, attempt: number): boolean {
  return delivery.status === 'sending' && delivery.attempts === attempt;
}

/** Waits for another attempt, or gives up: for good reasons, or because a bound of the retry policy is reached. */
function refuse(
  { acceptedAt }: DeliveryState,
  delivery: Delivery,
  error: DeliveryError,
  isPassing: boolean,
  { at, chance }: Stamp,
): Delivery {
  const { retriesMax, ageSecondsMax } = delivery.target;
  const told = { ...delivery, error: { ...error, message: error.message.slice(0, MESSAGE_LENGTH_MAX) } };
  if (!isPassing) return giveUp(told);
  if (delivery.attempts > retriesMax) return giveUp({ ...told, exhausted: 'MaximumRetryAttempts' });
  const dueAt = at + pauseMs(delivery.attempts, chance);
  if (dueAt > acceptedAt + ageSecondsMax * 1000) {
    return giveUp({ ...told, exhausted: 'MaximumEventAgeInSeconds' });
  }
  return { ...told, status: 'waiting', dueAt };
}

function giveUp(delivery: Delivery): Delivery {
  return { ...delivery, status: delivery.target.deadLetterArn === undefined ? 'failed' : 'dead-lettering' };
}

/** Doubles with each attempt; of the whole pause between a half and all, by chance. */
function pauseMs(attempts: number, chance: string): number {
  const whole = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** Math.min(attempts - 1, 30));
  const share = Number.parseInt(chance.slice(0, 8), 16) / 2 ** 32;
  return Math.round(whole * (0.5 + share / 2));
}

function loseDeadLetter(state: DeliveryState, stamp: Stamp, index: number, message: string): Verdict {
  return change(state, stamp, index, (delivery) => {
    if (delivery.status !== 'dead-lettering') return delivery;
    const because = `${delivery.error?.message ?? ''} (dead-letter queue: ${message})`;
    return {
      ...delivery,
      status: 'failed',
      error: { code: delivery.error?.code ?? '', message: because.slice(0, MESSAGE_LENGTH_MAX) },
    };
  });
}

/** The engine gave up an effect: for a delivery that is one failed attempt more. */
function failEffect(
  state: DeliveryState,
  event: Extract<Stamped, { readonly type: 'EffectFailed' }>,
): Verdict {
  const effect = event.effect as DeliveryEffect;
  switch (effect.type) {
    case 'Deliver':
      return change(state, event, effect.index, (delivery) =>
        isCurrent(delivery, effect.attempt)
          ? refuse(state, delivery, { code: 'INTERNAL_ERROR', message: event.message }, true, event)
          : delivery,
      );
    case 'DeadLetter':
      return loseDeadLetter(state, event, effect.index, event.message);
    case 'Forget':
      return { state: { ...state, endedAt: event.at }, effects: [] };
    default:
      return unreachable(effect);
  }
}

function passTime(state: DeliveryState, stamp: Stamp): Verdict {
  if (state.endedAt !== undefined) {
    const isDue = state.endedAt + rememberedMs(state) <= stamp.at;
    // The end moves on, so that the machine is not due again while it is being forgotten.
    return isDue
      ? { state: { ...state, endedAt: stamp.at }, effects: [{ type: 'Forget' }] }
      : { state, effects: [] };
  }
  const effects: DeliveryEffect[] = [];
  const deliveries = state.deliveries.map((delivery, index): Delivery => {
    if (delivery.status !== 'waiting' || (delivery.dueAt ?? 0) > stamp.at) return delivery;
    const { dueAt: _, ...rest } = delivery;
    const attempt = delivery.attempts + 1;
    effects.push({ type: 'Deliver', index, attempt });
    return { ...rest, status: 'sending', attempts: attempt };
  });
  return effects.length > 0 ? { state: { ...state, deliveries }, effects } : { state, effects: [] };
}

/** Changes one delivery; orders a dead letter when it comes to that, and ends when all have ended. */
function change(
  state: DeliveryState,
  { at }: Stamp,
  index: number,
  next: (delivery: Delivery) => Delivery,
): Verdict {
  const before = state.deliveries[index];
  const after = before && next(before);
  if (!before || !after || after === before) return { state, effects: [] };
  const deliveries = state.deliveries.with(index, after);
  const effects: DeliveryEffect[] = after.status === 'dead-lettering' ? [{ type: 'DeadLetter', index }] : [];
  if (!deliveries.every(hasEnded)) return { state: { ...state, deliveries }, effects };
  // What failed is kept with its event; everything else is only remembered.
  const event = deliveries.some(({ status }) => status === 'failed') ? state.event : '';
  return { state: { ...state, event, deliveries, endedAt: at }, effects };
}

function hasEnded({ status }: Delivery): boolean {
  return status === 'delivered' || status === 'dead-lettered' || status === 'failed';
}

function rememberedMs(state: DeliveryState): number {
  return state.deliveries.some(({ status }) => status === 'failed') ? FAILURES_REMEMBERED_MS : REMEMBERED_MS;
}
