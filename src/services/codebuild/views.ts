/** States of builds as CodeBuild's API and its events show them; pure. */

import type {
  Build,
  BuildArtifacts,
  ProjectCache,
  ProjectEnvironment,
  ProjectSource,
} from '@aws-sdk/client-codebuild';
import { arnOf } from '#base/arn.ts';
import { currentPhase } from '#core/build/decide.ts';
import type {
  ArtifactsPlan,
  AutoRetryPlan,
  BuildState,
  CachePlan,
  EnvironmentPlan,
  Phase,
  PhaseContext,
  SourcePlan,
} from '#core/build/state.ts';
import { s3LogPlace } from './s3-log.ts';
import type { Scope } from '#services/service.ts';

export function viewBuild(scope: Scope, state: BuildState, number: number): Build {
  const { plan, facts } = state;
  const completed = state.phases.find((phase) => phase.type === 'COMPLETED');
  return {
    id: plan.id,
    arn: plan.arn,
    buildNumber: number,
    startTime: new Date(state.startAt),
    ...(completed && { endTime: new Date(completed.startAt) }),
    currentPhase: currentPhase(state),
    buildStatus: state.status,
    buildComplete: state.isComplete,
    ...(plan.sourceVersion === undefined ? {} : { sourceVersion: plan.sourceVersion }),
    ...(facts.resolvedSourceVersion === undefined
      ? {}
      : { resolvedSourceVersion: facts.resolvedSourceVersion }),
    projectName: plan.projectName,
    phases: state.phases.map(viewPhase),
    source: viewSource(plan.source),
    secondarySources: plan.secondarySources.map(viewSource),
    secondarySourceVersions: plan.secondarySources.flatMap((source) =>
      source.version === undefined
        ? []
        : [{ sourceIdentifier: source.identifier, sourceVersion: source.version }],
    ),
    artifacts: viewArtifacts(state, plan.artifacts),
    secondaryArtifacts: plan.secondaryArtifacts.map((artifacts) => viewArtifacts(state, artifacts)),
    cache: viewCache(plan.cache),
    environment: viewEnvironment(plan.environment),
    serviceRole: plan.serviceRole,
    logs: viewLogs(scope, state),
    timeoutInMinutes: plan.timeoutMinutes,
    queuedTimeoutInMinutes: plan.queuedTimeoutMinutes,
    initiator: plan.initiator,
    encryptionKey: plan.encryptionKey,
    ...(facts.reportArns?.length && { reportArns: [...facts.reportArns] }),
    ...(plan.batch && { buildBatchArn: plan.batch.batchArn }),
    ...(plan.autoRetry && { autoRetryConfig: viewAutoRetry(state, plan.autoRetry) }),
    exportedEnvironmentVariables: (facts.exportedVariables ?? []).map((variable) => ({ ...variable })),
  };
}

function viewAutoRetry(
  state: BuildState,
  { limit, number, previousArn }: AutoRetryPlan,
): Build['autoRetryConfig'] {
  return {
    autoRetryLimit: limit,
    autoRetryNumber: number,
    ...(state.nextAutoRetry && { nextAutoRetry: state.nextAutoRetry }),
    ...(previousArn && { previousAutoRetry: previousArn }),
  };
}

export function viewEnvironment(environment: EnvironmentPlan): ProjectEnvironment {
  return {
    type: environment.type as 'LINUX_CONTAINER',
    image: environment.image,
    computeType: environment.computeType as 'BUILD_GENERAL1_SMALL',
    environmentVariables: environment.variables.map((variable) => ({ ...variable })),
    privilegedMode: environment.privileged,
    ...(environment.certificate && { certificate: environment.certificate }),
    ...(environment.fleet && { fleet: { fleetArn: environment.fleet } }),
    imagePullCredentialsType: 'CODEBUILD',
  };
}

function viewCache(cache: CachePlan | undefined): ProjectCache {
  if (!cache) return { type: 'NO_CACHE' };
  return {
    type: cache.type,
    ...(cache.location && { location: cache.location }),
    ...(cache.namespace && { cacheNamespace: cache.namespace }),
    ...(cache.modes.length > 0 && { modes: [...cache.modes] as ProjectCache['modes'] }),
  };
}

