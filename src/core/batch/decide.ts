/**
 * Decides a batch build: when which of its builds starts, what a failure keeps from starting, what is made of all.
 *
 *   SUBMITTED ─ DOWNLOAD_BATCHSPEC ─ IN_PROGRESS ─┬─────────────────────┬─▶ SUCCEEDED
 *                       │                │        └─ COMBINE_ARTIFACTS ─┘
 *                       └─── failed ─────┴─────────────── failed ─┴───────▶ FAILED, STOPPED
 *
 * The first build, the root, fetches the source and reads the batch section. A stop, a passed deadline or a failure
 * with `fast-fail` starts nothing more and stops what runs; the batch is complete only when nothing runs any more.
 * When the queue has no room the batch goes on with one build at a time, and quickens again as they are taken.
 */

import { unreachable } from '#base/assert.ts';
import type { Decision, EngineEvent, Stamp } from '#base/decider.ts';
import type { PhaseContext } from '#core/build/state.ts';
import type { BatchSpec } from './batch-spec.ts';
import {
  allGroups,
  begin,
  changeGroup,
  end,
  failedGroups,
  groupOf,
  isActive,
  newGroup,
  readyGroups,
  ROOT,
  unstarted,
} from './groups.ts';
import { limitProblem } from './limits.ts';
import { complete, currentPhase, enterPhase, FINE, markPhase } from './phases.ts';
import { retry } from './retry.ts';
import type { BatchEffect, BatchEvent, BatchPlan, BatchState, BuildEnd } from './state.ts';

export type BatchDecision = Decision<BatchState, BatchEffect>;

const MINUTE_MS = 60_000;
/** Builds that are on their way to their start at the same time; more only get in each other's way. */
export const STARTING_MAX = 5;
/** The pause after the queue had no room, unless a build of this batch ends earlier. */
export const TRY_AGAIN_MS = 5_000;
/** News of a build's end come at once; this is for those that were lost. */
export const CHECK_MS = 60_000;
const NAMES_MAX = 5;
const TIMED_OUT: PhaseContext = { statusCode: 'BUILD_TIMED_OUT', message: 'Build batch has timed out. ' };
const NO_BATCH = 'CodeBuild is experiencing issues: the batch section of the buildspec was not read';

export const batchDecider = { version: 1, decide, wakeAt };

function decide(state: BatchState | undefined, event: (BatchEvent | EngineEvent) & Stamp): BatchDecision {
  const decision = decideEvent(state, event);
  const reports = decision.state ? reportsOf(state, decision.state) : [];
  return reports.length === 0 ? decision : { ...decision, effects: [...decision.effects, ...reports] };
}

/** The provider hears of a commit as soon as it is known, again when all is done again, and of the end. */
function reportsOf(before: BatchState | undefined, after: BatchState): readonly BatchEffect[] {
  if (!after.plan.reportsStatus || after.resolvedSourceVersion === undefined) return [];
  if (after.isComplete) return before?.isComplete ? [] : [{ type: 'ReportStatus', change: 'ENDED' }];
  const isTold = before?.resolvedSourceVersion !== undefined && !before.isComplete;
  return isTold ? [] : [{ type: 'ReportStatus', change: 'PENDING' }];
}

