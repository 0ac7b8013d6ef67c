/**
 * What a build will do: its project's settings with the overrides of StartBuild, fixed from now on. Overrides never
 * touch the project. Whatever AWS accepts and this house cannot do yet is accepted too, and fails in PROVISIONING with
 * its reason, so that infrastructure code applies unchanged.
 */

import type {
  EnvironmentVariable,
  ProjectArtifacts,
  ProjectSource,
  StartBuildInput,
} from '@aws-sdk/client-codebuild';
import { arnOf } from '#base/arn.ts';
import type {
  ArtifactsPlan,
  AutoRetryPlan,
  BuildPlan,
  CachePlan,
  EnvironmentPlan,
  SourcePlan,
} from '#core/build/state.ts';
import { principalArn, type Principal } from '#core/policy/principal.ts';
import type { Call } from '#services/service.ts';
import {
  AUTO_RETRIES_MAX,
  checkArtifacts,
  checkCache,
  checkRange,
  checkRole,
  checkSource,
  invalid,
  QUEUED_TIMEOUT_MINUTES_DEFAULT,
  TIMEOUT_MINUTES_DEFAULT,
  type ProjectSettings,
} from './settings.ts';

export const PIPELINE_SERVICE = 'codepipeline.amazonaws.com';
export const PIPELINE_SESSION = 'codepipeline-';

/** Whoever starts a build. */
export type Planner = Pick<Call, 'account' | 'region' | 'source' | 'principal'>;

export function planBuild(
  call: Planner,
  projectName: string,
  settings: ProjectSettings,
  input: StartBuildInput,
  uuid: string,
): BuildPlan {
  checkRange('timeoutInMinutesOverride', input.timeoutInMinutesOverride, 5, 2160);
  checkRange('queuedTimeoutInMinutesOverride', input.queuedTimeoutInMinutesOverride, 5, 480);
  if (input.debugSessionEnabled)
    throw invalid(
      'Debug sessions need Session Manager, which Slipway does not speak: debugSessionEnabled must be false. ' +
        'StartSandbox gives the environment of the project to run commands in',
    );
  const isFromPipeline = call.source === PIPELINE_SERVICE;
  const source = effectiveSource(settings, input, isFromPipeline);
  const artifacts = effectiveArtifacts(settings, input);
  const sourceVersion = input.sourceVersion ?? settings.sourceVersion;
  const logs = logsOf(projectName, settings, input, uuid);
  const cache = effectiveCache(settings, input);
  const autoRetry = isFromPipeline ? undefined : effectiveAutoRetry(settings, input);
  return {
    id: `${projectName}:${uuid}`,
    uuid,
    arn: arnOf('codebuild', call.region, call.account, `build/${projectName}:${uuid}`),
    projectName,
    initiator: initiatorOf(call.principal, isFromPipeline),
    source,
    secondarySources: (input.secondarySourcesOverride ?? settings.secondarySources ?? []).map((each) => {
      const versions = input.secondarySourcesVersionOverride ?? settings.secondarySourceVersions ?? [];
      const version = versions.find(
        (other) => other.sourceIdentifier === each.sourceIdentifier,
      )?.sourceVersion;
      return { ...planSource(each), ...(version === undefined ? {} : { version }) };
    }),
    ...(sourceVersion === undefined ? {} : { sourceVersion }),
    artifacts,
    secondaryArtifacts: (input.secondaryArtifactsOverride ?? settings.secondaryArtifacts ?? []).map(
      planArtifacts,
    ),
    environment: planEnvironment(settings, input),
    serviceRole: input.serviceRoleOverride
      ? checkRole(input.serviceRoleOverride, call)
      : (settings.serviceRole ?? ''),
    encryptionKey: input.encryptionKeyOverride ?? settings.encryptionKey ?? '',
    timeoutMinutes: input.timeoutInMinutesOverride ?? settings.timeoutInMinutes ?? TIMEOUT_MINUTES_DEFAULT,
    queuedTimeoutMinutes:
      input.queuedTimeoutInMinutesOverride ??
      settings.queuedTimeoutInMinutes ??
      QUEUED_TIMEOUT_MINUTES_DEFAULT,
    ...(logs ? { logs } : {}),
    ...s3LogsOf(settings, input),
    ...(cache ? { cache } : {}),
    ...(autoRetry ? { autoRetry } : {}),
  };
}