/** Of builds, batches and sandboxes alike. */
export function viewPhase<Type extends string, Status extends string>(phase: {
  readonly type: Type;
  readonly startAt: number;
  readonly status?: Status | undefined;
  readonly endAt?: number | undefined;
  readonly contexts?: readonly PhaseContext[] | undefined;
}) {
  return {
    phaseType: phase.type,
    startTime: new Date(phase.startAt),
    ...(phase.status && { phaseStatus: phase.status }),
    ...(phase.endAt !== undefined && {
      endTime: new Date(phase.endAt),
      durationInSeconds: Math.floor((phase.endAt - phase.startAt) / 1000),
    }),
    ...(phase.contexts && { contexts: phase.contexts.map((context) => ({ ...context })) }),
  };
}

export function viewSource(source: SourcePlan): ProjectSource {
  return {
    type: source.type as 'S3',
    ...(source.location && { location: source.location }),
    ...(source.buildspec && { buildspec: source.buildspec }),
    ...(source.gitCloneDepth && { gitCloneDepth: source.gitCloneDepth }),
    ...(source.identifier && { sourceIdentifier: source.identifier }),
    insecureSsl: source.insecureSsl ?? false,
    ...(source.fetchSubmodules && { gitSubmodulesConfig: { fetchSubmodules: true } }),
    ...(source.reportBuildStatus && { reportBuildStatus: true }),
    ...(source.buildStatus && { buildStatusConfig: { ...source.buildStatus } }),
    ...(source.auth && { auth: { ...source.auth, type: source.auth.type as 'OAUTH' } }),
  };
}

/** The location is known once the artifacts are there. */
function viewArtifacts(state: BuildState, plan: ArtifactsPlan): BuildArtifacts {
  const uploaded = state.facts.artifacts?.find((artifact) => artifact.identifier === plan.identifier);
  return {
    location: uploaded?.location ?? '',
    ...(uploaded?.sha256 && { sha256sum: uploaded.sha256 }),
    ...(uploaded?.md5 && { md5sum: uploaded.md5 }),
    ...(plan.identifier && { artifactIdentifier: plan.identifier }),
    ...(plan.overrideName && { overrideArtifactName: true }),
    ...(plan.type === 'S3' && { encryptionDisabled: plan.encryptionDisabled ?? false }),
  };
}

type Logged = Pick<BuildState, 'plan' | 'isComplete'> & {
  readonly phases: readonly { readonly type: string; readonly status?: string }[];
};

/** The stream exists from PROVISIONING on. */
export function viewLogs(scope: Scope, state: Logged): Build['logs'] {
  const { logs } = state.plan;
  const s3 = viewS3Logs(state);
  if (!logs) return { cloudWatchLogs: { status: 'DISABLED' }, ...s3 };
  const { groupName, streamName } = logs;
  const isThere = state.phases.some((phase) => phase.type === 'PROVISIONING' && phase.status === 'SUCCEEDED');
  const resource = `log-group:${groupName}:log-stream:${streamName}`;
  return {
    ...(isThere && {
      groupName,
      streamName,
      cloudWatchLogsArn: arnOf('logs', scope.region, scope.account, resource),
    }),
    cloudWatchLogs: { status: 'ENABLED' },
    ...s3,
  };
}

/** The object is there when the build is complete. */
function viewS3Logs({ plan, isComplete }: Logged): NonNullable<Build['logs']> {
  const place = s3LogPlace(plan);
  if (!place || !plan.s3Logs) return { s3Logs: { status: 'DISABLED' } };
  return {
    ...(isComplete && { s3LogsArn: `arn:aws:s3:::${place.bucket}/${place.key}` }),
    s3Logs: { status: 'ENABLED', ...plan.s3Logs },
  };
}

