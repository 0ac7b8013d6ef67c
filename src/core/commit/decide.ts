/**
 * The life of a change to a repository's references, whoever makes it: intended, made by git, recorded. References
 * live in git only, so between the first and the last step a crash can come; the open intention tells what to look at.
 *
 *   ChangeIntended ─▶ open ─▶ (git moves the references) ─▶ ChangeRecorded ─▶ closed, and the world is told
 *                      └─ TimePassed ─▶ SettleChange: look what git did, for whoever could not record it ─┘
 */

import type { Decision, EngineEvent, Stamp } from '#base/decider.ts';
import { deriveUuid } from '#base/ids.ts';
import { describeReference } from './names.ts';

/** One reference before and after; `undefined` where it is not there. */
export interface ReferenceChange {
  readonly name: string;
  readonly oldId: string | undefined;
  readonly newId: string | undefined;
}

export interface OpenChange {
  readonly changeId: string;
  readonly repositoryName: string;
  readonly callerUserArn: string;
  readonly changes: readonly ReferenceChange[];
}

export interface AwaitedChange extends OpenChange {
  /** When to look what became of it; not there while somebody was ordered to. */
  readonly lookAt?: number;
}

export interface RepositoryState {
  /** At most one: the room lets one change at a time into a repository. */
  readonly open?: AwaitedChange;
  readonly recorded: number;
  /** Changes that nobody could be told about, after every attempt. */
  readonly lost: number;
}

export interface ChangeIntended extends OpenChange {
  readonly type: 'ChangeIntended';
}

export interface ChangeRecorded {
  readonly type: 'ChangeRecorded';
  readonly changeId: string;
  /** Full names of the references that git really moved. */
  readonly applied: readonly string[];
  /** The branch that became the default, when this was the first one. */
  readonly defaultBranch: string | undefined;
}

export type RepositoryEvent = ChangeIntended | ChangeRecorded;

export type RepositoryEffect = PublishChanges | SettleChange;

/** Asks for the record of a change that is still open; nothing is to be done when its own maker has recorded it. */
export interface SettleChange {
  readonly type: 'SettleChange';
  readonly changeId: string;
}

export interface PublishChanges {
  readonly type: 'PublishChanges';
  readonly at: number;
  readonly events: readonly ReferenceEvent[];
}

export interface ReferenceEvent {
  readonly eventId: string;
  readonly event: 'referenceCreated' | 'referenceUpdated' | 'referenceDeleted';
  readonly repositoryName: string;
  readonly referenceType: 'branch' | 'tag';
  readonly referenceName: string;
  readonly referenceFullName: string;
  readonly commitId: string | undefined;
  readonly oldCommitId: string | undefined;
  readonly callerUserArn: string;
}

export type RepositoryDecision = Decision<RepositoryState, RepositoryEffect>;

export const repositoryDecider = { version: 1, decide, wakeAt };

/** Longer than nearly every change takes, so that those which go well are not looked after. */
export const LOOK_MS = 3_000;
/** After all attempts to look failed, which themselves took minutes. */
export const LOOK_AGAIN_MS = 60_000;

const NEW: RepositoryState = { recorded: 0, lost: 0 };

function decide(
  state: RepositoryState | undefined,
  event: (RepositoryEvent | EngineEvent) & Stamp,
): RepositoryDecision {
  switch (event.type) {
    case 'ChangeIntended':
      return intend(state ?? NEW, event);
    case 'ChangeRecorded':
      return record(state, event);
    case 'EffectFailed':
      return { state: state && fail(state, event), effects: [] };
    case 'TimePassed':
      return look(state, event.at);
  }
}

function wakeAt(state: RepositoryState): number | undefined {
  return state.open?.lookAt;
}

function look(state: RepositoryState | undefined, at: number): RepositoryDecision {
  if (state?.open?.lookAt === undefined || at < state.open.lookAt) return { state, effects: [] };
  const { lookAt: _, ...open } = state.open;
  return { state: { ...state, open }, effects: [{ type: 'SettleChange', changeId: open.changeId }] };
}

/** An open change is never given up; one that was recorded and could not be told is counted. */
function fail(state: RepositoryState, event: Extract<EngineEvent, { type: 'EffectFailed' }> & Stamp) {
  if (event.effectType !== 'SettleChange') return { ...state, lost: state.lost + 1 };
  const { changeId } = event.effect as SettleChange;
  if (state.open?.changeId !== changeId) return state;
  return { ...state, open: { ...state.open, lookAt: event.at + LOOK_AGAIN_MS } };
}

function intend(state: RepositoryState, event: ChangeIntended & Stamp): RepositoryDecision {
  const { changeId, repositoryName, callerUserArn, changes } = event;
  if (state.open?.changeId === changeId) return { state, effects: [] };
  if (state.open) {
    const message = `Another change of ${repositoryName} is not recorded yet.`;
    return { state, effects: [], reply: { fault: { code: 'ConcurrentReferenceUpdateException', message } } };
  }
  const lookAt = event.at + LOOK_MS;
  return {
    state: { ...state, open: { changeId, repositoryName, callerUserArn, changes, lookAt } },
    effects: [],
  };
}

function record(state: RepositoryState | undefined, event: ChangeRecorded & Stamp): RepositoryDecision {
  if (state?.open?.changeId !== event.changeId) return { state, effects: [] };
  const { open, ...rest } = state;
  const applied = open.changes.filter((change) => event.applied.includes(change.name));
  const events = applied.flatMap((change, index) => eventOf(open, change, deriveUuid(event.chance, index)));
  return {
    state: { ...rest, recorded: state.recorded + 1 },
    effects: events.length > 0 ? [{ type: 'PublishChanges', at: event.at, events }] : [],
  };
}

/** Only branches and tags are told of. */
function eventOf(open: OpenChange, change: ReferenceChange, eventId: string): readonly ReferenceEvent[] {
  const reference = describeReference(change.name);
  const { oldId, newId } = change;
  if (!reference || oldId === newId) return [];
  return [
    {
      eventId,
      event:
        oldId === undefined
          ? 'referenceCreated'
          : newId === undefined
            ? 'referenceDeleted'
            : 'referenceUpdated',
      repositoryName: open.repositoryName,
      referenceType: reference.type,
      referenceName: reference.shortName,
      referenceFullName: change.name,
      commitId: newId,
      oldCommitId: oldId,
      callerUserArn: open.callerUserArn,
    },
  ];
}
