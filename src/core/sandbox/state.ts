/**
 * The words of an interactive sandbox: the environment of a project without its build, in which whoever debugs runs one
 * command after the other. What it was started with is told in the words of a build.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/sandbox.html
 */

import type { BuildPlan, BuildWorker, PhaseContext } from '#core/build/state.ts';

export const SANDBOX_PHASES = [
  'SUBMITTED',
  'QUEUED',
  'PROVISIONING',
  'DOWNLOAD_SOURCE',
  'RUN_SANDBOX',
  'COMPLETED',
] as const;

export type SandboxPhaseType = (typeof SANDBOX_PHASES)[number];
export type SandboxEnding = 'STOPPED' | 'TIMED_OUT' | 'FAILED' | 'FAULT';
export type SandboxPhaseStatus = 'SUCCEEDED' | SandboxEnding;

export interface SandboxPhase {
  readonly type: SandboxPhaseType;
  readonly startAt: number;
  /** Absent for the phase that is current. */
  readonly status?: SandboxPhaseStatus;
  readonly endAt?: number;
  readonly contexts?: readonly PhaseContext[];
}

/** A command that has not ended; those that have are rows of the room. */
export interface SandboxCommand {
  readonly id: string;
  /** From 1, in the order in which they were asked for and run. */
  readonly number: number;
  readonly text: string;
  readonly submitAt: number;
  readonly startAt?: number;
}

export interface SandboxState {
  /** Its id and ARN are the sandbox's. */
  readonly plan: BuildPlan;
  readonly phases: readonly SandboxPhase[];
  readonly requestAt: number;
  /** When the queue's clock or the sandbox's clock runs out. */
  readonly deadlineAt: number;
  readonly isComplete: boolean;
  /** Its processes are being ended; what the sandbox will have been once none is left. */
  readonly ending?: SandboxEnding;
  /** Who has it; only there it can go on. */
  readonly worker?: BuildWorker;
  readonly resolvedSourceVersion?: string;
  readonly commandCount: number;
  /** Oldest first; the first one runs. */
  readonly commands: readonly SandboxCommand[];
}

export type SandboxEvent =
  | { readonly type: 'SandboxRequested'; readonly plan: BuildPlan }
  /** A node takes it. */
  | { readonly type: 'SandboxPlaced'; readonly worker: BuildWorker }
  /** The node that had it gives no sign of life any more. */
  | { readonly type: 'WorkerLost'; readonly workerId: string }
  | {
      readonly type: 'PhaseEnded';
      readonly phase: SandboxPhaseType;
      readonly status: 'SUCCEEDED' | 'FAILED' | 'FAULT';
      readonly context: PhaseContext;
      readonly resolvedSourceVersion?: string;
    }
  | { readonly type: 'CommandRequested'; readonly commandId: string; readonly text: string }
  | { readonly type: 'CommandStarted'; readonly commandId: string }
  | {
      readonly type: 'CommandEnded';
      readonly commandId: string;
      readonly exitCode: number;
      readonly standardOutput: string;
      readonly standardError: string;
    }
  | { readonly type: 'StopRequested' }
  /** No process of the sandbox is left. */
  | { readonly type: 'SandboxKilled' };

export type SandboxEffect =
  /** Finds a node for the sandbox. */
  | { readonly type: 'PlaceSandbox' }
  /** Brings the sandbox up and runs its commands until it is ended, where it was placed; long-lived. */
  | { readonly type: 'RunSandbox'; readonly place?: string }
  /** Ends whatever runs for the sandbox, then tells so. */
  | { readonly type: 'KillSandbox'; readonly place?: string };

/** Commands that one sandbox takes in its life, and those that may wait in it. */
export const COMMANDS_MAX = 500;
export const COMMANDS_WAITING_MAX = 50;
