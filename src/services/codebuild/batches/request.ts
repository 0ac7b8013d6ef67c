/**
 * What a batch was asked for, fixed when it starts: the settings that its project had then, what StartBuildBatch
 * overrides for every build, and who asked. The builds of the batch are made of it, also in retries.
 */

import type {
  ProjectBuildBatchConfig,
  StartBuildBatchInput,
  StartBuildInput,
} from '@aws-sdk/client-codebuild';
import { arnOf } from '#base/arn.ts';
import type { BatchPlan } from '#core/batch/state.ts';
import type { BuildPlan } from '#core/build/state.ts';
import { PIPELINE_SERVICE, planBuild, type Planner } from '#services/codebuild/plan.ts';
import { checkBatchConfig, invalid, type ProjectSettings } from '#services/codebuild/settings.ts';

export interface BatchRequest {
  readonly settings: ProjectSettings;
  /** For every build. */
  readonly overrides: Overrides;
  readonly config: ProjectBuildBatchConfig;
  /** What a build that changes nothing would do. */
  readonly build: BuildPlan;
  readonly isFromPipeline: boolean;
  /** Variables that only a webhook knows. */
  readonly webhook?: Readonly<Record<string, string>>;
}

export type Overrides = Omit<StartBuildInput, 'projectName' | 'idempotencyToken'>;

/** AWS: "timeoutInMins" of a project's batch configuration. */
const TIMEOUT_MINUTES_DEFAULT = 480;

export interface PlannedBatch {
  readonly plan: BatchPlan;
  readonly request: BatchRequest;
}

/** Throws the fault of whatever cannot be. */
export function planBatch(
  call: Planner,
  projectName: string,
  settings: ProjectSettings,
  input: StartBuildBatchInput,
  uuid: string,
): PlannedBatch {
  const config = configOf(call, settings, input);
  const overrides = overridesOf(config, input);
  const build = planBuild(call, projectName, settings, { projectName, ...overrides }, uuid);
  const combines = config.combineArtifacts === true;
  if (combines && build.secondaryArtifacts.length > 0) {
    throw invalid('Invalid batch: only one output artifact is allowed when artifacts are combined');
  }
  const isFromPipeline = call.source === PIPELINE_SERVICE;
  const { maximumBuildsAllowed, computeTypesAllowed, fleetsAllowed } = config.restrictions ?? {};
  const fleet = settings.environment?.fleet?.fleetArn;
  const id = `${projectName}:${uuid}`;
  const plan: BatchPlan = {
    id,
    uuid,
    arn: arnOf('codebuild', call.region, call.account, `build-batch/${id}`),
    projectName,
    timeoutMinutes: config.timeoutInMins ?? TIMEOUT_MINUTES_DEFAULT,
    reportsStatus: !isReportedAlone(config) && isReported(settings, input),
    combinesArtifacts: combines && build.artifacts.type !== 'NO_ARTIFACTS',
    limits: {
      ...(maximumBuildsAllowed === undefined ? {} : { buildsMax: maximumBuildsAllowed }),
      computeTypes: computeTypesAllowed ?? [],
      fleets: fleetsAllowed ?? [],
      computeTypeDefault: build.environment.computeType,
      ...(fleet === undefined ? {} : { fleetDefault: fleet }),
      outputs: isFromPipeline ? build.secondaryArtifacts.map(({ identifier }) => identifier ?? '') : [],
    },
  };
  return { plan, request: { settings, overrides, config, build, isFromPipeline } };
}

/** A member that is overridden replaces the project's. */
function configOf(
  call: Planner,
  settings: ProjectSettings,
  { buildBatchConfigOverride: override = {} }: StartBuildBatchInput,
): ProjectBuildBatchConfig {
  const config = checkBatchConfig({ ...settings.buildBatchConfig, ...withoutAbsent(override) }, call);
  if (config.serviceRole) return config;
  throw invalid('Invalid project: batch builds need a service role, which is buildBatchConfig.serviceRole');
}

function overridesOf(config: ProjectBuildBatchConfig, input: StartBuildBatchInput): Overrides {
  const {
    projectName: _name,
    idempotencyToken: _token,
    buildBatchConfigOverride: _config,
    reportBuildBatchStatusOverride: reported,
    buildTimeoutInMinutesOverride: timeout,
    ...same
  } = input;
  return withoutAbsent({
    ...same,
    timeoutInMinutesOverride: timeout,
    reportBuildStatusOverride: isReportedAlone(config) ? reported : false,
  });
}

/** Providers hear of a batch as of one build, unless they shall hear of each build. */
export function isReportedAlone({ batchReportMode }: ProjectBuildBatchConfig): boolean {
  return batchReportMode === 'REPORT_INDIVIDUAL_BUILDS';
}

function isReported({ source }: ProjectSettings, input: StartBuildBatchInput): boolean {
  return input.reportBuildBatchStatusOverride ?? source?.reportBuildStatus ?? false;
}

function withoutAbsent<Shape extends object>(shape: Shape): Shape {
  return Object.fromEntries(Object.entries(shape).filter(([, value]) => value !== undefined)) as Shape;
}
