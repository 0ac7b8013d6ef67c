/**
 * The words of a batch build: what it was asked to do, which builds it is made of, what may happen to it, and what it
 * orders. Names are those of CodeBuild's API.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/batch-build.html
 */

import type { ArtifactFacts, BuildStatus, PhaseContext, PhaseStatus } from '#core/build/state.ts';
import type { BatchBuild, BatchSpec } from './batch-spec.ts';
import type { BatchLimits } from './limits.ts';

export type BatchPhaseType =
  | 'SUBMITTED'
  | 'DOWNLOAD_BATCHSPEC'
  | 'IN_PROGRESS'
  | 'COMBINE_ARTIFACTS'
  /** The last phase is the outcome itself. */
  | BatchOutcome;

export type BatchOutcome = 'SUCCEEDED' | 'FAILED' | 'STOPPED';

export interface BatchPhase {
  readonly type: BatchPhaseType;
  readonly startAt: number;
  /** Absent for the phase that is current. */
  readonly status?: PhaseStatus;
  readonly endAt?: number;
  readonly contexts?: readonly PhaseContext[];
}

/** What decisions need to know; how the builds are made is the room's to remember. */
export interface BatchPlan {
  /** `<project>:<uuid>` */
  readonly id: string;
  readonly uuid: string;
  readonly arn: string;
  readonly projectName: string;
  readonly timeoutMinutes: number;
  readonly combinesArtifacts: boolean;
  /** The provider of the source hears of the batch as of one build. */
  readonly reportsStatus: boolean;
  readonly limits: BatchLimits;
}

/** One build of the batch, with all that were started for it. */
export interface Group {
  readonly build: BatchBuild;
  readonly progress: 'WAITING' | 'STARTING' | 'RUNNING' | 'ENDED';
  /** How often it was begun; with the identifier this makes the id of the build. */
  readonly attempt: number;
  /** From STARTING on, but not when it could not be started. */
  readonly current?: BuildSummary;
  readonly prior: readonly BuildSummary[];
  /** Why it could not be started. */
  readonly problem?: string;
}

export interface BuildSummary {
  /** Of the build: `<project>:<uuid>`, known before it is started. */
  readonly buildId: string;
  readonly requestedAt: number;
  readonly status: BuildStatus;
  readonly artifacts: readonly ArtifactFacts[];
  readonly reportArns: readonly string[];
}

export interface BatchState {
  readonly plan: BatchPlan;
  readonly phases: readonly BatchPhase[];
  readonly status: BuildStatus;
  readonly isComplete: boolean;
  readonly startAt: number;
  readonly deadlineAt: number;
  /** How often it was retried. */
  readonly round: number;
  /** The build that fetches the source and reads the batch section, before all others. */
  readonly root: Group;
  readonly groups: readonly Group[];
  readonly fastFail: boolean;
  /** How many builds may be on their way to their start at the same time. */
  readonly pace: number;
  /** Until then nothing is started: there was no room in the queue. */
  readonly tryAt?: number;
  /** When the builds are looked at, in case that news of them were lost; while any runs. */
  readonly checkAt?: number;
  /** Nothing more is started; what the batch will be once nothing runs any more. */
  readonly ending?: 'STOPPED' | 'TIMED_OUT' | 'FAILED';
  /** All builds have ended; what is made of them. */
  readonly closing?: 'REPORTS' | 'ARTIFACTS';
  readonly resolvedSourceVersion?: string;
  readonly reportArns: readonly string[];
  /** The one artifact that was made of all. */
  readonly combined?: ArtifactFacts;
}

/** How a build went, as its batch must know it. */
export interface BuildEnd {
  readonly buildId: string;
  readonly status: PhaseStatus;
  readonly artifacts: readonly ArtifactFacts[];
  readonly reportArns: readonly string[];
  /** Why it failed. */
  readonly context?: PhaseContext;
  readonly resolvedSourceVersion?: string;
  /** Only of the root. */
  readonly batch?: BatchSpec;
}

export type RetryType = 'RETRY_ALL_BUILDS' | 'RETRY_FAILED_BUILDS';

export type BatchEvent =
  | { readonly type: 'BatchRequested'; readonly plan: BatchPlan }
  | { readonly type: 'BuildStarted'; readonly buildId: string }
  | {
      readonly type: 'BuildRefused';
      readonly buildId: string;
      readonly message: string;
      /** It may be taken later. */
      readonly isPassing: boolean;
    }
  | { readonly type: 'BuildsEnded'; readonly ends: readonly BuildEnd[] }
  | { readonly type: 'ReportsMerged'; readonly round: number; readonly arns: readonly string[] }
  | { readonly type: 'ArtifactsCombined'; readonly round: number; readonly artifact?: ArtifactFacts }
  | { readonly type: 'CombiningFailed'; readonly round: number; readonly context: PhaseContext }
  | { readonly type: 'StopRequested' }
  | { readonly type: 'RetryRequested'; readonly retryType: RetryType };

export type BatchEffect =
  | { readonly type: 'StartBuild'; readonly buildId: string }
  | { readonly type: 'StopBuild'; readonly buildId: string }
  /** Looks at the builds that run. */
  | { readonly type: 'CheckBuilds' }
  /** Makes one report for each report group out of those of the builds. */
  | { readonly type: 'MergeReports'; readonly round: number }
  | { readonly type: 'CombineArtifacts'; readonly round: number }
  /** Tells the provider of the source. */
  | { readonly type: 'ReportStatus'; readonly change: 'PENDING' | 'ENDED' }
  /** Tells the house of a new status. */
  | {
      readonly type: 'PublishChange';
      readonly at: number;
      readonly round: number;
      readonly change: 'STARTED' | 'ENDED';
    };