function effectiveCache(settings: ProjectSettings, input: StartBuildInput): CachePlan | undefined {
  const cache = input.cacheOverride ?? settings.cache;
  if (input.cacheOverride) checkCache({ ...settings, cache: input.cacheOverride });
  if (!cache || (cache.type !== 'S3' && cache.type !== 'LOCAL')) return undefined;
  return {
    type: cache.type,
    ...(cache.location ? { location: cache.location } : {}),
    ...(cache.cacheNamespace ? { namespace: cache.cacheNamespace } : {}),
    modes: [...(cache.modes ?? [])],
  };
}

function effectiveAutoRetry(settings: ProjectSettings, input: StartBuildInput): AutoRetryPlan | undefined {
  checkRange('autoRetryLimitOverride', input.autoRetryLimitOverride, 0, AUTO_RETRIES_MAX);
  const limit = input.autoRetryLimitOverride ?? settings.autoRetryLimit ?? 0;
  return limit > 0 ? { limit, number: 0 } : undefined;
}

function effectiveSource(
  settings: ProjectSettings,
  input: StartBuildInput,
  isFromPipeline: boolean,
): SourcePlan {
  const project = settings.source;
  const location = input.sourceLocationOverride ?? project?.location;
  const buildspec = input.buildspecOverride ?? project?.buildspec;
  const changes: Partial<ProjectSource> = {
    location,
    buildspec,
    gitCloneDepth: input.gitCloneDepthOverride,
    gitSubmodulesConfig: input.gitSubmodulesConfigOverride,
    auth: input.sourceAuthOverride,
    insecureSsl: input.insecureSslOverride,
    reportBuildStatus: input.reportBuildStatusOverride,
    buildStatusConfig: input.buildStatusConfigOverride,
  };
  const source: ProjectSource = {
    ...project,
    type: input.sourceTypeOverride ?? project?.type,
    ...Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)),
  };
  checkSource(source);
  if (source.type === 'CODEPIPELINE' && !isFromPipeline) {
    throw invalid('ArtifactsOverride must be set when using artifacts type CodePipelines');
  }
  return planSource(source);
}

function planSource(source: ProjectSource): SourcePlan {
  const { auth, buildStatusConfig: status } = source;
  return {
    type: source.type ?? '',
    ...(source.gitSubmodulesConfig?.fetchSubmodules ? { fetchSubmodules: true } : {}),
    ...(source.insecureSsl ? { insecureSsl: true } : {}),
    ...(source.reportBuildStatus ? { reportBuildStatus: true } : {}),
    ...(auth
      ? { auth: { type: auth.type ?? '', ...(auth.resource ? { resource: auth.resource } : {}) } }
      : {}),
    ...(status
      ? {
          buildStatus: {
            ...(status.context ? { context: status.context } : {}),
            ...(status.targetUrl ? { targetUrl: status.targetUrl } : {}),
          },
        }
      : {}),
    ...(source.location ? { location: source.location } : {}),
    ...(source.buildspec ? { buildspec: source.buildspec } : {}),
    ...(source.gitCloneDepth ? { gitCloneDepth: source.gitCloneDepth } : {}),
    ...(source.sourceIdentifier ? { identifier: source.sourceIdentifier } : {}),
  };
}

function effectiveArtifacts(settings: ProjectSettings, input: StartBuildInput): ArtifactsPlan {
  const given = input.artifactsOverride;
  if (settings.artifacts?.type === 'CODEPIPELINE' && !given) {
    throw invalid('ArtifactsOverride must be set when using artifacts type CodePipelines');
  }
  const artifacts = given ?? settings.artifacts;
  if (!artifacts) return { type: 'NO_ARTIFACTS' };
  checkArtifacts(artifacts);
  return planArtifacts(artifacts);
}