function decideEvent(
  state: BatchState | undefined,
  event: (BatchEvent | EngineEvent) & Stamp,
): BatchDecision {
  const { at } = event;
  if (!state) return event.type === 'BatchRequested' ? create(event.plan, at) : { state, effects: [] };
  if (event.type === 'RetryRequested') {
    const decision = retry(state, event.retryType, at);
    return decision.reply ? decision : inRow(decision, proceed(decision.state ?? state, at));
  }
  if (event.type === 'EffectFailed') return decideEffectFailed(state, event, at);
  if (state.isComplete) return same(state);
  switch (event.type) {
    case 'BatchRequested':
      return same(state);
    case 'BuildStarted':
      return started(state, event.buildId, at);
    case 'BuildRefused':
      return refused(state, event, at);
    case 'BuildsEnded':
      return ended(state, event.ends, at);
    case 'ReportsMerged':
      if (state.closing !== 'REPORTS' || event.round !== state.round) return same(state);
      return combine({ ...state, reportArns: event.arns }, at);
    case 'ArtifactsCombined': {
      if (state.closing !== 'ARTIFACTS' || event.round !== state.round) return same(state);
      const { artifact } = event;
      return complete(artifact ? { ...state, combined: artifact } : state, 'SUCCEEDED', FINE, at);
    }
    case 'CombiningFailed':
      if (state.closing !== 'ARTIFACTS' || event.round !== state.round) return same(state);
      return complete(state, 'FAILED', event.context, at);
    case 'StopRequested':
      return stop(state, 'STOPPED', at);
    case 'TimePassed':
      return passTime(state, at);
    default:
      return unreachable(event);
  }
}

function create(plan: BatchPlan, at: number): BatchDecision {
  const state: BatchState = {
    plan,
    phases: [
      { type: 'SUBMITTED', startAt: at, status: 'SUCCEEDED', endAt: at, contexts: [FINE] },
      { type: 'DOWNLOAD_BATCHSPEC', startAt: at },
    ],
    status: 'IN_PROGRESS',
    isComplete: false,
    startAt: at,
    deadlineAt: at + plan.timeoutMinutes * MINUTE_MS,
    round: 0,
    root: newGroup(ROOT),
    groups: [],
    fastFail: false,
    pace: STARTING_MAX,
    reportArns: [],
  };
  const first: BatchDecision = {
    state,
    effects: [{ type: 'PublishChange', at, round: 0, change: 'STARTED' }],
  };
  return inRow(first, proceed(state, at));
}

function started(state: BatchState, buildId: string, at: number): BatchDecision {
  const group = groupOf(state, buildId);
  if (group?.progress !== 'STARTING') return same(state);
  const running: BatchState = {
    ...changeGroup(state, { ...group, progress: 'RUNNING' }),
    pace: Math.min(state.pace * 2, STARTING_MAX),
    checkAt: state.checkAt ?? at + CHECK_MS,
  };
  // It was on its way when the batch was ended.
  if (running.ending) return { state: running, effects: [{ type: 'StopBuild', buildId }] };
  return proceed(running, at);
}

function refused(
  state: BatchState,
  event: { readonly buildId: string; readonly message: string; readonly isPassing: boolean },
  at: number,
): BatchDecision {
  const group = groupOf(state, event.buildId);
  if (group?.progress !== 'STARTING') return same(state);
  if (state.ending) return proceed(changeGroup(state, unstarted(group, undefined)), at);
  if (event.isPassing) {
    const waiting = changeGroup(state, unstarted(group, undefined));
    return proceed({ ...waiting, pace: 1, tryAt: at + TRY_AGAIN_MS }, at);
  }
  const failed = changeGroup(state, unstarted(group, event.message));
  if (group !== state.root) return proceed(failed, at);
  return complete(failed, 'FAILED', { statusCode: 'CLIENT_ERROR', message: event.message }, at);
}

function ended(state: BatchState, ends: readonly BuildEnd[], at: number): BatchDecision {
  let next = state;
  let rootEnd: BuildEnd | undefined;
  for (const each of ends) {
    const group = groupOf(next, each.buildId);
    if (!group || !isActive(group)) continue;
    if (group === next.root) rootEnd = each;
    next = changeGroup(next, end(group, each));
  }
  if (next === state) return same(state);
  const { tryAt: _, ...rest } = next;
  return rootEnd && !next.ending ? rootEnded(rest, rootEnd, at) : proceed(rest, at);
}