/** The detail of `CodeBuild Build State Change`, with the odd dates and contexts that AWS sends. */
export function viewChange(
  state: BuildState,
  number: number,
  change: 'STARTED' | 'GOING' | 'ENDED',
): Readonly<Record<string, unknown>> {
  const { plan, facts } = state;
  const phases = change === 'STARTED' ? state.phases.slice(0, 1) : state.phases;
  const last = phases.at(-1);
  const primary = facts.artifacts?.find((artifact) => artifact.identifier === undefined);
  return {
    'build-status': change === 'STARTED' ? 'IN_PROGRESS' : eventStatus(state),
    'project-name': plan.projectName,
    'build-id': plan.arn,
    'additional-information': {
      cache: viewCache(plan.cache),
      'build-number': number,
      'timeout-in-minutes': plan.timeoutMinutes,
      'queued-timeout-in-minutes': plan.queuedTimeoutMinutes,
      'build-complete': change === 'ENDED',
      initiator: plan.initiator,
      'build-start-time': eventDate(state.startAt),
      source: {
        'report-build-status': plan.source.reportBuildStatus ?? false,
        ...(plan.source.buildspec && { buildspec: plan.source.buildspec }),
        ...(plan.source.location && { location: plan.source.location }),
        type: plan.source.type,
      },
      ...(plan.sourceVersion && { 'source-version': plan.sourceVersion }),
      artifact: {
        ...(primary?.md5 && { md5sum: primary.md5 }),
        ...(primary?.sha256 && { sha256sum: primary.sha256 }),
        location: primary?.location ?? '',
      },
      environment: {
        image: plan.environment.image,
        'privileged-mode': plan.environment.privileged,
        'image-pull-credentials-type': 'CODEBUILD',
        'compute-type': plan.environment.computeType,
        type: plan.environment.type,
        'environment-variables': plan.environment.variables,
      },
      'project-file-system-locations': [],
      ...(plan.logs && {
        logs: { 'group-name': plan.logs.groupName, 'stream-name': plan.logs.streamName },
      }),
      phases: phases.map((phase) => ({
        ...(phase.status && { 'phase-context': contextTexts(phase) }),
        'start-time': eventDate(phase.startAt),
        ...(phase.endAt !== undefined && {
          'end-time': eventDate(phase.endAt),
          'duration-in-seconds': Math.floor((phase.endAt - phase.startAt) / 1000),
        }),
        'phase-type': phase.type,
        ...(phase.status && { 'phase-status': phase.status }),
      })),
    },
    'current-phase': last?.type,
    'current-phase-context': `[${last ? contextTexts(last).join(', ') : ''}]`,
    version: '1',
  };
}

/** The detail of `CodeBuild Build Phase Change`. */
export function viewPhaseChange(
  state: BuildState,
  number: number,
  phase: Phase,
): Readonly<Record<string, unknown>> {
  const {
    'build-status': _status,
    'current-phase': _phase,
    'current-phase-context': _context,
    ...detail
  } = viewChange(state, number, state.isComplete ? 'ENDED' : 'GOING');
  return {
    ...detail,
    'completed-phase': phase.type,
    'completed-phase-context': `[${contextTexts(phase).join(', ')}]`,
    'completed-phase-status': phase.status,
    'completed-phase-duration-seconds': Math.floor(((phase.endAt ?? phase.startAt) - phase.startAt) / 1000),
    'completed-phase-start': eventDate(phase.startAt),
    'completed-phase-end': eventDate(phase.endAt ?? phase.startAt),
  };
}

/** Rules that alert on FAILED must also hear of builds that timed out or were faulted. */
function eventStatus({ status }: BuildState): string {
  return status === 'TIMED_OUT' || status === 'FAULT' ? 'FAILED' : status;
}

function contextTexts(phase: Phase): string[] {
  return (phase.contexts ?? []).map(({ statusCode, message }) => `${statusCode}: ${message}`);
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Mar 4, 2026 10:14:02 AM`, in UTC. */
function eventDate(at: number): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, '0');
  const hour = date.getUTCHours();
  const time = `${hour % 12 || 12}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} ${hour < 12 ? 'AM' : 'PM'}`;
  return `${MONTHS[date.getUTCMonth()]} ${date.getUTCDate()}, ${date.getUTCFullYear()} ${time}`;
}