function planArtifacts(artifacts: ProjectArtifacts): ArtifactsPlan {
  const { location, path, namespaceType, name, packaging, artifactIdentifier } = artifacts;
  return {
    type: artifacts.type ?? 'NO_ARTIFACTS',
    ...(location ? { location } : {}),
    ...(path ? { path } : {}),
    ...(namespaceType ? { namespaceType } : {}),
    ...(name ? { name } : {}),
    ...(packaging ? { packaging } : {}),
    ...(artifacts.overrideArtifactName ? { overrideName: true } : {}),
    ...(artifacts.encryptionDisabled ? { encryptionDisabled: true } : {}),
    ...(artifactIdentifier ? { identifier: artifactIdentifier } : {}),
  };
}

function planEnvironment(settings: ProjectSettings, input: StartBuildInput): EnvironmentPlan {
  const project = settings.environment;
  const overrides = input.environmentVariablesOverride ?? [];
  const variables = new Map<string, EnvironmentVariable>();
  for (const variable of [...(project?.environmentVariables ?? []), ...overrides]) {
    variables.set(variable.name ?? '', variable);
  }
  const registryCredential = input.registryCredentialOverride ?? project?.registryCredential;
  const certificate = input.certificateOverride ?? project?.certificate;
  const fleet = (input.fleetOverride ?? project?.fleet)?.fleetArn;
  const plan: EnvironmentPlan = {
    ...(fleet ? { fleet } : {}),
    ...(certificate ? { certificate } : {}),
    ...(registryCredential?.credential ? { registryCredential: registryCredential.credential } : {}),
    type: input.environmentTypeOverride ?? project?.type ?? '',
    image: input.imageOverride ?? project?.image ?? '',
    computeType: input.computeTypeOverride ?? project?.computeType ?? '',
    privileged: input.privilegedModeOverride ?? project?.privilegedMode ?? false,
    variables: [...variables.values()].map(({ name, value, type }) => ({
      name: name ?? '',
      value: value ?? '',
      type: type ?? 'PLAINTEXT',
    })),
  };
  const unsupported = unsupportedOf(plan, settings);
  return unsupported === undefined ? plan : { ...plan, unsupported };
}

function unsupportedOf(plan: EnvironmentPlan, settings: ProjectSettings): string | undefined {
  const types = process.arch === 'arm64' ? ['ARM_CONTAINER'] : ['LINUX_CONTAINER'];
  // A fleet has a type of its own.
  if (!types.includes(plan.type) && plan.fleet === undefined) {
    return `Environment type ${plan.type} is not available on this machine; it runs ${types.join(', ')}`;
  }
  if (settings.environment?.dockerServer) {
    return 'environment.dockerServer is not supported; privilegedMode gives a build an engine of its own';
  }
  if (settings.vpcConfig?.vpcId) return 'vpcConfig is not supported yet';
  if (settings.fileSystemLocations?.length) return 'fileSystemLocations are not supported yet';
  return undefined;
}

function logsOf(
  projectName: string,
  settings: ProjectSettings,
  input: StartBuildInput,
  uuid: string,
): BuildPlan['logs'] {
  const config = (input.logsConfigOverride ?? settings.logsConfig)?.cloudWatchLogs;
  if (config?.status === 'DISABLED') return undefined;
  return {
    groupName: config?.groupName ?? `/aws/codebuild/${projectName}`,
    streamName: config?.streamName ? `${config.streamName}/${uuid}` : uuid,
  };
}

function s3LogsOf(settings: ProjectSettings, input: StartBuildInput): Pick<BuildPlan, 's3Logs'> {
  const config = (input.logsConfigOverride ?? settings.logsConfig)?.s3Logs;
  if (config?.status !== 'ENABLED') return {};
  if (!config.location) throw invalid('Invalid logs config: location is required for S3 logs');
  return { s3Logs: { location: config.location, encryptionDisabled: config.encryptionDisabled ?? false } };
}

function initiatorOf(principal: Principal, isFromPipeline: boolean): string {
  switch (principal.type) {
    case 'user':
      return principal.userName;
    case 'role':
      return isFromPipeline && principal.sessionName.startsWith(PIPELINE_SESSION)
        ? `codepipeline/${principal.sessionName.slice(PIPELINE_SESSION.length)}`
        : `${principal.roleName}/${principal.sessionName}`;
    case 'root':
      return 'root';
    case 'service':
    case 'anonymous':
      return principalArn(principal);
  }
}
