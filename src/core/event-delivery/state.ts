/**
 * One event on its way to the targets of one rule that it matched:
 *
 *   matched ─▶ sending ─┬─ done ──────────────────────────────────▶ delivered
 *                 ▲     ├─ refused, may pass ─▶ waiting ─┐
 *                 └─────┼────────────────────────────────┘
 *                       └─ refused for good, or too often ─┬─ has a queue ─▶ dead-lettering ─▶ dead-lettered
 *                                                          └─ has none, or it refuses ───────▶ failed
 *
 * When all are at an end the machine keeps still for a while, so that the event, told again, is known; then it is
 * forgotten.
 */

import type { RuleName, RuleTarget } from './target.ts';

export interface DeliveryState {
  /** The event's JSON; empty when nobody needs it any more. */
  readonly event: string;
  readonly acceptedAt: number;
  readonly rule: RuleName;
  readonly deliveries: readonly Delivery[];
  readonly endedAt?: number;
}

export interface Delivery {
  readonly target: RuleTarget;
  readonly status: 'sending' | 'waiting' | 'dead-lettering' | 'delivered' | 'dead-lettered' | 'failed';
  /** Attempts begun. */
  readonly attempts: number;
  /** Of the next attempt, while waiting. */
  readonly dueAt?: number;
  readonly error?: DeliveryError;
  /** Which bound of the retry policy ended it. */
  readonly exhausted?: 'MaximumRetryAttempts' | 'MaximumEventAgeInSeconds';
}

export interface DeliveryError {
  /** As attributes of dead letters have it: `NO_PERMISSIONS`. */
  readonly code: string;
  readonly message: string;
}

export interface EventMatched {
  readonly type: 'EventMatched';
  readonly event: string;
  readonly rule: RuleName;
  readonly targets: readonly RuleTarget[];
}

export type DeliveryEvent =
  | EventMatched
  | { readonly type: 'Delivered'; readonly index: number; readonly attempt: number }
  | {
      readonly type: 'DeliveryRefused';
      readonly index: number;
      readonly attempt: number;
      readonly error: DeliveryError;
      /** It may go better later. */
      readonly isPassing: boolean;
    }
  | { readonly type: 'DeadLettered'; readonly index: number }
  | { readonly type: 'DeadLetterRefused'; readonly index: number; readonly message: string };

/** What is to be delivered stands in the state. */
export type DeliveryEffect =
  | { readonly type: 'Deliver'; readonly index: number; readonly attempt: number }
  | { readonly type: 'DeadLetter'; readonly index: number }
  | { readonly type: 'Forget' };
