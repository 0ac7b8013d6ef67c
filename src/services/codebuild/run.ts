/**
 * Runs a build from wherever it is. Every phase is done, told to the machine, and the machine says which comes next;
 * a build that is taken up again after a crash begins with its current phase, whose steps the sandbox remembers.
 */

import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { currentPhase } from '#core/build/decide.ts';
import type { BuildEvent, BuildFacts, BuildState, PhaseContext, PhaseType } from '#core/build/state.ts';
import type { Buildspec, CommandPhase } from '#core/buildspec/buildspec.ts';
import type { Performance } from '#engine/machine.ts';
import type { Sandbox } from '#runtimes/runtime.ts';
import { appendOnce, followLog, type LogFollower } from './build-log.ts';
import { buildDirectory, containerLine, createBench, PhaseFailure, recall, type Bench } from './bench.ts';
import { runCommandPhase } from './commands.ts';
import { credentialsToken, type RoleSessions } from './credentials.ts';
import { isElsewhere, loseBuild, type WorkerLost } from './lost.ts';
import { endLines, endTexts, FINE, sayPassedPhases } from './narration.ts';
import { checkProvision, createLogStream, firstLines, openSandbox, rememberAttempt } from './provisioning.ts';
import type { Room } from './room.ts';
import { forgetSecrets, maskSecrets, readSecrets } from './secrets.ts';
import { putS3Log } from './s3-log.ts';
import { downloadSource } from './sources.ts';
import { numberOf } from './starting.ts';
import { uploadAll } from './uploads.ts';

interface PhaseEnd {
  readonly status: 'SUCCEEDED' | 'FAILED' | 'FAULT';
  readonly context: PhaseContext;
  readonly isLast: boolean;
  readonly facts: BuildFacts;
}

export async function runBuild(
  room: Room,
  sessions: RoleSessions,
  performance: Performance,
): Promise<WorkerLost | undefined> {
  const { machineId: id, signal } = performance;
  const { engine } = room.house;
  const isOver = (state: BuildState | undefined) => !state || state.isComplete || state.ending !== undefined;
  const isMine = (state: BuildState) => !isElsewhere(room, state) && currentPhase(state) !== 'QUEUED';
  let state = await engine.read(room.machine(), id);
  if (!state || isOver(state)) return undefined;
  if (currentPhase(state) === 'QUEUED') {
    // Ordered before builds were placed.
    await room.placing().wait(id, signal);
    return undefined;
  }
  if (isElsewhere(room, state)) return loseBuild(room, sessions, state);
  const place = room.running.enter(id);
  const life = createLife(room, sessions, state, AbortSignal.any([signal, place.interrupted]));
  try {
    while (!isOver(state) && isMine(state)) {
      const phase: PhaseType = currentPhase(state);
      const end = eventOf(state, phase, await life.perform(phase, state));
      ({ state } = await engine.send(room.machine(), id, end));
    }
    return undefined;
  } catch (error) {
    // Whoever interrupts a build owns what is left of it.
    if (place.interrupted.aborted) return undefined;
    throw error;
  } finally {
    await life.close();
    place.leave();
  }
}

/** Names the worker, because what it says of a build that it has lost counts for nothing. */
function eventOf({ worker }: BuildState, phase: PhaseType, end: PhaseEnd): BuildEvent {
  return { type: 'PhaseEnded', phase, ...end, ...(worker && { workerId: worker.id }) };
}

/** Ends what a stopped, late or faulted build still runs, and lets its log end well. */
export async function killBuild(
  room: Room,
  sessions: RoleSessions,
  id: string,
  graceMs: number,
): Promise<{ readonly type: 'BuildKilled' } | WorkerLost | undefined> {
  const state = await room.house.engine.read(room.machine(), id);
  if (!state || state.isComplete) return undefined;
  if (isElsewhere(room, state)) return loseBuild(room, sessions, state);
  const { plan } = state;
  const directory = buildDirectory(room, plan.uuid);
  // First nobody orders another step, then what runs is ended.
  await room.running.interrupt(id);
  if (existsSync(directory)) {
    await room.runtime.kill(directory, graceMs);
    const phase = state.phases.at(-1);
    const context = phase?.contexts?.[0] ?? FINE;
    const text = endLines(room, currentPhase(state), phase?.status ?? 'FAULT', context);
    appendOnce(directory, 'killed', text);
    await followerOf(room, sessions, state).finish();
    await putLog(room, sessions, state);
    await cleanUp(room, sessions, state);
  }
  return { type: 'BuildKilled' };
}

