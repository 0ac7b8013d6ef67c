/**
 * Decides a build: which phase follows which, what a failure skips, what its time limits do.
 *
 *   SUBMITTED ─ QUEUED ─ PROVISIONING ─ DOWNLOAD_SOURCE ─ INSTALL ─ PRE_BUILD ─ BUILD ─ POST_BUILD ─ UPLOAD ─┐
 *                  │          │               └───────────────┴─ failed ─┴──── (build goes on) ──────────────┤
 *                  │          │                                                                 FINALIZING ◀─┘
 *                  └── failed ┴───────────────────────────────────────────────────▶ COMPLETED ◀──────┘
 *
 * QUEUED lasts until a worker has room; from then on the build belongs to that worker, and what is ordered for it is
 * ordered there. A worker that is lost takes its builds with it, but for those whose commands have not begun.
 *
 * A stop or a passed deadline marks the current phase and orders KillBuild; the build is complete only when its
 * processes are gone.
 */

import type { Decision, EngineEvent, Stamp } from '#base/decider.ts';
import type { CommandPhase } from '#core/buildspec/buildspec.ts';
import { commitOf } from './commit-status.ts';
import { PHASES } from './state.ts';
import type {
  BuildEffect,
  BuildEvent,
  BuildPlan,
  BuildState,
  BuildWorker,
  Phase,
  PhaseContext,
  PhaseStatus,
  PhaseType,
} from './state.ts';

export type BuildDecision = Decision<BuildState, BuildEffect>;

const MINUTE_MS = 60_000;
const FINE: PhaseContext = { statusCode: '', message: '' };
const TIMED_OUT: PhaseContext = { statusCode: 'BUILD_TIMED_OUT', message: 'Build has timed out. ' };
const COMMAND_PHASES: readonly PhaseType[] = ['INSTALL', 'PRE_BUILD', 'BUILD', 'POST_BUILD'];

export const buildDecider = { version: 1, decide, wakeAt };

/** Every phase that ends is told, by whatever way it ended. */
function decide(state: BuildState | undefined, event: (BuildEvent | EngineEvent) & Stamp): BuildDecision {
  const decision = decideEvent(state, event);
  const open = state?.phases.filter((phase) => phase.endAt !== undefined).length ?? 0;
  const ended = (decision.state?.phases ?? []).filter((phase) => phase.endAt !== undefined).slice(open);
  const told = ended.map(({ type }): BuildEffect => ({ type: 'PublishPhase', phase: type }));
  const reported = decision.state ? reportsOf(state, decision.state) : [];
  if (told.length + reported.length === 0) return decision;
  return { ...decision, effects: [...decision.effects, ...told, ...reported] };
}

/** The provider hears of a commit as soon as it is known, and of the end. */
function reportsOf(before: BuildState | undefined, after: BuildState): readonly BuildEffect[] {
  if (!after.plan.source.reportBuildStatus || commitOf(after) === undefined) return [];
  if (after.isComplete) return before?.isComplete ? [] : [{ type: 'ReportStatus', change: 'ENDED' }];
  const isKnown = before !== undefined && commitOf(before) !== undefined;
  return isKnown ? [] : [{ type: 'ReportStatus', change: 'PENDING' }];
}

function decideEvent(
  state: BuildState | undefined,
  event: (BuildEvent | EngineEvent) & Stamp,
): BuildDecision {
  if (!state) {
    return event.type === 'BuildRequested' ? create(event.plan, event.at) : { state, effects: [] };
  }
  if (event.type === 'AutoRetryStarted') {
    return { state: state.isComplete ? { ...state, nextAutoRetry: event.arn } : state, effects: [] };
  }
  if (state.isComplete && event.type !== 'EffectFailed') return { state, effects: [] };
  switch (event.type) {
    case 'BuildRequested':
      return { state, effects: [] };
    case 'PhaseEnded': {
      if (state.ending || currentPhase(state) !== event.phase) return { state, effects: [] };
      if (event.workerId !== undefined && event.workerId !== state.worker?.id) return { state, effects: [] };
      const facts = { ...state.facts, ...event.facts };
      const contexts = hasContexts(event.phase) ? [event.context] : undefined;
      const next = event.isLast
        ? lastPhase(event.phase)
        : nextPhase(event.phase, event.status, facts.onFailure);
      return enter(endPhase({ ...state, facts }, event.status, event.at, contexts), next, event.at);
    }
    case 'BuildPlaced':
      return place(state, event.worker, event.at);
    case 'WorkerLost':
      return state.worker?.id === event.workerId
        ? lose(state, state.worker, event.at)
        : { state, effects: [] };
    case 'StopRequested':
      return end(state, 'STOPPED', undefined, event.at);
    case 'TimePassed':
      return event.at >= (wakeAt(state) ?? Infinity)
        ? end(state, 'TIMED_OUT', TIMED_OUT, event.at)
        : { state, effects: [] };
    case 'BuildKilled':
      return state.ending
        ? complete(endPhase(state, state.ending, event.at), event.at)
        : { state, effects: [] };
    case 'EffectFailed':
      return decideEffectFailed(state, event, event.at);
  }
}

