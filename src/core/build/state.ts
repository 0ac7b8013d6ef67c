/**
 * The words of a build: what it was asked to do, where it is, what may happen to it, and what it orders. Names are
 * those of CodeBuild's API, so that an answer is a plain view of the state.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details.html
 */

import type { BatchPart, BatchSpec } from '#core/batch/batch-spec.ts';
import type { CommandPhase } from '#core/buildspec/buildspec.ts';

export const PHASES = [
  'SUBMITTED',
  'QUEUED',
  'PROVISIONING',
  'DOWNLOAD_SOURCE',
  'INSTALL',
  'PRE_BUILD',
  'BUILD',
  'POST_BUILD',
  'UPLOAD_ARTIFACTS',
  'FINALIZING',
  'COMPLETED',
] as const;

export type PhaseType = (typeof PHASES)[number];
export type PhaseStatus = 'SUCCEEDED' | 'FAILED' | 'FAULT' | 'TIMED_OUT' | 'STOPPED';
export type BuildStatus = 'IN_PROGRESS' | PhaseStatus;

export interface PhaseContext {
  readonly statusCode: string;
  readonly message: string;
}

export interface Phase {
  readonly type: PhaseType;
  readonly startAt: number;
  /** Absent for the phase that is current. */
  readonly status?: PhaseStatus;
  readonly endAt?: number;
  readonly contexts?: readonly PhaseContext[];
}

/** Everything a build does, fixed when it is asked for; later changes of its project do not touch it. */
export interface BuildPlan {
  /** `<project>:<uuid>` */
  readonly id: string;
  readonly uuid: string;
  readonly arn: string;
  readonly projectName: string;
  readonly initiator: string;
  readonly source: SourcePlan;
  readonly secondarySources: readonly SourcePlan[];
  readonly sourceVersion?: string;
  readonly artifacts: ArtifactsPlan;
  readonly secondaryArtifacts: readonly ArtifactsPlan[];
  readonly environment: EnvironmentPlan;
  readonly serviceRole: string;
  readonly encryptionKey: string;
  readonly timeoutMinutes: number;
  readonly queuedTimeoutMinutes: number;
  /** `undefined` when CloudWatch logs are disabled. */
  readonly logs?: { readonly groupName: string; readonly streamName: string };
  readonly s3Logs?: { readonly location: string; readonly encryptionDisabled: boolean };
  /** Of a build without a project: the pipeline whose commands it runs. */
  readonly pipeline?: PipelinePlan;
  readonly cache?: CachePlan;
  readonly autoRetry?: AutoRetryPlan;
  /** Of a build that a batch started. */
  readonly batch?: BatchPart;
  /** Variables that only a webhook knows, such as who pushed; by name. */
  readonly webhook?: Readonly<Record<string, string>>;
}

export interface CachePlan {
  readonly type: 'S3' | 'LOCAL';
  /** Of S3: `bucket` or `bucket/prefix`. */
  readonly location?: string;
  readonly namespace?: string;
  /** Of LOCAL, as the API names them. */
  readonly modes: readonly string[];
}

/** A build that fails is started again, `limit` times at most; this one is number `number`, from 0. */
export interface AutoRetryPlan {
  readonly limit: number;
  readonly number: number;
  readonly previousArn?: string;
}

export interface PipelinePlan {
  readonly arn: string;
  readonly name: string;
  /** ARNs, in the order in which they are taken on; the last acts. */
  readonly roles: readonly string[];
}

export interface SourcePlan {
  /** As the API names it; those that cannot be fetched yet fail in DOWNLOAD_SOURCE. */
  readonly type: string;
  readonly location?: string;
  /** File path, inline text or ARN, for the primary source. */
  readonly buildspec?: string;
  readonly gitCloneDepth?: number;
  readonly fetchSubmodules?: boolean;
  readonly insecureSsl?: boolean;
  readonly auth?: { readonly type: string; readonly resource?: string };
  /** Told to the provider, if the project wants it or a webhook started the build. */
  readonly reportBuildStatus?: boolean;
  readonly buildStatus?: { readonly context?: string; readonly targetUrl?: string };
  /** Only and always for secondary sources. */
  readonly identifier?: string;
  readonly version?: string;
}

export interface ArtifactsPlan {
  readonly type: 'CODEPIPELINE' | 'S3' | 'NO_ARTIFACTS';
  readonly location?: string;
  readonly path?: string;
  readonly namespaceType?: 'NONE' | 'BUILD_ID';
  readonly name?: string;
  readonly packaging?: 'NONE' | 'ZIP';
  readonly overrideName?: boolean;
  readonly encryptionDisabled?: boolean;
  /** Only and always for secondary artifacts. */
  readonly identifier?: string;
}

