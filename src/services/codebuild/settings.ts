/**
 * What a project was configured with, as it is kept, and what may be configured. The shapes are those of the API, so
 * that a project reads back as it was written; validation refuses what no build could honour and says why.
 */

import type {
  CreateProjectInput,
  Project,
  ProjectBuildBatchConfig,
  ProjectArtifacts,
  ProjectSource,
  UpdateProjectInput,
} from '@aws-sdk/client-codebuild';
import { fault } from '#base/fault.ts';
import { BATCH_BUILDS_MAX } from '#core/batch/batch-spec.ts';
import type { Scope } from '#services/service.ts';
import { checkEnvironment, checkTags, checkVpc } from './environment-checks.ts';

/** A project without its name and times. */
export type ProjectSettings = Omit<Project, 'name' | 'arn' | 'created' | 'lastModified'>;

export const TIMEOUT_MINUTES_DEFAULT = 60;
export const QUEUED_TIMEOUT_MINUTES_DEFAULT = 480;
const SOURCE_TYPES = [
  'CODECOMMIT',
  'CODEPIPELINE',
  'GITHUB',
  'GITLAB',
  'GITLAB_SELF_MANAGED',
  'S3',
  'BITBUCKET',
  'GITHUB_ENTERPRISE',
  'NO_SOURCE',
];
const SECONDARY_MAX = 12;
export const AUTO_RETRIES_MAX = 10;
/** How many builds run at the same time on one node; more wait, first come first served. */
export const BUILDS_AT_ONCE_MAX = 20;

export function invalid(message: string) {
  return fault('InvalidInputException', message);
}

/** Server-filled members are added here, so that tools read back without drift. */
export function createSettings(input: CreateProjectInput, scope: Scope): ProjectSettings {
  const settings = pick(input);
  return checkSettings(
    {
      timeoutInMinutes: TIMEOUT_MINUTES_DEFAULT,
      queuedTimeoutInMinutes: QUEUED_TIMEOUT_MINUTES_DEFAULT,
      encryptionKey: `arn:aws:kms:${scope.region}:${scope.account}:alias/aws/s3`,
      cache: { type: 'NO_CACHE' },
      badge: { badgeEnabled: false },
      projectVisibility: 'PRIVATE',
      ...settings,
    },
    input.name ?? '',
    scope,
  );
}

/** A member that is present replaces the old one whole; -1 and empty structures clear. */
export function updateSettings(
  before: ProjectSettings,
  input: UpdateProjectInput,
  scope: Scope,
): ProjectSettings {
  const { concurrentBuildLimit, ...changes } = pick(input);
  const merged: ProjectSettings = { ...before, ...changes };
  if (concurrentBuildLimit === -1) delete merged.concurrentBuildLimit;
  else if (concurrentBuildLimit !== undefined) merged.concurrentBuildLimit = concurrentBuildLimit;
  return checkSettings(merged, input.name ?? '', scope);
}

function pick(input: CreateProjectInput | UpdateProjectInput): ProjectSettings {
  const { name: _name, badgeEnabled, ...rest } = input;
  const badge = badgeEnabled === undefined ? {} : { badge: { badgeEnabled } };
  return { ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)), ...badge };
}

