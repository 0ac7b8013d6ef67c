/**
 * One message on its way to the subscribers of a topic. Each delivery goes its own way: it is tried, and tried again
 * after the pauses of its policy, until it is taken or given up; what is given up goes to a dead-letter queue, if the
 * subscription has one.
 *
 *   trying ─ taken ───────────────────────────────▶ delivered
 *     ▲  │ failed, may pass ─▶ waiting ─ time ─┐
 *     └──┼─────────────────────────────────────┘
 *        └ failed for good ─▶ burying ─▶ buried     (or `failed`, without a queue for it)
 */

import { unreachable } from '#base/assert.ts';
import type { Decision, EngineEvent, Stamp } from '#base/decider.ts';
import { pauseBefore, type RetryPolicy } from './retry.ts';

export type DeliveryStatus = 'trying' | 'waiting' | 'burying' | 'delivered' | 'buried' | 'failed';

export interface Delivery {
  readonly status: DeliveryStatus;
  /** How often it was tried. */
  readonly attempts: number;
  readonly retry: RetryPolicy;
  /** The subscription has a queue for dead letters. */
  readonly hasDeadLetters: boolean;
  readonly dueAt?: number;
  readonly reason?: string;
}

export interface MessageState {
  /** By subscription. */
  readonly deliveries: Readonly<Record<string, Delivery>>;
}

export type MessageEvent =
  | {
      readonly type: 'MessageAccepted';
      readonly subscribers: readonly {
        readonly id: string;
        readonly retry: RetryPolicy;
        readonly hasDeadLetters: boolean;
      }[];
    }
  | { readonly type: 'DeliverySucceeded'; readonly id: string; readonly attempt: number }
  | {
      readonly type: 'DeliveryFailed';
      readonly id: string;
      readonly attempt: number;
      readonly reason: string;
      /** Trying again will not help. */
      readonly isPermanent: boolean;
    }
  | { readonly type: 'LetterBuried'; readonly id: string }
  | { readonly type: 'BurialFailed'; readonly id: string; readonly reason: string };

export type MessageEffect =
  | { readonly type: 'Deliver'; readonly id: string; readonly attempt: number }
  | { readonly type: 'Bury'; readonly id: string; readonly reason: string; readonly attempts: number };

type Decided = Decision<MessageState, MessageEffect>;

export const messageDecider = { version: 1, decide, wakeAt };

/** No delivery of it will be tried again. */
export function hasEnded(state: MessageState): boolean {
  return Object.values(state.deliveries).every(
    ({ status }) => status === 'delivered' || status === 'buried' || status === 'failed',
  );
}

function wakeAt(state: MessageState): number | undefined {
  const due = Object.values(state.deliveries).flatMap(({ dueAt }) => (dueAt === undefined ? [] : [dueAt]));
  return due.length === 0 ? undefined : Math.min(...due);
}

function decide(state: MessageState | undefined, event: (MessageEvent | EngineEvent) & Stamp): Decided {
  if (event.type === 'MessageAccepted') return state ? unchanged(state) : accept(event.subscribers);
  if (!state) return { state, effects: [] };
  switch (event.type) {
    case 'DeliverySucceeded': {
      const tried = triedDelivery(state, event.id, event.attempt);
      return tried ? end(state, event.id, tried, 'delivered') : unchanged(state);
    }
    case 'DeliveryFailed': {
      const tried = triedDelivery(state, event.id, event.attempt);
      return tried ? fail(state, event.id, tried, event) : unchanged(state);
    }
    case 'LetterBuried':
    case 'BurialFailed': {
      const delivery = deliveryOf(state, event.id);
      if (delivery?.status !== 'burying') return unchanged(state);
      return event.type === 'LetterBuried'
        ? end(state, event.id, delivery, 'buried')
        : end(state, event.id, { ...delivery, reason: event.reason }, 'failed');
    }
    case 'TimePassed':
      return retryDue(state, event.at);
    case 'EffectFailed':
      return giveUp(state, event);
    default:
      return unreachable(event);
  }
}

