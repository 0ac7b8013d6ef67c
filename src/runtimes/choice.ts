/**
 * Which runtime a sandbox is opened in, by the operator's word and by whether its plan has an image. The folder of each
 * sandbox says which one it was, so that a later life of the server, started with another word, finds it again there.
 */

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDockerRuntime, DOCKER_SOCKET_DEFAULT } from './docker/docker.ts';
import { createProcessRuntime } from './process.ts';
import type { Runtime } from './runtime.ts';
import { createSandboxRuntime, type SandboxOptions } from './sandbox.ts';

/** `auto`: images in containers, all else in sandboxes. `process` isolates nothing and is never chosen by itself. */
export const RUNTIME_CHOICES = ['auto', 'sandbox', 'docker', 'process'] as const;
export type RuntimeChoice = (typeof RUNTIME_CHOICES)[number];

type Kind = 'sandbox' | 'docker' | 'process';

export function openRuntime(
  choice: RuntimeChoice,
  environment: NodeJS.ProcessEnv,
  options: SandboxOptions,
): Runtime {
  return chooseRuntime(choice, {
    sandbox: createSandboxRuntime(options),
    docker: createDockerRuntime({
      socketPath: dockerSocket(environment),
      arePrivilegedAllowed: environment['SLIPWAY_PRIVILEGED_BUILDS'] === 'allow',
      ...(options.network ? { network: options.network } : {}),
    }),
    process: createProcessRuntime(),
  });
}

export function chooseRuntime(choice: RuntimeChoice, runtimes: Readonly<Record<Kind, Runtime>>): Runtime {
  const { docker } = runtimes;
  const usual = choice === 'process' ? 'process' : 'sandbox';
  const hasImages = choice === 'auto' || choice === 'docker';
  const images = hasImages ? docker.images : undefined;
  return {
    name: choice,
    ...(images ? { images } : {}),
    problem(inImage = false) {
      if (inImage)
        return hasImages
          ? docker.problem()
          : Promise.resolve(`this server was started with --runtime ${choice}`);
      if (choice === 'docker') return Promise.resolve('this server was started with --runtime docker');
      return runtimes[usual].problem();
    },
    open(plan) {
      const kind = readKind(plan.directory) ?? (plan.image ? 'docker' : usual);
      writeKind(plan.directory, kind);
      return runtimes[kind].open(plan);
    },
    kill: (directory, graceMs) => runtimes[readKind(directory) ?? usual].kill(directory, graceMs),
  };
}

/** Only an engine of this machine can see the folders of builds. */
export function dockerSocket(environment: NodeJS.ProcessEnv): string {
  const host = environment['DOCKER_HOST'] ?? '';
  const fromHost = host.startsWith('unix://') ? host.slice('unix://'.length) : '';
  return environment['SLIPWAY_DOCKER_SOCKET'] || fromHost || DOCKER_SOCKET_DEFAULT;
}

function readKind(directory: string): Kind | undefined {
  const path = join(directory, 'runtime');
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, 'utf8');
  if (text === 'sandbox' || text === 'docker' || text === 'process') return text;
  throw new Error(`${path} names no runtime: ${text.slice(0, 40)}`);
}

function writeKind(directory: string, kind: Kind): void {
  const path = join(directory, 'runtime');
  if (existsSync(path)) return;
  writeFileSync(`${path}.new`, kind, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