function checkSettings(settings: ProjectSettings, name: string, scope: Scope): ProjectSettings {
  const { source, artifacts, environment } = settings;
  if (!source || !artifacts || !environment) throw invalid('source, artifacts and environment are required');
  checkSource(source);
  checkTogether(source, artifacts);
  for (const secondary of settings.secondarySources ?? []) {
    checkSource(secondary);
    checkIdentifier(secondary.sourceIdentifier);
  }
  checkUnique(
    (settings.secondarySources ?? []).map((each) => each.sourceIdentifier),
    'source identifiers',
  );
  for (const secondary of settings.secondaryArtifacts ?? []) {
    if (secondary.type === 'CODEPIPELINE')
      throw invalid('Invalid artifacts: secondary artifacts cannot be CODEPIPELINE');
    checkArtifacts(secondary);
    checkIdentifier(secondary.artifactIdentifier);
  }
  checkUnique(
    (settings.secondaryArtifacts ?? []).map((each) => each.artifactIdentifier),
    'artifact identifiers',
  );
  checkArtifacts(artifacts);
  checkRange('timeoutInMinutes', settings.timeoutInMinutes, 5, 2160);
  checkRange('queuedTimeoutInMinutes', settings.queuedTimeoutInMinutes, 5, 480);
  if (settings.concurrentBuildLimit !== undefined && settings.concurrentBuildLimit < 1) {
    throw invalid('The concurrent build limit must be at least 1');
  }
  if ((settings.concurrentBuildLimit ?? 0) > BUILDS_AT_ONCE_MAX) {
    throw invalid(
      'Project-level concurrent build limit cannot exceed the account-level concurrent build limit of ' +
        `${BUILDS_AT_ONCE_MAX}.`,
    );
  }
  checkEnvironment(environment);
  if (environment.fleet?.fleetArn && settings.vpcConfig?.vpcId) {
    throw invalid('Invalid vpc config: a project that uses a fleet has the VPC of the fleet');
  }
  checkVpc(settings.vpcConfig);
  checkTags(settings.tags, 'project');
  checkRange('autoRetryLimit', settings.autoRetryLimit, 0, AUTO_RETRIES_MAX);
  checkCache(settings);
  if (settings.badge?.badgeEnabled && /^(S3|CODEPIPELINE|NO_SOURCE)$/.test(source.type ?? '')) {
    throw invalid(`Build badges are not supported for source type ${source.type}`);
  }
  return {
    ...settings,
    serviceRole: checkRole(settings.serviceRole, scope),
    source: { insecureSsl: false, ...source },
    artifacts: fillArtifacts(artifacts, name),
    buildBatchConfig: keptBatchConfig(settings.buildBatchConfig, scope),
    environment: {
      privilegedMode: false,
      imagePullCredentialsType: 'CODEBUILD',
      ...environment,
      environmentVariables: (environment.environmentVariables ?? []).map((variable) => ({
        ...variable,
        type: variable.type ?? 'PLAINTEXT',
      })),
    },
  };
}

/** An empty one says that the project has none. */
function keptBatchConfig(config: Project['buildBatchConfig'], scope: Scope): Project['buildBatchConfig'] {
  return config && Object.keys(config).length > 0 ? checkBatchConfig(config, scope) : undefined;
}

export function checkBatchConfig(config: ProjectBuildBatchConfig, scope: Scope): ProjectBuildBatchConfig {
  checkRange('timeoutInMins', config.timeoutInMins, 5, 2160);
  checkRange('maximumBuildsAllowed', config.restrictions?.maximumBuildsAllowed, 1, BATCH_BUILDS_MAX);
  return config.serviceRole ? { ...config, serviceRole: checkRole(config.serviceRole, scope) } : config;
}

export function checkCache({ cache, environment, vpcConfig }: ProjectSettings): void {
  switch (cache?.type) {
    case 'S3':
      if (!cache.location) throw invalid('Invalid cache: location is required for cache type S3');
      return;
    case 'LOCAL':
      if (!cache.modes?.length)
        throw invalid('Invalid cache: at least one mode is required for cache type LOCAL');
      if (vpcConfig?.vpcId) throw invalid('Invalid cache: cache type LOCAL is not supported with a VPC');
      if (cache.modes.includes('LOCAL_DOCKER_LAYER_CACHE') && !environment?.privilegedMode) {
        throw invalid('Invalid cache: LOCAL_DOCKER_LAYER_CACHE needs privileged mode');
      }
      return;
    case 'NO_CACHE':
    case undefined:
      return;
  }
}

