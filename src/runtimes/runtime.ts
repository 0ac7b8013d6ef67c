/**
 * Where customers' commands run. A runtime knows only folders, commands and exit statuses: nothing of builds or
 * pipelines.
 *
 * The life of a sandbox: `open` starts it in a folder of its own, or attaches to the one that an earlier life of the
 * server started there; it runs detached, so that the death of the server does not touch it. `perform` runs one
 * numbered step after another; a number that already ran answers with its recorded end, so a caller that lost its
 * memory simply performs the same steps again and nothing runs twice. `kill` ends every process of the sandbox and
 * may be called at any time, by anyone who knows the folder, as often as they like. What the commands print is
 * appended to one log file, together with each step's heading; it is complete when `kill` resolves, and until then may
 * be a moment behind.
 */

export interface Runtime {
  readonly name: string;
  /**
   * Why this machine cannot run it, in one sentence; `undefined` when it can. Asked once before the first `open`.
   * `inImage`: for a plan with an image; by default for one without.
   */
  problem(inImage?: boolean): Promise<string | undefined>;
  /** Throws when the sandbox cannot be started. */
  open(plan: SandboxPlan): Promise<Sandbox>;
  /** TERM to every process, KILL after the grace; resolves when none is left. A folder without sandbox is fine. */
  kill(directory: string, graceMs: number): Promise<void>;
  /** Absent where no plan may have an image. */
  readonly images?: Images;
}

/** The images of a container engine; what it refuses rejects with an `ImageProblem`. */
export interface Images {
  /** An image that is there, by its id. */
  find(reference: string): Promise<string | undefined>;
  /** Brings an image from its registry; returns its id. The credentials are kept nowhere. */
  pull(
    reference: string,
    credentials: { readonly username: string; readonly password: string } | undefined,
    signal: AbortSignal,
  ): Promise<string>;
  /** Why no build may have an engine of its own, with which it can become root of this machine. */
  readonly privilegedProblem: string | undefined;
}

/** An image that cannot be brought or started, in the engine's words; nothing of this server is to blame. */
export class ImageProblem extends Error {
  override readonly name = 'ImageProblem';
}

export interface ImagePlan {
  readonly id: string;
  /** With an engine of its own inside, and with the rights that this takes. */
  readonly isPrivileged: boolean;
}

export interface SandboxPlan {
  /** Names the sandbox on the machine: letters, digits and dashes. */
  readonly id: string;
  /** A folder for this sandbox alone; it must exist and be private to the server. */
  readonly directory: string;
  /** Where the commands find their writable workspace: `/codebuild`. */
  readonly workspace: string;
  readonly limits: Limits;
  /** Slipway's own URL; commands reach it unless the operator closed the network altogether. */
  readonly endpoint?: string;
  /** What the commands find around them; by default this machine's own tools. Not needed to attach again. */
  readonly image?: ImagePlan;
}

export interface Limits {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly processes: number;
  readonly diskBytes: number;
  readonly openFiles: number;
  /** After so long the sandbox ends itself, also when no server is left to end it. */
  readonly seconds: number;
}

export interface Step {
  /** From 1, rising; gaps are fine. */
  readonly number: number;
  /** Lines that the log shows before the step; may be empty. */
  readonly heading: string;
  /** Absent for a step that only prints its heading. */
  readonly script?: string;
  readonly shell?: 'sh' | 'bash';
  /** The script's standard output is its answer and does not go to the log. */
  readonly asks?: boolean;
}

export type StepEnd =
  | {
      readonly type: 'exited';
      readonly status: number;
      readonly answer: string;
      readonly outOfMemory: boolean;
    }
  /** The sandbox ended before the step did. */
  | { readonly type: 'died'; readonly reason: string };

export interface Sandbox {
  /** What bounds and separates this sandbox, for its log: one short line each. */
  readonly facts: readonly string[];
  /** True when this `open` found it already started. */
  readonly attached: boolean;
  /** The workspace as the commands see it, and where it lies for the server. */
  readonly workspace: string;
  readonly workspaceDirectory: string;
  /** A folder that commands see at `<workspace>/readonly` and cannot change. */
  readonly readonlyDirectory: string;
  /** HOME of the commands. */
  readonly home: string;
  /** Who must own what the server puts into the workspace; `undefined` when the server's own user is right. */
  readonly owner: Owner | undefined;
  readonly logFile: string;
  /** Runs a step, or learns how it ended. Rejects when `signal` is aborted; the step goes on. */
  perform(step: Step, signal: AbortSignal): Promise<StepEnd>;
  /** Forgets the sandbox without touching it. */
  release(): void;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Every step's number is below this. */
export const STEPS_MAX = 100_000;
export const ANSWER_LENGTH_MAX = 64 * 1024;