function accept(subscribers: Extract<MessageEvent, { type: 'MessageAccepted' }>['subscribers']): Decided {
  const deliveries = subscribers.map(({ id, ...more }): [string, Delivery] => [
    id,
    { status: 'trying', attempts: 1, ...more },
  ]);
  return {
    state: { deliveries: Object.fromEntries(deliveries) },
    effects: subscribers.map(({ id }) => ({ type: 'Deliver', id, attempt: 1 })),
  };
}

function fail(
  state: MessageState,
  id: string,
  delivery: Delivery,
  failure: { readonly reason: string; readonly isPermanent: boolean; readonly at: number },
): Decided {
  const { reason, isPermanent, at } = failure;
  const pauseMs = isPermanent ? undefined : pauseBefore(delivery.retry, delivery.attempts);
  if (pauseMs === undefined) return abandon(state, id, { ...delivery, reason });
  if (pauseMs === 0) return tryAgain(state, id, { ...delivery, reason });
  return put(state, id, { ...delivery, status: 'waiting', dueAt: at + pauseMs, reason });
}

function abandon(state: MessageState, id: string, delivery: Delivery): Decided {
  if (!delivery.hasDeadLetters) return end(state, id, delivery, 'failed');
  const { reason = '', attempts } = delivery;
  return put(state, id, { ...withoutTime(delivery), status: 'burying' }, [
    { type: 'Bury', id, reason, attempts },
  ]);
}

function tryAgain(state: MessageState, id: string, delivery: Delivery): Decided {
  const attempts = delivery.attempts + 1;
  return put(state, id, { ...withoutTime(delivery), status: 'trying', attempts }, [
    { type: 'Deliver', id, attempt: attempts },
  ]);
}

function retryDue(state: MessageState, at: number): Decided {
  const effects: MessageEffect[] = [];
  let next = state;
  for (const [id, delivery] of Object.entries(state.deliveries)) {
    if (delivery.status !== 'waiting' || (delivery.dueAt ?? 0) > at) continue;
    const decided = tryAgain(next, id, delivery);
    next = decided.state ?? next;
    effects.push(...decided.effects);
  }
  return { state: next, effects };
}

/** The engine could not perform an effect at all: for a delivery as good as refused, for a burial the end. */
function giveUp(state: MessageState, event: Extract<EngineEvent, { type: 'EffectFailed' }>): Decided {
  const effect = event.effect as MessageEffect;
  const delivery = deliveryOf(state, effect.id);
  if (!delivery) return unchanged(state);
  if (effect.type === 'Bury') {
    return delivery.status === 'burying'
      ? end(state, effect.id, { ...delivery, reason: event.message }, 'failed')
      : unchanged(state);
  }
  const tried = triedDelivery(state, effect.id, effect.attempt);
  return tried ? abandon(state, effect.id, { ...tried, reason: event.message }) : unchanged(state);
}

/** The delivery, if this attempt is the one that is going on; a repeated or late result changes nothing. */
function triedDelivery(state: MessageState, id: string, attempt: number): Delivery | undefined {
  const delivery = deliveryOf(state, id);
  return delivery?.status === 'trying' && delivery.attempts === attempt ? delivery : undefined;
}

function deliveryOf(state: MessageState, id: string): Delivery | undefined {
  return Object.hasOwn(state.deliveries, id) ? state.deliveries[id] : undefined;
}

function end(state: MessageState, id: string, delivery: Delivery, status: DeliveryStatus): Decided {
  return put(state, id, { ...withoutTime(delivery), status });
}

function withoutTime(delivery: Delivery): Delivery {
  const { dueAt: _, ...rest } = delivery;
  return rest;
}

function put(
  state: MessageState,
  id: string,
  delivery: Delivery,
  effects: readonly MessageEffect[] = [],
): Decided {
  return { state: { deliveries: { ...state.deliveries, [id]: delivery } }, effects };
}

function unchanged(state: MessageState): Decided {
  return { state, effects: [] };
}