export function checkSource(source: ProjectSource): void {
  const type = source.type ?? '';
  if (!SOURCE_TYPES.includes(type)) throw invalid('Invalid type provided: Project source type');
  if (type !== 'CODEPIPELINE' && type !== 'NO_SOURCE' && !source.location) {
    throw invalid('Project source location is required');
  }
  if (type === 'NO_SOURCE' && !isInlineOrS3(source.buildspec)) {
    throw invalid(
      'Invalid input: a buildspec is required, inline or in S3, when the source type is NO_SOURCE',
    );
  }
  if (source.reportBuildStatus && !/^(GITHUB|GITLAB|BITBUCKET)/.test(type)) {
    throw invalid(`Invalid input: reportBuildStatus is not supported for source type ${type}`);
  }
}

/** A buildspec given as text has a line break or is a map; a file's path has neither. */
export function isInlineBuildspec(text: string | undefined): boolean {
  return text !== undefined && (text.includes('\n') || /^\s*\{|(^|[{\s"'])version["']?\s*:/.test(text));
}

function isInlineOrS3(text: string | undefined): boolean {
  return isInlineBuildspec(text) || /^arn:[^:]+:s3:::/.test(text ?? '');
}

function checkTogether(source: ProjectSource, artifacts: ProjectArtifacts): void {
  if ((source.type === 'CODEPIPELINE') !== (artifacts.type === 'CODEPIPELINE')) {
    throw invalid(
      'Invalid input: when using CodePipeline both sourceType, and artifactType must be set to: CODEPIPELINE',
    );
  }
}

export function checkArtifacts(artifacts: ProjectArtifacts): void {
  const { type } = artifacts;
  if (type === 'NO_ARTIFACTS' && artifacts.location) {
    throw invalid('Invalid artifacts: artifact type NO_ARTIFACTS should have null location');
  }
  if (type === 'NO_ARTIFACTS' && artifacts.name) {
    throw invalid('Invalid artifacts: artifact type NO_ARTIFACTS should have null output name');
  }
  if (type === 'S3' && !artifacts.location)
    throw invalid('Invalid artifacts: artifact type S3 should have a location');
}

function fillArtifacts(artifacts: ProjectArtifacts, name: string): ProjectArtifacts {
  switch (artifacts.type) {
    case 'S3':
      return {
        namespaceType: 'NONE',
        packaging: 'NONE',
        name,
        encryptionDisabled: false,
        overrideArtifactName: false,
        ...artifacts,
      };
    case 'CODEPIPELINE':
      return { packaging: 'NONE', encryptionDisabled: false, ...artifacts, name: artifacts.name ?? name };
    default:
      return artifacts;
  }
}

function checkIdentifier(identifier: string | undefined): void {
  if (identifier && /^\w{1,127}$/.test(identifier)) return;
  throw invalid(
    'identifier must contain only alphanumeric characters and underscores and be less than 128 characters in length',
  );
}

function checkUnique(names: readonly (string | undefined)[], what: string): void {
  if (names.length > SECONDARY_MAX) throw invalid(`There can be at most ${SECONDARY_MAX} ${what}`);
  if (new Set(names).size < names.length) throw invalid(`Invalid input: ${what} must be unique`);
}

export function checkRange(name: string, value: number | undefined, min: number, max: number): void {
  if (value !== undefined && (value < min || value > max)) {
    throw invalid(`Invalid ${name}: ${value}. It must be between ${min} and ${max}`);
  }
}

/** A bare name is a role of the account. */
export function checkRole(role: string | undefined, scope: Scope): string {
  if (!role) throw invalid('Invalid service role: Service role is required');
  const match = /^arn:aws:iam::(\d{12}):role\/.+$/.exec(role);
  if (match && match[1] !== scope.account) {
    throw invalid("Invalid service role: Service role account ID does not match caller's account");
  }
  if (match) return role;
  if (/^[\w+=,.@-]{1,64}$/.test(role)) return `arn:aws:iam::${scope.account}:role/${role}`;
  throw invalid('Invalid service role: Not a valid role ARN');
}
