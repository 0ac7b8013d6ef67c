/**
 * Brings a sandbox up as a build is, but for its buildspec, and then runs the commands that it is given until it is
 * ended. Whoever takes it up again after a crash begins with its current phase; steps that ran are remembered by the
 * sandbox itself, so no command runs twice.
 */

import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { BuildWorker, PhaseContext } from '#core/build/state.ts';
import { currentSandboxPhase } from '#core/sandbox/decide.ts';
import type { SandboxEvent, SandboxPhaseType, SandboxState } from '#core/sandbox/state.ts';
import type { Performance } from '#engine/machine.ts';
import type { Sandbox } from '#runtimes/runtime.ts';
import { buildDirectory, createBench, PhaseFailure, type Bench } from '#services/codebuild/bench.ts';
import { containerLine, keep } from '#services/codebuild/bench.ts';
import { appendOnce, type LogFollower } from '#services/codebuild/build-log.ts';
import { createEnvironment } from '#services/codebuild/environment.ts';
import {
  checkProvision,
  createLogStream,
  firstLines,
  openSandbox,
} from '#services/codebuild/provisioning.ts';
import type { Room } from '#services/codebuild/room.ts';
import { cleanUp, followerOf, putLog } from '#services/codebuild/run.ts';
import { maskSecrets, readSecrets } from '#services/codebuild/secrets.ts';
import { fetchSources, writeScripts } from '#services/codebuild/sources.ts';
import { runCommand } from './commands.ts';
import type { Sandboxes } from './room.ts';

/** How often a node looks whether another one took a command in, or ended the sandbox. */
const LOOK_MS = 500;
/** From TERM to KILL. */
const KILL_GRACE_MS = 10_000;
const FINE: PhaseContext = { statusCode: '', message: '' };
/** Below the numbers of any command's steps. */
const STEPS_BEFORE: Readonly<Record<SandboxPhaseType, number>> = {
  SUBMITTED: 0,
  QUEUED: 0,
  PROVISIONING: 0,
  DOWNLOAD_SOURCE: 5000,
  RUN_SANDBOX: 0,
  COMPLETED: 0,
};
/** A sandbox has no buildspec: its environment is the project's. */
const NO_BUILDSPEC = {
  version: '0.2',
  shell: 'sh',
  environment: {
    variables: {},
    parameterStore: {},
    secretsManager: {},
    exportedVariables: [],
    gitCredentialHelper: false,
  },
  phases: {},
  secondaryArtifacts: {},
  reports: [],
  warnings: [],
} as const;
/** What only a build has. */
const OF_BUILDS = ['CODEBUILD_BUILD_NUMBER', 'CODEBUILD_BUILD_SUCCEEDING'];

type Lost = Extract<SandboxEvent, { type: 'WorkerLost' }>;
type PhaseEnded = Extract<SandboxEvent, { type: 'PhaseEnded' }>;

