/**
 * The schedule of one rule. It fires at the times of its expression, each once: the firing is an order that carries
 * its own time. Firings that were missed, because nobody was there or because the clock was moved ahead, are made up
 * for by one, late; a clock that is moved back repeats none.
 */

import { unreachable } from '#base/assert.ts';
import type { Decision, EngineEvent, Stamp } from '#base/decider.ts';
import { nextFiring, parseSchedule } from './expression.ts';

export interface ScheduleState {
  /** `undefined` when the rule has no schedule, or is disabled. */
  readonly expression?: string;
  /** From when rates count. */
  readonly startedAt: number;
  readonly nextAt?: number;
  readonly firedAt?: number;
}

export interface ScheduleSet {
  readonly type: 'ScheduleSet';
  /** Valid; absent to stop. */
  readonly expression?: string;
}

export interface Fire {
  readonly type: 'Fire';
  /** The time it stands for. */
  readonly at: number;
}

export const scheduleDecider = { version: 1, decide, wakeAt: (state: ScheduleState) => state.nextAt };

function decide(
  state: ScheduleState | undefined,
  event: (ScheduleSet | EngineEvent) & Stamp,
): Decision<ScheduleState, Fire> {
  switch (event.type) {
    case 'ScheduleSet': {
      if (state && state.expression === event.expression) return { state, effects: [] };
      const { at, expression } = event;
      const next = expression === undefined ? undefined : followingTime(expression, at, at);
      return {
        state: {
          ...(expression !== undefined && { expression }),
          startedAt: at,
          ...(next !== undefined && { nextAt: next }),
          ...(state?.firedAt !== undefined && { firedAt: state.firedAt }),
        },
        effects: [],
      };
    }
    case 'TimePassed': {
      if (state?.expression === undefined || state.nextAt === undefined || state.nextAt > event.at) {
        return { state, effects: [] };
      }
      const { nextAt: due, ...rest } = state;
      const next = followingTime(state.expression, state.startedAt, Math.max(event.at, due));
      return {
        state: { ...rest, firedAt: due, ...(next !== undefined && { nextAt: next }) },
        effects: [{ type: 'Fire', at: due }],
      };
    }
    case 'EffectFailed':
      // A firing is never given up.
      return { state, effects: state ? [event.effect as Fire] : [] };
    default:
      return unreachable(event);
  }
}

function followingTime(expression: string, startedAt: number, after: number): number | undefined {
  const parsed = parseSchedule(expression);
  return 'error' in parsed ? undefined : nextFiring(parsed.schedule, startedAt, after);
}
