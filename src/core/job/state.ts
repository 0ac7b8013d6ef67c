/**
 * The vocabulary of work that workers do: custom actions, third-party actions. One machine is the work of one action
 * execution. It is offered as a job; a worker that reports success with a continuation token ends that job and
 * thereby makes the next one. Ids and nonces are secrets of those who work, so they derive from chance.
 *
 *   Queued ◀──60 s──┐                                      ┌─▶ Succeeded (─▶ with a token: the next job, Queued)
 *     └── poll ─▶ Dispatched ── acknowledge ─▶ InProgress ─┴─▶ Failed
 *        (any of the three: TimedOut at the deadline, Failed when withdrawn)
 *
 * AWS has also the status Created; here a job is queued in the decision that creates it.
 */

import type { ActionTypeId } from '#core/pipeline/definition/declaration.ts';
import type { ActionAddress, ExternalReference } from '#core/pipeline/events.ts';
import type { ActionErrorCode, NamedArtifact, SourceRevision } from '#core/pipeline/state.ts';

export type JobStatus = 'Queued' | 'Dispatched' | 'InProgress' | 'TimedOut' | 'Succeeded' | 'Failed';

export interface State {
  /** Absent when the work was withdrawn before it was asked for; then it never begins. */
  readonly work?: Work;
  /** The present one, or the last; those before it succeeded. */
  readonly job?: Job;
  /** Jobs that this work has had. */
  readonly jobCount: number;
  /** What workers told so far, and how much of it the pipeline was told. */
  readonly progress: Progress;
  readonly isWithdrawn: boolean;
}

/** Everything about the work, fixed when it is asked for. Secrets in the configuration are sealed. */
export interface Work extends ActionAddress {
  /** The machine of the pipeline. */
  readonly pipelineId: string;
  readonly pipeline: string;
  readonly actionType: ActionTypeId;
  /** The value by which polls choose; absent for a type without a queryable property. */
  readonly queryValue?: string;
  readonly urls: UrlTemplates;
  readonly roleArn: string;
  readonly configuration: Readonly<Record<string, string>>;
  readonly inputs: readonly NamedArtifact[];
  readonly outputs: readonly NamedArtifact[];
  readonly encryptionKey?: string;
  /** Of a source: the revision that somebody named, or that an earlier run of the action had. */
  readonly revisionId?: string;
  /** When the job times out. */
  readonly deadline: number;
}

export interface UrlTemplates {
  readonly entity?: string;
  readonly execution?: string;
  readonly revision?: string;
}

export interface Job {
  readonly id: string;
  readonly status: JobStatus;
  /** When it got this status. */
  readonly since: number;
  /** Of the last dispatch. */
  readonly nonce?: string;
  /** What the worker of the previous job handed on. */
  readonly continuationToken?: string;
}

export interface Progress {
  readonly reference: ExternalReference;
  /** Rises with everything that is told. */
  readonly count: number;
  /** The order under way, so that tellings do not overtake each other. */
  readonly telling?: number;
}

/** What a worker says about the work as it stands. */
export interface JobDetails {
  readonly summary?: string;
  readonly externalId?: string;
  readonly percentComplete?: number;
}

export type WorkRevision = Pick<SourceRevision, 'revisionId' | 'changeId' | 'summary' | 'createdAt'>;

export type Event =
  | { readonly type: 'WorkRequested'; readonly work: Work }
  /** A worker asks for this job; the answer has a nonce if it is given to this worker. */
  | { readonly type: 'JobPolled'; readonly jobId: string }
  | { readonly type: 'JobAcknowledged'; readonly jobId: string; readonly nonce: string }
  | {
      readonly type: 'JobSucceeded';
      readonly jobId: string;
      readonly details: JobDetails;
      readonly outputVariables: Readonly<Record<string, string>>;
      readonly revision?: WorkRevision;
      /** The work goes on with another job. */
      readonly continuationToken?: string;
    }
  | {
      readonly type: 'JobFailed';
      readonly jobId: string;
      readonly code: ActionErrorCode;
      readonly message: string;
      readonly details: JobDetails;
    }
  /** The job cannot be given to anybody, as the role does not allow what its worker needs. */
  | {
      readonly type: 'JobRefused';
      readonly jobId: string;
      readonly code: ActionErrorCode;
      readonly message: string;
    }
  /** The action ended without a result; work that a worker has begun may end by itself if so asked. */
  | { readonly type: 'WorkWithdrawn'; readonly onlyUnacknowledged: boolean }
  | { readonly type: 'ProgressReported'; readonly count: number };

export type Effect =
  /** Tells the pipeline how far the work is. */
  | {
      readonly type: 'ReportProgress';
      readonly work: Work;
      readonly count: number;
      readonly reference: ExternalReference;
    }
  /** Tells the pipeline how the work ended, once the outputs are seen to be there. */
  | { readonly type: 'ReportEnd'; readonly work: Work; readonly end: WorkEnd };

export type WorkEnd = { readonly reference: ExternalReference } & (
  | {
      readonly type: 'Succeeded';
      readonly outputVariables: Readonly<Record<string, string>>;
      readonly revision?: WorkRevision;
    }
  | { readonly type: 'Failed'; readonly code: ActionErrorCode; readonly message: string }
);