export async function runSandbox(sandboxes: Sandboxes, performance: Performance): Promise<Lost | undefined> {
  const { room } = sandboxes;
  const { machineId: id, signal } = performance;
  const { engine } = room.house;
  let state = await engine.read(sandboxes.machine(), id);
  if (isOver(state)) return undefined;
  if (isElsewhere(room, state)) return { type: 'WorkerLost', workerId: state.worker.id };
  let place;
  try {
    place = await room.running.takePlace(id, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    return undefined;
  }
  const life = createLife(sandboxes, state, AbortSignal.any([signal, place.interrupted]));
  try {
    while (!isOver(state)) {
      const ended = await life.perform(currentSandboxPhase(state));
      if (!ended) return undefined;
      ({ state } = await engine.send(sandboxes.machine(), id, ended));
    }
    return undefined;
  } catch (error) {
    // Whoever interrupts a sandbox owns what is left of it.
    if (place.interrupted.aborted) return undefined;
    throw error;
  } finally {
    await life.close();
    place.leave();
  }
}

/** Ends what a sandbox still runs, and lets its log end well. */
export async function killSandbox(
  { room, sessions, machine }: Sandboxes,
  id: string,
): Promise<{ readonly type: 'SandboxKilled' } | Lost | undefined> {
  const state = await room.house.engine.read(machine(), id);
  if (!state || state.isComplete) return undefined;
  if (isElsewhere(room, state)) return { type: 'WorkerLost', workerId: state.worker.id };
  const directory = buildDirectory(room, state.plan.uuid);
  await room.running.interrupt(id);
  if (existsSync(directory)) {
    await room.runtime.kill(directory, KILL_GRACE_MS);
    const [context = FINE] = state.phases.at(-1)?.contexts ?? [];
    const end = [
      `Sandbox ended: ${state.ending ?? 'FAULT'}`,
      `Phase context status code: ${context.statusCode} Message: ${context.message}`,
    ];
    appendOnce(directory, 'killed', end.map((text) => containerLine(room.house.clock.now(), text)).join(''));
    await followerOf(room, sessions, state).finish();
    await putLog(room, sessions, state);
    await cleanUp(room, sessions, state);
  }
  return { type: 'SandboxKilled' };
}

/** Its node was given up, and what was ordered there came here. */
function isElsewhere(
  { workplace }: Room,
  state: SandboxState,
): state is SandboxState & { readonly worker: BuildWorker } {
  return state.worker !== undefined && state.worker.id !== workplace.id;
}

function isOver(state: SandboxState | undefined): state is undefined {
  return !state || state.isComplete || state.ending !== undefined;
}

interface Life {
  /** Nothing when the sandbox was ended meanwhile. */
  perform(phase: SandboxPhaseType): Promise<PhaseEnded | undefined>;
  close(): Promise<void>;
}

/** What one process holds while it runs the sandbox. */
function createLife(sandboxes: Sandboxes, first: SandboxState, signal: AbortSignal): Life {
  const { room, sessions } = sandboxes;
  const { plan } = first;
  const { engine } = room.house;
  const directory = buildDirectory(room, plan.uuid);
  const role = () => sessions.of(plan);
  let sandbox: Sandbox | undefined;
  let follower: LogFollower | undefined;

  function benchIn(open: Sandbox, stepsBefore: number): Bench {
    const parts = { room, plan, number: 0, startAt: first.requestAt, directory, sandbox: open, signal, role };
    return createBench({ ...parts, phase: 'DOWNLOAD_SOURCE', stepsBefore });
  }

  /** The sandbox that PROVISIONING started, also in an earlier life of the server. */
  async function opened(): Promise<Sandbox> {
    const isThere = existsSync(directory);
    sandbox ??= isThere ? await openSandbox(room, plan) : undefined;
    if (!sandbox || (!sandbox.attached && !follower)) {
      throw new PhaseFailure('INTERNAL_SERVICE_ERROR', 'The sandbox was found dead: its folder is gone', {
        status: 'FAULT',
      });
    }
    follower ??= followerOf(room, sessions, first);
    return sandbox;
  }

  async function provision(): Promise<void> {
    await checkProvision(room, plan, role);
    await createLogStream(plan, await role());
    keep(directory, 'build', { id: plan.id, kind: 'sandbox' });
    sandbox ??= await openSandbox(room, plan);
    const bench = benchIn(sandbox, STEPS_BEFORE.PROVISIONING);
    for (const line of firstLines(room, plan, sandbox).trimEnd().split('\n')) bench.sayPlain(line);
    await bench.flush();
    follower ??= followerOf(room, sessions, first);
  }

  async function download(): Promise<string | undefined> {
    const bench = benchIn(await opened(), STEPS_BEFORE.DOWNLOAD_SOURCE);
    const { places, resolved } = await fetchSources(bench);
    bench.say('Processing environment variables');
    const variables = new Map(await createEnvironment(bench, NO_BUILDSPEC, places, resolved));
    for (const name of OF_BUILDS) variables.delete(name);
    writeScripts(bench, NO_BUILDSPEC, variables);
    bench.say('Waiting for commands');
    await bench.flush();
    return resolved;
  }

  /** Resolves when the sandbox is ended by somebody else. */
  async function serve(): Promise<void> {
    const open = await opened();
    for (;;) {
      signal.throwIfAborted();
      const noticed = sandboxes.noticed(plan.id);
      const state = await engine.read(sandboxes.machine(), plan.id);
      if (isOver(state)) return;
      const [command] = state.commands;
      if (!command) {
        await Promise.race([noticed, pause(LOOK_MS, undefined, { signal, ref: false })]);
        continue;
      }
      const { id: commandId } = command;
      await engine.send(sandboxes.machine(), plan.id, { type: 'CommandStarted', commandId });
      const end = await runCommand((stepsBefore) => benchIn(open, stepsBefore), command);
      await engine.send(sandboxes.machine(), plan.id, { type: 'CommandEnded', commandId, ...end });
    }
  }

  async function work(phase: SandboxPhaseType): Promise<Partial<PhaseEnded> | undefined> {
    switch (phase) {
      case 'SUBMITTED':
      case 'QUEUED':
      case 'COMPLETED':
        return {};
      case 'PROVISIONING':
        await provision();
        return {};
      case 'DOWNLOAD_SOURCE': {
        const resolvedSourceVersion = await download();
        return resolvedSourceVersion === undefined ? {} : { resolvedSourceVersion };
      }
      case 'RUN_SANDBOX':
        await serve().finally(() => sandboxes.notice(plan.id));
        return undefined;
    }
  }

  return {
    async perform(phase) {
      const ended = { type: 'PhaseEnded', phase } as const;
      try {
        const more = await work(phase);
        return more && { ...ended, status: 'SUCCEEDED', context: FINE, ...more };
      } catch (error) {
        if (!(error instanceof PhaseFailure)) throw error;
        const { statusCode, message } = error.context;
        const context = { statusCode, message: maskSecrets(message, readSecrets(room.house, directory)) };
        return { ...ended, status: error.status, context };
      }
    },
    async close() {
      sandbox?.release();
      await follower?.stop();
    },
  };
}
