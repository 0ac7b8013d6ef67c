/**
 * The `fake` runtime: real folders, real ends, no processes. A step does what the variables in its script say:
 * `FAKE_SAYS='text'` is printed, `FAKE_MILLISECONDS=20` pass on the clock that it was given, `FAKE_STATUS=3` is how it
 * exits; a script without them succeeds at once. For tests and the simulation, where many builds run under one clock.
 */

import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import type { Runtime, Sandbox, SandboxPlan, Step, StepEnd } from './runtime.ts';

export function createFakeRuntime(clock: Clock): Runtime {
  return {
    name: 'fake',
    problem: () => Promise.resolve(undefined),
    open: (plan) => Promise.resolve(open(clock, plan)),
    kill(directory) {
      if (existsSync(directory)) writeFileSync(join(directory, 'killed'), '');
      return Promise.resolve();
    },
  };
}

function open(clock: Clock, plan: SandboxPlan): Sandbox {
  const { directory } = plan;
  const logFile = join(directory, 'log');
  const attached = existsSync(logFile);
  for (const folder of ['workspace', 'home', 'readonly']) {
    mkdirSync(join(directory, folder), { recursive: true });
  }
  if (!attached) writeFileSync(logFile, '');
  return {
    facts: ['Isolation: fake, nothing is run'],
    attached,
    workspace: plan.workspace,
    workspaceDirectory: join(directory, 'workspace'),
    readonlyDirectory: join(directory, 'readonly'),
    home: '/root',
    owner: undefined,
    logFile,
    perform: (step, signal) => perform(clock, directory, step, signal),
    release() {},
  };
}

async function perform(clock: Clock, directory: string, step: Step, signal: AbortSignal): Promise<StepEnd> {
  const started = join(directory, `${step.number}.started`);
  const script = step.script ?? '';
  if (existsSync(join(directory, 'killed')) && endOf(directory, step) === undefined) return died;
  if (!existsSync(started)) {
    // A step that was interrupted goes on by itself: what it says and when it ends is settled at its start.
    const says = variable(script, 'FAKE_SAYS');
    const endsAt = clock.now() + Number(variable(script, 'FAKE_MILLISECONDS') ?? 0);
    writeFileSync(started, JSON.stringify({ endsAt, status: Number(variable(script, 'FAKE_STATUS') ?? 0) }));
    appendFileSync(join(directory, 'log'), step.heading + (says === undefined ? '' : `${says}\n`));
  }
  for (let end = endOf(directory, step); end; end = endOf(directory, step)) {
    const left = end.endsAt - clock.now();
    if (left <= 0) return { type: 'exited', status: end.status, answer: '', outOfMemory: false };
    await reach(clock, end.endsAt, signal);
    if (existsSync(join(directory, 'killed')) || !existsSync(directory)) return died;
  }
  return died;
}

const died: StepEnd = { type: 'died', reason: 'its processes are gone' };

function endOf(directory: string, step: Step): { endsAt: number; status: number } | undefined {
  const path = join(directory, `${step.number}.started`);
  if (!existsSync(path)) return undefined;
  return JSON.parse(readFileSync(path, 'utf8')) as { endsAt: number; status: number };
}

function variable(script: string, name: string): string | undefined {
  const match = new RegExp(`\\b${name}=(?:'([^']*)'|(\\S+))`).exec(script);
  return match?.[1] ?? match?.[2];
}

function reach(clock: Clock, at: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.callAt(at, () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    const stop = () => {
      cancel();
      reject(signal.reason as Error);
    };
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
  });
}