function create(plan: BuildPlan, at: number): BuildDecision {
  const state: BuildState = {
    plan,
    phases: [
      { type: 'SUBMITTED', startAt: at, status: 'SUCCEEDED', endAt: at },
      { type: 'QUEUED', startAt: at },
    ],
    status: 'IN_PROGRESS',
    isComplete: false,
    startAt: at,
    deadlineAt: at + plan.queuedTimeoutMinutes * MINUTE_MS,
    facts: {},
  };
  return { state, effects: [{ type: 'PlaceBuild' }, { type: 'PublishChange', at, change: 'STARTED' }] };
}

function place(state: BuildState, worker: BuildWorker, at: number): BuildDecision {
  if (currentPhase(state) !== 'QUEUED') return { state, effects: [] };
  const entered = enter(endPhase({ ...state, worker }, 'SUCCEEDED', at), 'PROVISIONING', at);
  return { ...entered, effects: [...entered.effects, { type: 'RunBuild', place: worker.id }] };
}

/**
 * Before its commands began, a build waits again as if nothing had happened. Later nothing can be killed there: whoever
 * wanted the build to end has its wish, the others learn what happened.
 */
function lose(state: BuildState, { name }: BuildWorker, at: number): BuildDecision {
  if (currentPhase(state) === 'PROVISIONING' && !state.ending) return waitAgain(state);
  const message =
    `The worker ${name}, which ran this build, gives no sign of life any more; ` +
    'what it was doing may have been done or not';
  const context: PhaseContext = { statusCode: 'INTERNAL_SERVICE_ERROR', message };
  return complete(endPhase(state, state.ending ?? 'FAULT', at, [context]), at);
}

/** Enters a phase, and passes through those that have nothing to do. */
function enter(state: BuildState, phase: PhaseType, at: number): BuildDecision {
  if (phase === 'COMPLETED') return complete(state, at);
  const deadlineAt = phase === 'PROVISIONING' ? at + state.plan.timeoutMinutes * MINUTE_MS : state.deadlineAt;
  const entered: BuildState = {
    ...state,
    deadlineAt,
    phases: [...state.phases, { type: phase, startAt: at }],
  };
  const hasWork =
    !COMMAND_PHASES.includes(phase) || state.facts.commandPhases?.includes(phase as CommandPhase);
  if (hasWork) return { state: entered, effects: [] };
  return enter(endPhase(entered, 'SUCCEEDED', at, [FINE]), nextPhase(phase, 'SUCCEEDED', undefined), at);
}

/** Ends a build from outside. Before anything was started there is nothing to kill. */
function end(
  state: BuildState,
  ending: 'STOPPED' | 'TIMED_OUT' | 'FAULT',
  context: PhaseContext | undefined,
  at: number,
): BuildDecision {
  if (state.ending) return { state, effects: [] };
  const current = currentPhase(state);
  const contexts = hasContexts(current) ? [context ?? FINE] : undefined;
  if (current === 'QUEUED') return complete(endPhase(state, ending, at, contexts), at);
  const phases = replaceLast(state.phases, { status: ending, ...(contexts && { contexts }) });
  return {
    // A stop is what the caller asked for and sees at once; a timeout is told when it is over.
    state: { ...state, ending, phases, status: ending === 'STOPPED' ? 'STOPPED' : state.status },
    effects: [{ type: 'KillBuild', ...(state.worker && { place: state.worker.id }) }],
  };
}