/** A build, or a sandbox that is planned like one. */
type Planned = Pick<BuildState, 'plan'>;

/** Removes what a build leaves on this machine. Done before its end is told, so nobody else is at it. */
export async function cleanUp(room: Room, sessions: RoleSessions, state: Planned): Promise<void> {
  const directory = buildDirectory(room, state.plan.uuid);
  await room.runtime.kill(directory, 0);
  // A workspace may hold a hundred thousand files, and everybody else would wait for them.
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  sessions.forget(state.plan.uuid);
  forgetSecrets(directory);
}

interface Life {
  perform(phase: PhaseType, state: BuildState): Promise<PhaseEnd>;
  close(): Promise<void>;
}

/** What one process holds while it runs the build: the open sandbox and the follower of its log. */
function createLife(room: Room, sessions: RoleSessions, first: BuildState, signal: AbortSignal): Life {
  const { plan } = first;
  const directory = buildDirectory(room, plan.uuid);
  const role = () => sessions.of(plan);
  let sandbox: Sandbox | undefined;
  let follower: LogFollower | undefined;
  let number: number | undefined;

  async function benchFor(phase: PhaseType): Promise<Bench> {
    const isThere = existsSync(directory);
    sandbox ??= isThere || phase === 'PROVISIONING' ? await openSandbox(room, plan) : undefined;
    if (!sandbox || (!sandbox.attached && phase !== 'PROVISIONING' && !follower)) {
      throw new PhaseFailure(
        'INTERNAL_SERVICE_ERROR',
        'Build container found dead before completing the build: its folder is gone',
        { status: 'FAULT', isLast: true },
      );
    }
    follower ??= followerOf(room, sessions, first);
    return benchIn(sandbox, phase);
  }

  async function benchIn(open: Sandbox, phase: PhaseType): Promise<Bench> {
    number ??= await numberOf(room, plan.id);
    const { startAt } = first;
    return createBench({ room, plan, number, startAt, directory, sandbox: open, signal, role, phase });
  }

  async function endSandbox(): Promise<void> {
    await room.runtime.kill(directory, 0);
  }

  async function provision(): Promise<BuildFacts> {
    await checkProvision(room, plan, role, signal);
    const [, bench] = await Promise.all([
      createLogStream(plan, await role()),
      (async () => {
        rememberAttempt(room, plan);
        // A sandbox that was started by an earlier life has said its first lines, or will now.
        sandbox ??= await openSandbox(room, plan);
        return benchIn(sandbox, 'PROVISIONING');
      })(),
    ]);
    for (const line of firstLines(room, plan, bench.sandbox).trimEnd().split('\n')) bench.sayPlain(line);
    await bench.flush();
    follower ??= followerOf(room, sessions, first);
    return {};
  }

  async function commands(phase: CommandPhase, state: BuildState): Promise<BuildFacts> {
    const bench = await benchFor(phase);
    sayPassedPhases(bench, state);
    bench.say(`Entering phase ${phase}`);
    return told(bench, phase, async () => {
      const isSucceeding = !state.phases.some((each) => each.status === 'FAILED');
      await runCommandPhase(bench, specOf(directory), phase, { isSucceeding });
      return {};
    });
  }

  async function upload(state: BuildState): Promise<BuildFacts> {
    const bench = await benchFor('UPLOAD_ARTIFACTS');
    sayPassedPhases(bench, state);
    await bench.flush();
    let said = '';
    const say = (text: string) => (said += containerLine(room.house.clock.now(), text));
    const finish = (status: string, context: PhaseContext) =>
      appendOnce(directory, 'upload', said + endLines(room, 'UPLOAD_ARTIFACTS', status, context));
    try {
      const isSucceeding = !state.phases.some((each) => each.status === 'FAILED');
      const facts = await uploadAll(bench, specOf(directory), isSucceeding, endSandbox, say);
      finish('SUCCEEDED', FINE);
      return facts;
    } catch (error) {
      if (!(error instanceof PhaseFailure)) throw error;
      await endSandbox();
      finish(error.status, error.context);
      throw error;
    }
  }

  async function finalize(): Promise<BuildFacts> {
    await endSandbox();
    if (existsSync(directory)) {
      follower ??= followerOf(room, sessions, first);
      await follower.finish();
      await putLog(room, sessions, first);
      sandbox?.release();
      await cleanUp(room, sessions, first);
    }
    return {};
  }

  async function work(phase: PhaseType, state: BuildState): Promise<BuildFacts> {
    switch (phase) {
      case 'SUBMITTED':
      case 'QUEUED':
      case 'COMPLETED':
        return {};
      case 'PROVISIONING':
        return provision();
      case 'DOWNLOAD_SOURCE': {
        const bench = await benchFor(phase);
        return told(bench, phase, () => downloadSource(bench));
      }
      case 'INSTALL':
      case 'PRE_BUILD':
      case 'BUILD':
      case 'POST_BUILD':
        return commands(phase, state);
      case 'UPLOAD_ARTIFACTS':
        return upload(state);
      case 'FINALIZING':
        return finalize();
    }
  }

  /** Says in the log how the phase ended, in the sandbox if that still lives. */
  async function told(bench: Bench, phase: PhaseType, run: () => Promise<BuildFacts>): Promise<BuildFacts> {
    try {
      const facts = await run();
      for (const line of endTexts(phase, 'SUCCEEDED', FINE)) bench.say(line);
      await bench.flush();
      return facts;
    } catch (error) {
      if (!(error instanceof PhaseFailure)) throw error;
      if (error.isLast) appendOnce(directory, 'lost', endLines(room, phase, error.status, error.context));
      else {
        for (const line of endTexts(phase, error.status, error.context)) bench.say(line);
        await bench.flush();
      }
      throw error;
    }
  }

  return {
    async perform(phase, state) {
      try {
        return { status: 'SUCCEEDED', context: FINE, isLast: false, facts: await work(phase, state) };
      } catch (error) {
        if (!(error instanceof PhaseFailure)) throw error;
        const secrets = readSecrets(room.house, directory);
        if (phase === 'PROVISIONING') await cleanUp(room, sessions, first);
        else if (error.isLast) await endSandbox();
        const { statusCode, message } = error.context;
        const context = { statusCode, message: maskSecrets(message, secrets) };
        return { status: error.status, context, isLast: error.isLast, facts: error.facts };
      }
    },
    async close() {
      sandbox?.release();
      await follower?.stop();
    },
  };
}

export async function putLog(room: Room, sessions: RoleSessions, { plan }: Planned): Promise<void> {
  const directory = buildDirectory(room, plan.uuid);
  const secrets = [...readSecrets(room.house, directory), credentialsToken(room.house, plan.uuid)];
  await putS3Log(room.house, plan, directory, () => sessions.of(plan), secrets);
}

export function followerOf(room: Room, sessions: RoleSessions, { plan }: Planned): LogFollower {
  return followLog({
    house: room.house,
    plan,
    directory: buildDirectory(room, plan.uuid),
    role: () => sessions.of(plan),
    secrets: () => [
      ...readSecrets(room.house, buildDirectory(room, plan.uuid)),
      credentialsToken(room.house, plan.uuid),
    ],
  });
}

function specOf(directory: string): Buildspec {
  const spec = recall<Buildspec>(directory, 'spec');
  if (!spec)
    throw new PhaseFailure('INTERNAL_SERVICE_ERROR', 'the buildspec of the build is gone', {
      status: 'FAULT',
      isLast: true,
    });
  return spec;
}
