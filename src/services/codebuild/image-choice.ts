/**
 * Which image a build runs in: the first of its candidates that this machine has, or can bring. Nothing takes the place
 * of an image silently: the log of the build says what was taken, and the failure of PROVISIONING what was tried.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/sample-private-registry.html
 */

import { isFault } from '#base/fault.ts';
import type { BuildPlan, EnvironmentPlan } from '#core/build/state.ts';
import { ImageProblem, type ImagePlan } from '#runtimes/runtime.ts';
import type { Assumed } from '#services/service.ts';
import { PhaseFailure } from './bench.ts';
import { candidatesFor, HOST, type Candidate } from './image-catalogue.ts';
import type { Room } from './room.ts';

export interface ChosenImage {
  /** Absent for the tools of this machine. */
  readonly image?: ImagePlan;
  /** For the log. */
  readonly line: string;
}

/** What a candidate came to: the image, or why it is none. */
type Tried = ChosenImage | { readonly why: string };

/** Throws a `PhaseFailure`. */
export async function chooseImage(
  room: Room,
  { environment }: BuildPlan,
  role: () => Promise<Assumed>,
  signal: AbortSignal,
): Promise<ChosenImage> {
  if (environment.privileged) checkPrivileged(room);
  const tried: string[] = [];
  for (const candidate of candidates(room, environment)) {
    const result =
      candidate.use === HOST
        ? await tryHost(room, environment)
        : await tryImage(room, environment, candidate, role, signal);
    if ('line' in result) return result;
    tried.push(`${candidate.use === HOST ? 'the tools of this machine' : candidate.use}: ${result.why}`);
  }
  throw new PhaseFailure(
    'BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE',
    `Unable to pull customer's container image. CannotPullContainerError: ${tried.join('; ')}`,
  );
}

function candidates(room: Room, { image }: EnvironmentPlan): readonly Candidate[] {
  try {
    return candidatesFor(room.house.directory, image);
  } catch (error) {
    throw new PhaseFailure('CLIENT_ERROR', (error as Error).message);
  }
}

function checkPrivileged({ runtime }: Room): void {
  const why = runtime.images ? runtime.images.privilegedProblem : 'this server runs no images';
  if (why !== undefined) throw new PhaseFailure('CLIENT_ERROR', `Privileged mode is not available: ${why}`);
}

async function tryHost({ runtime }: Room, { image, privileged }: EnvironmentPlan): Promise<Tried> {
  if (privileged) return { why: 'privileged mode needs an image' };
  const problem = await runtime.problem(false);
  if (problem === undefined) return { line: `Image ${image}: the tools of this machine` };
  if (!runtime.images) {
    throw new PhaseFailure(
      'CLIENT_ERROR',
      `Builds cannot run in isolation here: ${problem}. Install bubblewrap or allow user namespaces, ` +
        'or start the server with --runtime process if you trust everything that it builds',
    );
  }
  return { why: problem };
}

async function tryImage(
  { runtime }: Room,
  environment: EnvironmentPlan,
  { use, pull }: Candidate,
  role: () => Promise<Assumed>,
  signal: AbortSignal,
): Promise<Tried> {
  const problem = await runtime.problem(true);
  if (problem !== undefined) return { why: problem };
  const { images } = runtime;
  if (!images) return { why: 'this server runs no images' };
  const line = (id: string, how: string) => ({
    image: { id, isPrivileged: environment.privileged },
    line: `Image ${environment.image}: ${use}, ${id.slice(0, 'sha256:'.length + 12)}, ${how}`,
  });
  try {
    const found = await images.find(use);
    if (found !== undefined) return line(found, 'present in the engine');
    if (!pull) return { why: 'not in the engine' };
    const credentials = await readCredentials(environment, role);
    return line(await images.pull(use, credentials, signal), 'pulled');
  } catch (error) {
    if (!(error instanceof ImageProblem)) throw error;
    return { why: error.message };
  }
}

/** User and password of the registry, from the secret that the project names; never kept, never shown. */
async function readCredentials(
  { registryCredential: SecretId }: EnvironmentPlan,
  role: () => Promise<Assumed>,
): Promise<{ readonly username: string; readonly password: string } | undefined> {
  if (SecretId === undefined) return undefined;
  try {
    const { SecretString = '' } = await (await role()).send('secretsmanager:GetSecretValue', { SecretId });
    return parseCredentials(SecretId, SecretString);
  } catch (error) {
    if (!isFault(error)) throw error;
    throw new ImageProblem(`the registry credential ${SecretId} cannot be read: ${error.message}`);
  }
}

/** What is wrong with it is said without a word of it. */
function parseCredentials(secretId: string, text: string): { username: string; password: string } {
  const problem = new ImageProblem(
    `the registry credential ${secretId} is not an object with username and password`,
  );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw problem;
  }
  const { username, password } = (value ?? {}) as { username?: unknown; password?: unknown };
  if (typeof username !== 'string' || typeof password !== 'string') throw problem;
  return { username, password };
}
