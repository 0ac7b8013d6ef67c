/** One event on its way to the targets of one rule: each is told once, as far as what it answered is known. */

import { unreachable } from '#base/assert.ts';
import type { Decision, EngineEvent, Stamp } from '#base/decider.ts';
import type { HeardEvent } from './event-types.ts';

export type TargetStatus = 'telling' | 'told' | 'failed';

export interface NoticeState {
  readonly targets: Readonly<Record<string, TargetStatus>>;
}

/** What is told, as it was when the event was heard. */
export interface Notice extends HeardEvent {
  readonly account: string;
  readonly region: string;
  readonly at: number;
  readonly ruleArn: string;
  readonly eventTypes: readonly string[];
  readonly isFull: boolean;
}

export type NoticeEvent =
  | { readonly type: 'EventHeard'; readonly notice: Notice; readonly targets: readonly string[] }
  | { readonly type: 'TargetTold'; readonly target: string }
  | { readonly type: 'TargetRefused'; readonly target: string; readonly reason: string };

export interface TellTarget {
  readonly type: 'TellTarget';
  readonly target: string;
  readonly notice: Notice;
}

type Decided = Decision<NoticeState, TellTarget>;

export const noticeDecider = { version: 1, decide };

export function hasEnded(state: NoticeState): boolean {
  return Object.values(state.targets).every((status) => status !== 'telling');
}

/** A notice that is heard again, as events may be, is the notice that is there. */
function decide(state: NoticeState | undefined, event: (NoticeEvent | EngineEvent) & Stamp): Decided {
  if (event.type === 'EventHeard') {
    if (state) return { state, effects: [] };
    const { notice, targets } = event;
    return {
      state: { targets: Object.fromEntries(targets.map((target) => [target, 'telling'])) },
      effects: targets.map((target) => ({ type: 'TellTarget', target, notice })),
    };
  }
  if (!state) return { state, effects: [] };
  switch (event.type) {
    case 'TargetTold':
      return end(state, event.target, 'told');
    case 'TargetRefused':
      return end(state, event.target, 'failed');
    case 'EffectFailed':
      return end(state, (event.effect as TellTarget).target, 'failed');
    case 'TimePassed':
      return { state, effects: [] };
    default:
      return unreachable(event);
  }
}

function end(state: NoticeState, target: string, status: TargetStatus): Decided {
  if (!Object.hasOwn(state.targets, target) || state.targets[target] !== 'telling')
    return { state, effects: [] };
  return { state: { targets: { ...state.targets, [target]: status } }, effects: [] };
}