function rootEnded(state: BatchState, end: BuildEnd, at: number): BatchDecision {
  const { resolvedSourceVersion, status, batch } = end;
  const known: BatchState = resolvedSourceVersion === undefined ? state : { ...state, resolvedSourceVersion };
  if (status !== 'SUCCEEDED') {
    const context = end.context ?? { statusCode: 'CLIENT_ERROR', message: `The build is ${status}` };
    return complete(known, status === 'FAULT' ? 'FAULT' : 'FAILED', context, at);
  }
  if (!batch) {
    return complete(known, 'FAULT', { statusCode: 'INTERNAL_SERVICE_ERROR', message: NO_BATCH }, at);
  }
  const problem = limitProblem(state.plan.limits, batch.builds);
  if (problem !== undefined) {
    return complete(known, 'FAILED', { statusCode: 'CLIENT_ERROR', message: problem }, at);
  }
  return proceed(enterPhase(withGroups(known, batch), 'IN_PROGRESS', at), at);
}

/** A batch that is read anew keeps what is known of builds with the same names. */
function withGroups(state: BatchState, { fastFail, builds }: BatchSpec): BatchState {
  const known = new Map(state.groups.map((group) => [group.build.identifier, group]));
  const groups = builds.map((build) => ({ ...(known.get(build.identifier) ?? newGroup(build)), build }));
  return { ...state, fastFail, groups };
}

/** Starts what may start; when nothing is left to wait for, closes the batch. */
function proceed(state: BatchState, at: number): BatchDecision {
  if (state.closing) return same(state);
  if (state.fastFail && !state.ending && failedGroups(state).length > 0) return stop(state, 'FAILED', at);
  const candidates = state.ending ? [] : candidatesOf(state);
  if (candidates.length > 0) {
    const open = state.tryAt !== undefined && at < state.tryAt ? 0 : state.pace;
    const free = open - allGroups(state).filter(({ progress }) => progress === 'STARTING').length;
    return startGroups(state, candidates.slice(0, Math.max(free, 0)), at);
  }
  return allGroups(state).some(isActive) ? same(watched(state)) : close(state, at);
}

function candidatesOf(state: BatchState) {
  if (currentPhase(state) !== 'DOWNLOAD_BATCHSPEC') return readyGroups(state);
  return state.root.progress === 'WAITING' ? [state.root] : [];
}

function startGroups(state: BatchState, groups: BatchState['groups'], at: number): BatchDecision {
  let next = watched(state);
  const effects: BatchEffect[] = [];
  for (const group of groups) {
    const begun = begin(state.plan, group, at);
    next = changeGroup(next, begun);
    if (begun.current) effects.push({ type: 'StartBuild', buildId: begun.current.buildId });
  }
  return { state: next, effects };
}

/** Nobody is looked after when nothing runs. */
function watched(state: BatchState): BatchState {
  if (state.checkAt === undefined || allGroups(state).some(({ progress }) => progress === 'RUNNING')) {
    return state;
  }
  const { checkAt: _, ...rest } = state;
  return rest;
}

function stop(state: BatchState, ending: NonNullable<BatchState['ending']>, at: number): BatchDecision {
  if (state.ending || state.closing) return same(state);
  const { tryAt: _, ...rest } = state;
  // A stop is what the caller asked for and sees at once; the others are told when they are over.
  const marked: BatchState =
    ending === 'STOPPED' ? { ...markPhase(rest, 'STOPPED'), ending, status: 'STOPPED' } : { ...rest, ending };
  const stops = allGroups(marked).flatMap(({ progress, current }): BatchEffect[] =>
    progress === 'RUNNING' && current ? [{ type: 'StopBuild', buildId: current.buildId }] : [],
  );
  return inRow({ state: marked, effects: stops }, proceed(marked, at));
}

/** All builds have ended: first their reports, then their artifacts, then the end. */
function close(state: BatchState, at: number): BatchDecision {
  const { round } = state;
  const hasReports = state.groups.some(({ current }) => (current?.reportArns.length ?? 0) > 0);
  if (!hasReports) return combine(state, at);
  const { checkAt: _, ...rest } = state;
  return { state: { ...rest, closing: 'REPORTS' }, effects: [{ type: 'MergeReports', round }] };
}

