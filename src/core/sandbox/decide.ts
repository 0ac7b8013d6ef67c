/**
 * Decides an interactive sandbox.
 *
 *   SUBMITTED ─ QUEUED ─ PROVISIONING ─ DOWNLOAD_SOURCE ─ RUN_SANDBOX ─┐
 *                  │           └─── failed, stopped or late ───────────┴─▶ KillSandbox ─▶ COMPLETED
 *                  └─── stopped or late ──────────────────────────────────────────────────▶ ┘
 *
 * It belongs to the node that takes it. Nothing but a stop, a deadline, a failure or the loss of that node ends it. Commands are taken while it runs and done one after the other;
 * those that it takes with it when it ends have no exit status.
 */

import type { Decision, EngineEvent, Stamp } from '#base/decider.ts';
import type { BuildPlan, PhaseContext } from '#core/build/state.ts';
import { COMMANDS_MAX, COMMANDS_WAITING_MAX, SANDBOX_PHASES } from './state.ts';
import type {
  SandboxEffect,
  SandboxEnding,
  SandboxEvent,
  SandboxPhase,
  SandboxPhaseStatus,
  SandboxPhaseType,
  SandboxState,
} from './state.ts';

export type SandboxDecision = Decision<SandboxState, SandboxEffect>;

const MINUTE_MS = 60_000;
const FINE: PhaseContext = { statusCode: '', message: '' };
const TIMED_OUT: PhaseContext = { statusCode: 'BUILD_TIMED_OUT', message: 'Build has timed out. ' };

export const sandboxDecider = { version: 1, decide, wakeAt };

function decide(
  state: SandboxState | undefined,
  event: (SandboxEvent | EngineEvent) & Stamp,
): SandboxDecision {
  if (!state) {
    return event.type === 'SandboxRequested' ? create(event.plan, event.at) : { state, effects: [] };
  }
  if (event.type === 'CommandRequested') return takeCommand(state, event);
  if (state.isComplete) return { state, effects: [] };
  switch (event.type) {
    case 'SandboxRequested':
      return { state, effects: [] };
    case 'SandboxPlaced':
      return state.worker
        ? { state, effects: [] }
        : {
            state: { ...state, worker: event.worker },
            effects: [{ type: 'RunSandbox', place: event.worker.id }],
          };
    case 'WorkerLost':
      return state.worker?.id === event.workerId
        ? lose(state, state.worker.name, event.at)
        : { state, effects: [] };
    case 'PhaseEnded':
      return endCurrentPhase(state, event);
    case 'CommandStarted':
      return { state: startCommand(state, event.commandId, event.at), effects: [] };
    case 'CommandEnded':
      return {
        state: { ...state, commands: state.commands.filter(({ id }) => id !== event.commandId) },
        effects: [],
      };
    case 'StopRequested':
      return end(state, 'STOPPED', FINE, event.at);
    case 'TimePassed':
      return event.at >= (wakeAt(state) ?? Infinity)
        ? end(state, 'TIMED_OUT', TIMED_OUT, event.at)
        : { state, effects: [] };
    case 'SandboxKilled':
      return state.ending
        ? { state: complete(endPhase(state, state.ending, event.at), event.at), effects: [] }
        : { state, effects: [] };
    case 'EffectFailed': {
      const context = { statusCode: 'INTERNAL_SERVICE_ERROR', message: event.message };
      if (event.effectType !== 'KillSandbox') return end(state, 'FAULT', context, event.at);
      return { state: complete(endPhase(state, 'FAULT', event.at, context), event.at), effects: [] };
    }
  }
}

function create(plan: BuildPlan, at: number): SandboxDecision {
  const state: SandboxState = {
    plan,
    phases: [
      { type: 'SUBMITTED', startAt: at, status: 'SUCCEEDED', endAt: at },
      { type: 'QUEUED', startAt: at },
    ],
    requestAt: at,
    deadlineAt: at + plan.queuedTimeoutMinutes * MINUTE_MS,
    isComplete: false,
    commandCount: 0,
    commands: [],
  };
  return { state, effects: [{ type: 'PlaceSandbox' }] };
}

function endCurrentPhase(
  state: SandboxState,
  event: Extract<SandboxEvent, { type: 'PhaseEnded' }> & Stamp,
): SandboxDecision {
  if (state.ending || currentSandboxPhase(state) !== event.phase) return { state, effects: [] };
  if (event.status !== 'SUCCEEDED') return end(state, event.status, event.context, event.at);
  const next = SANDBOX_PHASES[SANDBOX_PHASES.indexOf(event.phase) + 1];
  // Only what ends a sandbox ends its last phase.
  if (next === undefined || next === 'COMPLETED') return { state, effects: [] };
  const ended = endPhase(state, 'SUCCEEDED', event.at, event.context);
  return {
    state: {
      ...ended,
      phases: [...ended.phases, { type: next, startAt: event.at }],
      ...(next === 'PROVISIONING' && {
        deadlineAt: event.at + state.plan.timeoutMinutes * MINUTE_MS,
      }),
      ...(event.resolvedSourceVersion !== undefined && {
        resolvedSourceVersion: event.resolvedSourceVersion,
      }),
    },
    effects: [],
  };
}