export interface EnvironmentPlan {
  /** What was asked for and cannot be given here, in one sentence; the build fails in PROVISIONING with it. */
  readonly unsupported?: string;
  /** Where in S3 a certificate lies that the build trusts. */
  readonly certificate?: string;
  /** ARN of the fleet in which it runs. */
  readonly fleet?: string;
  readonly type: string;
  readonly image: string;
  /** Name or ARN of the secret with user and password of the image's registry. */
  readonly registryCredential?: string;
  readonly computeType: string;
  readonly privileged: boolean;
  readonly variables: readonly {
    readonly name: string;
    readonly value: string;
    readonly type: 'PLAINTEXT' | 'PARAMETER_STORE' | 'SECRETS_MANAGER';
  }[];
}

/** What became known while the build ran. */
export interface BuildFacts {
  readonly resolvedSourceVersion?: string;
  /** Command phases that have commands; the others pass at once. */
  readonly commandPhases?: readonly CommandPhase[];
  readonly onFailure?: Readonly<Partial<Record<CommandPhase, 'ABORT' | 'CONTINUE'>>>;
  /** Git in its commands may ask how to log in. */
  readonly gitCredentialHelper?: boolean;
  readonly exportedVariables?: readonly { readonly name: string; readonly value: string }[];
  readonly artifacts?: readonly ArtifactFacts[];
  readonly reportArns?: readonly string[];
  /** What the first build of a batch read. */
  readonly batch?: BatchSpec;
}

export interface ArtifactFacts {
  readonly identifier?: string;
  /** `arn:aws:s3:::bucket/key` */
  readonly location: string;
  readonly sha256?: string;
  readonly md5?: string;
}

export interface BuildWorker {
  readonly id: string;
  /** What people call it. */
  readonly name: string;
}

export interface BuildState {
  readonly plan: BuildPlan;
  readonly phases: readonly Phase[];
  readonly status: BuildStatus;
  readonly isComplete: boolean;
  readonly startAt: number;
  /** When the queue's clock or the build's clock runs out. */
  readonly deadlineAt: number;
  readonly facts: BuildFacts;
  /** Who has it, from PROVISIONING on; only there it can go on. */
  readonly worker?: BuildWorker;
  /** Its processes are being ended; what the build will be once none is left. */
  readonly ending?: 'STOPPED' | 'TIMED_OUT' | 'FAULT';
  /** ARN of the build that was started because this one failed. */
  readonly nextAutoRetry?: string;
}

export type BuildEvent =
  | { readonly type: 'BuildRequested'; readonly plan: BuildPlan }
  /** A worker has room for it, and keeps that for it. */
  | { readonly type: 'BuildPlaced'; readonly worker: BuildWorker }
  /** The worker that had it gives no sign of life any more. */
  | { readonly type: 'WorkerLost'; readonly workerId: string }
  | {
      readonly type: 'PhaseEnded';
      readonly phase: PhaseType;
      /** Who says so; it may have lost the build meanwhile. */
      readonly workerId?: string;
      readonly status: 'SUCCEEDED' | 'FAILED' | 'FAULT';
      readonly context: PhaseContext;
      /** The sandbox is no more, so nothing can follow. */
      readonly isLast: boolean;
      readonly facts: BuildFacts;
    }
  | { readonly type: 'StopRequested' }
  /** No process of the build is left. */
  | { readonly type: 'BuildKilled' }
  | { readonly type: 'AutoRetryStarted'; readonly arn: string };

export type BuildEffect =
  /** Waits until the build is placed. */
  | { readonly type: 'PlaceBuild' }
  /** Runs the build from where it is to its end, where it was placed; long-lived. */
  | { readonly type: 'RunBuild'; readonly place?: string }
  /** Ends whatever runs for the build, then tells so. */
  | { readonly type: 'KillBuild'; readonly place?: string }
  /** Starts the build again, as another build. */
  | { readonly type: 'StartAutoRetry' }
  /** Tells the provider of the repository of its commit's status. */
  | { readonly type: 'ReportStatus'; readonly change: 'PENDING' | 'ENDED' }
  /** Tells the house that a phase ended. */
  | { readonly type: 'PublishPhase'; readonly phase: PhaseType }
  /** Tells the house of a new status. */
  | { readonly type: 'PublishChange'; readonly at: number; readonly change: 'STARTED' | 'ENDED' };
