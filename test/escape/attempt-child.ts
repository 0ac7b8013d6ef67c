/**
 * Lets one attempt after another run in sandboxes and tells what came of each, one JSON line an attempt. A process of
 * its own, so that the same attempts can be made by another user.
 */

import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createDockerRuntime } from '#runtimes/docker/docker.ts';
import { parseBuildNetwork } from '#runtimes/egress.ts';
import { createSandboxRuntime, type Isolation } from '#runtimes/sandbox.ts';
import type { StepEnd } from '#runtimes/runtime.ts';
import { ATTEMPTS } from './attempts.ts';

export interface ChildPlan {
  readonly data: string;
  /** How a sandbox is made, or the image of the container and its engine. */
  readonly isolation: Isolation | { readonly socketPath: string; readonly image: string };
  /** For what stands in braces in the attempts. */
  readonly words: Readonly<Record<string, string>>;
}

export interface ChildResult {
  readonly what: string;
  readonly end: string;
  readonly escaped: readonly string[];
  readonly isTried: boolean;
  readonly milliseconds: number;
}

/** What a build's own time limit would be. */
const ATTEMPT_MS_MAX = 20_000;
const STALL_MS_MAX = 1_000;
const LIMITS = {
  memoryBytes: 256 * 2 ** 20,
  cpus: 1,
  processes: 200,
  diskBytes: 100 * 2 ** 20,
  openFiles: 512,
  seconds: 60,
};

const plan = JSON.parse(process.argv[2] ?? '') as ChildPlan;
const network = parseBuildNetwork('allow:public');
const { isolation } = plan;
const runtime =
  typeof isolation === 'string'
    ? createSandboxRuntime({ directory: join(plan.data, 'shared'), hidden: plan.data, isolation, network })
    : createDockerRuntime({ socketPath: isolation.socketPath, network });
const image =
  typeof isolation === 'string'
    ? {}
    : { image: { id: (await runtime.images?.find(isolation.image)) ?? '', isPrivileged: false } };
const problem = await runtime.problem();
if (problem !== undefined) {
  console.log(JSON.stringify({ problem }));
  process.exit();
}
for (const [i, attempt] of ATTEMPTS.entries()) {
  const directory = join(plan.data, 'builds', `attempt-${i}`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const script = attempt.script.replace(
    /\{(data|other|secret|port|address|abstract)\}/g,
    (_, name: string) => plan.words[name] ?? '',
  );
  const started = performance.now();
  const id = `escape-${process.pid}-${i}`;
  const sandbox = await runtime.open({ id, directory, workspace: '/codebuild', limits: LIMITS, ...image });
  const step = { number: 1, heading: '', script: `${script}\necho tried\n` };
  const late: StepEnd = { type: 'died', reason: 'it was ended from outside' };
  const end = await sandbox
    .perform(step, AbortSignal.timeout(attempt.stalls ? STALL_MS_MAX : ATTEMPT_MS_MAX))
    .catch(() => late);
  sandbox.release();
  await runtime.kill(directory, 0);
  const log = readFileSync(join(directory, 'log'), 'latin1');
  const lines = log.split('\n');
  const result: ChildResult = {
    what: attempt.what,
    end: end.type === 'died' ? end.reason : `exited ${end.status}`,
    escaped: lines.filter((line) => line.includes('ESCAPED')),
    isTried: lines.some((line) => line.endsWith('tried')) || attempt.mayDie === true,
    milliseconds: Math.round(performance.now() - started),
  };
  console.log(JSON.stringify(result));
  rmSync(directory, { recursive: true, force: true });
}
process.exit();