function takeCommand(
  state: SandboxState,
  event: Extract<SandboxEvent, { type: 'CommandRequested' }> & Stamp,
): SandboxDecision {
  const refuse = (message: string): SandboxDecision => ({
    state,
    effects: [],
    reply: { fault: { code: 'InvalidInputException', message } },
  });
  if (state.commands.some(({ id }) => id === event.commandId)) return { state, effects: [] };
  if (state.isComplete || state.ending || currentSandboxPhase(state) !== 'RUN_SANDBOX') {
    return refuse(
      `Sandbox ${state.plan.id} does not run commands: its status is ${sandboxStatus(state)}, not RUN_SANDBOX`,
    );
  }
  if (state.commandCount >= COMMANDS_MAX) {
    return refuse(`Sandbox ${state.plan.id} has run ${COMMANDS_MAX} commands; start another one`);
  }
  if (state.commands.length >= COMMANDS_WAITING_MAX) {
    return refuse(`${COMMANDS_WAITING_MAX} commands wait in sandbox ${state.plan.id} already`);
  }
  const number = state.commandCount + 1;
  const command = { id: event.commandId, number, text: event.text, submitAt: event.at };
  return {
    state: { ...state, commandCount: number, commands: [...state.commands, command] },
    effects: [],
  };
}

/** A command that is begun again after a crash began when it began. */
function startCommand(state: SandboxState, commandId: string, at: number): SandboxState {
  const isNew = state.commands.some(({ id, startAt }) => id === commandId && startAt === undefined);
  if (!isNew) return state;
  return {
    ...state,
    commands: state.commands.map((each) => (each.id === commandId ? { ...each, startAt: at } : each)),
  };
}

/** Before anything was started there is nothing to kill. */
function end(state: SandboxState, ending: SandboxEnding, context: PhaseContext, at: number): SandboxDecision {
  if (state.ending) return { state, effects: [] };
  if (currentSandboxPhase(state) === 'QUEUED') {
    return { state: complete(endPhase(state, ending, at), at), effects: [] };
  }
  const phases = replaceLast(state.phases, { status: ending, contexts: [context] });
  const place = state.worker && { place: state.worker.id };
  return { state: { ...state, ending, phases }, effects: [{ type: 'KillSandbox', ...place }] };
}

/** Nothing can be killed there. */
function lose(state: SandboxState, name: string, at: number): SandboxDecision {
  const message = `The worker ${name}, which had this sandbox, gives no sign of life any more`;
  const context: PhaseContext = { statusCode: 'INTERNAL_SERVICE_ERROR', message };
  return { state: complete(endPhase(state, state.ending ?? 'FAULT', at, context), at), effects: [] };
}

function complete(state: SandboxState, at: number): SandboxState {
  const { ending: _, ...rest } = state;
  return {
    ...rest,
    commands: [],
    phases: [...state.phases, { type: 'COMPLETED', startAt: at }],
    isComplete: true,
  };
}

function endPhase(
  state: SandboxState,
  status: SandboxPhaseStatus,
  at: number,
  context?: PhaseContext,
): SandboxState {
  const phases = replaceLast(state.phases, {
    status,
    endAt: at,
    ...(context && currentSandboxPhase(state) !== 'QUEUED' && { contexts: [context] }),
  });
  return { ...state, phases };
}

function replaceLast(
  phases: readonly SandboxPhase[],
  change: Partial<SandboxPhase>,
): readonly SandboxPhase[] {
  return phases.map((phase, i) => (i === phases.length - 1 ? { ...phase, ...change } : phase));
}

export function currentSandboxPhase(state: SandboxState): SandboxPhaseType {
  return state.phases.at(-1)?.type ?? 'SUBMITTED';
}

/** A sandbox that lives has the name of its phase; AWS publishes no list. */
export function sandboxStatus(state: SandboxState): string {
  if (state.ending) return 'STOPPING';
  if (!state.isComplete) return currentSandboxPhase(state);
  return state.phases.at(-2)?.status ?? 'FAULT';
}

function wakeAt(state: SandboxState): number | undefined {
  return state.isComplete || state.ending ? undefined : state.deadlineAt;
}