function combine(state: BatchState, at: number): BatchDecision {
  if (state.ending === 'STOPPED') return complete(state, 'STOPPED', FINE, at);
  if (state.ending === 'TIMED_OUT') return complete(state, 'TIMED_OUT', TIMED_OUT, at);
  const failed = failedGroups(state);
  if (state.ending === 'FAILED' || failed.length > 0) return complete(state, 'FAILED', failureOf(state), at);
  if (!state.plan.combinesArtifacts) return complete(state, 'SUCCEEDED', FINE, at);
  const { round } = state;
  const combining: BatchState = { ...enterPhase(state, 'COMBINE_ARTIFACTS', at), closing: 'ARTIFACTS' };
  return { state: combining, effects: [{ type: 'CombineArtifacts', round }] };
}

/** `2 builds did not succeed: api (FAILED), web (…)` */
function failureOf(state: BatchState): PhaseContext {
  const failed = failedGroups(state);
  const said = failed
    .slice(0, NAMES_MAX)
    .map(({ build, current, problem }) => `${build.identifier} (${problem ?? current?.status})`);
  const more = failed.length > NAMES_MAX ? ` and ${failed.length - NAMES_MAX} more` : '';
  const count = failed.length === 1 ? '1 build' : `${failed.length} builds`;
  return { statusCode: 'CLIENT_ERROR', message: `${count} did not succeed: ${said.join(', ')}${more}` };
}

function passTime(state: BatchState, at: number): BatchDecision {
  if (state.closing) return same(state);
  if (!state.ending && at >= state.deadlineAt) return stop(state, 'TIMED_OUT', at);
  let next = state;
  const effects: BatchEffect[] = [];
  if (next.checkAt !== undefined && at >= next.checkAt) {
    next = { ...next, checkAt: at + CHECK_MS };
    effects.push({ type: 'CheckBuilds' });
  }
  if (next.tryAt !== undefined && at >= next.tryAt) {
    const { tryAt: _, ...rest } = next;
    next = rest;
  }
  if (next === state) return same(state);
  return inRow({ state: next, effects }, proceed(next, at));
}

function decideEffectFailed(
  state: BatchState,
  { effect: failed, message }: { readonly effect: unknown; readonly message: string },
  at: number,
): BatchDecision {
  const effect = failed as BatchEffect;
  const context = { statusCode: 'INTERNAL_SERVICE_ERROR', message };
  switch (effect.type) {
    case 'PublishChange':
      // The house must hear of every end, however long its hearers are deaf.
      return { state, effects: [effect] };
    case 'StartBuild':
      return state.isComplete
        ? same(state)
        : refused(state, { buildId: effect.buildId, message, isPassing: false }, at);
    case 'StopBuild':
      return groupOf(state, effect.buildId)?.progress === 'RUNNING'
        ? { state, effects: [effect] }
        : same(state);
    case 'CheckBuilds':
    case 'ReportStatus':
      return same(state);
    case 'MergeReports':
      if (state.closing !== 'REPORTS' || effect.round !== state.round) return same(state);
      return complete(state, 'FAULT', context, at);
    case 'CombineArtifacts':
      if (state.closing !== 'ARTIFACTS' || effect.round !== state.round) return same(state);
      return complete(state, 'FAULT', context, at);
    default:
      return unreachable(effect);
  }
}

function wakeAt(state: BatchState): number | undefined {
  if (state.isComplete || state.closing) return undefined;
  const times = [state.ending ? undefined : state.deadlineAt, state.tryAt, state.checkAt];
  const due = Math.min(...times.map((time) => time ?? Infinity));
  return Number.isFinite(due) ? due : undefined;
}

/** Two decisions in a row as one. */
function inRow(first: BatchDecision, second: BatchDecision): BatchDecision {
  return { ...second, effects: [...first.effects, ...second.effects] };
}

function same(state: BatchState): BatchDecision {
  return { state, effects: [] };
}
