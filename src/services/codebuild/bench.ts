/**
 * The place where one build is worked on: its folder, its sandbox, its role, its log. Made anew whenever the build is
 * taken up again. Steps are numbered by phase, so a phase that is performed again gives its steps the same numbers,
 * and the sandbox answers those that already ran.
 */

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  PHASES,
  type BuildFacts,
  type BuildPlan,
  type PhaseContext,
  type PhaseType,
} from '#core/build/state.ts';
import type { Sandbox, StepEnd } from '#runtimes/runtime.ts';
import type { Assumed } from '#services/service.ts';
import type { Room } from './room.ts';

export const STEPS_PER_PHASE_MAX = 5000;

export interface Bench {
  readonly room: Room;
  readonly plan: BuildPlan;
  /** The build's number in its project. */
  readonly number: number;
  readonly startAt: number;
  readonly directory: string;
  readonly sandbox: Sandbox;
  /** Aborted when somebody else takes over. */
  readonly signal: AbortSignal;
  /** The build's service role, never about to expire. */
  role(): Promise<Assumed>;
  /** A line of the log, shown before the next step. */
  say(text: string): void;
  /** The same, without the mark and time of the container. */
  sayPlain(text: string): void;
  /** What was said since the last step. */
  takeSaid(): string;
  run(script: string, shell?: 'sh' | 'bash'): Promise<Exited>;
  /** The script's standard output is the answer. */
  ask(script: string, shell?: 'sh' | 'bash'): Promise<Exited>;
  /** Writes what was said, if anything was. */
  flush(): Promise<void>;
}

export type Exited = Extract<StepEnd, { type: 'exited' }>;

/** Ends the phase that throws it; an outcome of the build, told in its phase. */
export class PhaseFailure extends Error {
  override readonly name = 'PhaseFailure';
  readonly status: 'FAILED' | 'FAULT';
  readonly context: PhaseContext;
  /** The sandbox is gone. */
  readonly isLast: boolean;
  /** What became known nevertheless. */
  readonly facts: BuildFacts;

  constructor(
    statusCode: string,
    message: string,
    more: { status?: 'FAULT'; isLast?: boolean; facts?: BuildFacts } = {},
  ) {
    super(message);
    this.context = { statusCode, message };
    this.status = more.status ?? 'FAILED';
    this.isLast = more.isLast ?? false;
    this.facts = more.facts ?? {};
  }
}

export interface BenchParts {
  readonly room: Room;
  readonly plan: BuildPlan;
  readonly number: number;
  readonly startAt: number;
  readonly directory: string;
  readonly sandbox: Sandbox;
  readonly signal: AbortSignal;
  readonly role: () => Promise<Assumed>;
  readonly phase: PhaseType;
  /** The number before that of the first step, when the phase alone does not tell it. */
  readonly stepsBefore?: number;
}

export function createBench(parts: BenchParts): Bench {
  const { room, sandbox, signal } = parts;
  let stepNumber = parts.stepsBefore ?? PHASES.indexOf(parts.phase) * STEPS_PER_PHASE_MAX;
  let said = '';
  const step = async (script: string | undefined, shell: 'sh' | 'bash', asks: boolean): Promise<Exited> => {
    const heading = said;
    said = '';
    stepNumber++;
    if (!room.isHeard()) throw new Error('this node has been silent for so long that its builds may be lost');
    const end = await sandbox.perform(
      { number: stepNumber, heading, shell, asks, ...(script === undefined ? {} : { script }) },
      signal,
    );
    if (end.type === 'exited') return end;
    throw lostSandbox(end.reason);
  };
  const bench: Bench = {
    ...parts,
    say(text) {
      said += containerLine(room.house.clock.now(), text);
    },
    sayPlain(text) {
      said += `${text}\n`;
    },
    takeSaid() {
      const taken = said;
      said = '';
      return taken;
    },
    run: (script, shell = 'sh') => step(script, shell, false),
    ask: (script, shell = 'sh') => step(script, shell, true),
    async flush() {
      if (said !== '') await step(undefined, 'sh', false);
    },
  };
  return bench;
}

/** A sandbox ends early because of what ran in it, or because its machine went down. */
function lostSandbox(reason: string): PhaseFailure {
  if (reason.includes('memory') || reason.includes('disk')) {
    return new PhaseFailure(
      'CLIENT_ERROR',
      `Build container found dead before completing the build. Build container died because ${reason}`,
      { isLast: true },
    );
  }
  return new PhaseFailure(
    'INTERNAL_SERVICE_ERROR',
    `Build container found dead before completing the build: ${reason}`,
    { status: 'FAULT', isLast: true },
  );
}

/** `[Container] 2026/03/04 10:14:05.100000 text`, in UTC, as CodeBuild writes it. */
export function containerLine(at: number, text: string): string {
  const stamp = new Date(at).toISOString().replaceAll('-', '/').replace('T', ' ').replace('Z', '000');
  return `[Container] ${stamp} ${text}\n`;
}

export function buildDirectory(room: Room, uuid: string): string {
  return join(room.workplace.directory, 'codebuild', 'builds', uuid);
}

/** What a later life of the server must know of the build, kept beside its sandbox. */
export function keep(directory: string, name: string, value: unknown): void {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `${name}.json`);
  writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export function recall<Value>(directory: string, name: string): Value | undefined {
  const path = join(directory, `${name}.json`);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Value) : undefined;
}