function decideEffectFailed(
  state: BuildState,
  event: { readonly effectType: string; readonly effect: unknown; readonly message: string },
  at: number,
): BuildDecision {
  // The house must hear of every end, however long its hearers are deaf.
  if (event.effectType === 'PublishChange' || event.effectType === 'PublishPhase')
    return { state, effects: [event.effect as BuildEffect] };
  // What a provider does not hear fails no build.
  if (state.isComplete || event.effectType === 'ReportStatus') return { state, effects: [] };
  const context = { statusCode: 'INTERNAL_SERVICE_ERROR', message: event.message };
  if (event.effectType === 'RunBuild' || event.effectType === 'PlaceBuild')
    return end(state, 'FAULT', context, at);
  return complete(endPhase(state, 'FAULT', at, [context]), at);
}

function waitAgain(state: BuildState): BuildDecision {
  const { worker: _, ...rest } = state;
  const [submitted, queued] = state.phases;
  if (!submitted || !queued) return { state, effects: [] };
  const phases = [submitted, { type: queued.type, startAt: queued.startAt }];
  const deadlineAt = state.startAt + state.plan.queuedTimeoutMinutes * MINUTE_MS;
  return { state: { ...rest, phases, deadlineAt }, effects: [{ type: 'PlaceBuild' }] };
}

function complete(state: BuildState, at: number): BuildDecision {
  const { ending: _, ...rest } = state;
  const status = statusOf(state.phases);
  const retry: readonly BuildEffect[] = isRetried(state.plan, status) ? [{ type: 'StartAutoRetry' }] : [];
  return {
    state: {
      ...rest,
      phases: [...state.phases, { type: 'COMPLETED', startAt: at }],
      status,
      isComplete: true,
    },
    effects: [{ type: 'PublishChange', at, change: 'ENDED' }, ...retry],
  };
}

/** Whoever stops a build does not want another one. */
function isRetried({ autoRetry }: BuildPlan, status: PhaseStatus): boolean {
  if (!autoRetry || autoRetry.number >= autoRetry.limit) return false;
  return status === 'FAILED' || status === 'TIMED_OUT' || status === 'FAULT';
}

/** The worst that happened decides. */
function statusOf(phases: readonly Phase[]): PhaseStatus {
  const order: readonly PhaseStatus[] = ['FAULT', 'STOPPED', 'TIMED_OUT', 'FAILED'];
  return order.find((status) => phases.some((phase) => phase.status === status)) ?? 'SUCCEEDED';
}

function nextPhase(
  phase: PhaseType,
  status: PhaseStatus,
  onFailure: BuildState['facts']['onFailure'],
): PhaseType {
  const following = PHASES[PHASES.indexOf(phase) + 1] ?? 'COMPLETED';
  if (status === 'SUCCEEDED') return following;
  if (status === 'FAULT') return lastPhase(phase);
  switch (phase) {
    case 'SUBMITTED':
    case 'QUEUED':
    case 'PROVISIONING':
    case 'FINALIZING':
    case 'COMPLETED':
      return 'COMPLETED';
    case 'DOWNLOAD_SOURCE':
    case 'UPLOAD_ARTIFACTS':
      return 'FINALIZING';
    case 'INSTALL':
    case 'PRE_BUILD':
      return onFailure?.[phase] === 'CONTINUE' ? following : 'FINALIZING';
    case 'BUILD':
    case 'POST_BUILD':
      return onFailure?.[phase] === 'ABORT' ? 'FINALIZING' : following;
  }
}

/** Where a build goes when nothing more can be run in it. */
function lastPhase(phase: PhaseType): PhaseType {
  return PHASES.indexOf(phase) < PHASES.indexOf('DOWNLOAD_SOURCE') || phase === 'FINALIZING'
    ? 'COMPLETED'
    : 'FINALIZING';
}

function endPhase(
  state: BuildState,
  status: PhaseStatus,
  at: number,
  contexts?: readonly PhaseContext[],
): BuildState {
  return {
    ...state,
    phases: replaceLast(state.phases, { status, endAt: at, ...(contexts && { contexts }) }),
  };
}

function replaceLast(phases: readonly Phase[], change: Partial<Phase>): readonly Phase[] {
  return phases.map((phase, i) => (i === phases.length - 1 ? { ...phase, ...change } : phase));
}

/** AWS lists no contexts for the phases before the build has a machine. */
function hasContexts(phase: PhaseType): boolean {
  return phase !== 'SUBMITTED' && phase !== 'QUEUED';
}

export function currentPhase(state: BuildState): PhaseType {
  return state.phases.at(-1)?.type ?? 'SUBMITTED';
}

function wakeAt(state: BuildState): number | undefined {
  if (state.isComplete || state.ending || currentPhase(state) === 'FINALIZING') return undefined;
  return state.deadlineAt;
}
