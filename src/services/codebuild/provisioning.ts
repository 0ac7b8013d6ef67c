/** The PROVISIONING phase: the role is assumed, the log stream made, the sandbox started. */

import { mkdirSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { isFault } from '#base/fault.ts';
import type { Need } from '#core/build/placing.ts';
import type { BuildPlan } from '#core/build/state.ts';
import { ImageProblem, type Limits, type Sandbox } from '#runtimes/runtime.ts';
import type { Assumed } from '#services/service.ts';
import { placeAuthorities } from './authorities.ts';
import { buildDirectory, containerLine, keep, PhaseFailure, recall } from './bench.ts';
import { chooseImage, type ChosenImage } from './image-choice.ts';
import type { Room } from './room.ts';

export const WORKSPACE = '/codebuild';
const GIB = 1024 ** 3;

/** Memory, CPUs and disk by compute type, as the user guide lists them for Linux. */
export const COMPUTE: Readonly<Record<string, readonly [memoryGib: number, cpus: number, diskGib: number]>> =
  {
    BUILD_GENERAL1_SMALL: [3, 2, 64],
    BUILD_GENERAL1_MEDIUM: [7, 4, 128],
    BUILD_GENERAL1_LARGE: [15, 8, 128],
    BUILD_GENERAL1_XLARGE: [70, 36, 256],
    BUILD_GENERAL1_2XLARGE: [145, 72, 824],
  };
const PROCESSES_MAX = 4096;
const OPEN_FILES_MAX = 65_536;
/** The deadline of a build is the server's to keep; this much later its sandbox ends by itself. */
const OVERTIME_SECONDS = 15 * 60;

/** What a build asks of the worker that it is placed on; of an unknown type nothing, so that it fails at once. */
export function needOf({ environment }: BuildPlan): Need {
  const [memoryGib, cpus] = COMPUTE[environment.computeType] ?? [0, 0];
  return { cpus, memoryBytes: memoryGib * GIB };
}

/** Checks what can be known before a sandbox is there, and chooses its image; throws a `PhaseFailure`. */
export async function checkProvision(
  room: Room,
  plan: BuildPlan,
  role: () => Promise<Assumed>,
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  const { unsupported } = plan.environment;
  if (unsupported !== undefined) {
    const isImage = unsupported.startsWith('Unable to pull');
    throw new PhaseFailure(isImage ? 'BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE' : 'CLIENT_ERROR', unsupported);
  }
  if (!COMPUTE[plan.environment.computeType]) {
    throw new PhaseFailure(
      'CLIENT_ERROR',
      `Compute type ${plan.environment.computeType} is not available here`,
    );
  }
  try {
    await role();
  } catch (error) {
    if (!isFault(error)) throw error;
    throw new PhaseFailure(
      'ACCESS_DENIED',
      `CodeBuild is not authorized to perform: sts:AssumeRole on ${plan.serviceRole}. ${error.message}`,
    );
  }
  const directory = makeBuildDirectory(room, plan);
  if (recall<ChosenImage>(directory, 'image')) return;
  keep(directory, 'image', await chooseImage(room, plan, role, signal));
}

export async function createLogStream(plan: BuildPlan, role: Assumed): Promise<void> {
  const { logs } = plan;
  if (!logs) return;
  const { groupName: logGroupName, streamName: logStreamName } = logs;
  const ignoreExisting = (error: unknown) => {
    if (!isFault(error, 'ResourceAlreadyExistsException')) throw error;
  };
  try {
    try {
      await role.send('logs:CreateLogStream', { logGroupName, logStreamName }).catch(ignoreExisting);
    } catch (error) {
      if (!isFault(error, 'ResourceNotFoundException')) throw error;
      await role.send('logs:CreateLogGroup', { logGroupName }).catch(ignoreExisting);
      await role.send('logs:CreateLogStream', { logGroupName, logStreamName }).catch(ignoreExisting);
    }
  } catch (error) {
    if (!isFault(error)) throw error;
    throw new PhaseFailure(
      'ACCESS_DENIED',
      `Service role ${plan.serviceRole} does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams ` +
        `for build ${plan.arn}. Error message: ${error.message}`,
    );
  }
}

export async function openSandbox(room: Room, plan: BuildPlan): Promise<Sandbox> {
  const directory = makeBuildDirectory(room, plan);
  const { image } = recall<ChosenImage>(directory, 'image') ?? {};
  try {
    const sandbox = await room.runtime.open({
      id: plan.uuid,
      directory,
      workspace: WORKSPACE,
      limits: limitsOf(plan),
      endpoint: room.house.endpoint(),
      ...(image ? { image } : {}),
    });
    placeAuthorities(room.house, sandbox, directory);
    return sandbox;
  } catch (error) {
    if (!(error instanceof ImageProblem)) throw error;
    throw new PhaseFailure(
      'CLIENT_ERROR',
      `The image ${plan.environment.image} cannot be started: ${error.message}`,
    );
  }
}

function makeBuildDirectory(room: Room, plan: BuildPlan): string {
  const directory = buildDirectory(room, plan.uuid);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return directory;
}

/** The first lines of a log. They are written before the stream is looked at, so a follower sees them first. */
export function firstLines(room: Room, plan: BuildPlan, sandbox: Sandbox): string {
  const line = (text: string) => containerLine(room.house.clock.now(), text);
  const chosen = recall<ChosenImage>(buildDirectory(room, plan.uuid), 'image');
  const [memoryGib, cpus] = COMPUTE[plan.environment.computeType] ?? [0, 0];
  const scaled = memoryGib * GIB > totalmem() || cpus > availableParallelism();
  return [
    'Running on Slipway',
    ...(chosen ? [chosen.line] : []),
    ...(scaled ? [`${plan.environment.computeType} is scaled to this machine`] : []),
    ...sandbox.facts,
    'Waiting for DOWNLOAD_SOURCE',
  ]
    .map(line)
    .join('');
}

export function rememberAttempt(room: Room, plan: BuildPlan): void {
  keep(buildDirectory(room, plan.uuid), 'build', { id: plan.id });
}

/** A machine that is smaller than the compute type gives what it has. */
function limitsOf({ environment, timeoutMinutes }: BuildPlan): Limits {
  const [memoryGib, cpus, diskGib] = COMPUTE[environment.computeType] ?? [3, 2, 64];
  return {
    memoryBytes: Math.min(memoryGib * GIB, totalmem()),
    cpus: Math.min(cpus, availableParallelism()),
    diskBytes: diskGib * GIB,
    processes: PROCESSES_MAX,
    openFiles: OPEN_FILES_MAX,
    seconds: timeoutMinutes * 60 + OVERTIME_SECONDS,
  };
}
