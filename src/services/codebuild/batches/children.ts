/**
 * The builds of a batch: what StartBuild is asked for each, under the batch's role, and what the build room adds when
 * that request comes in. The token of the request is the uuid that the batch chose, so a build starts once.
 */

import type { EnvironmentVariable, ProjectArtifacts, StartBuildInput } from '@aws-sdk/client-codebuild';
import { ROOT_IDENTIFIER, type BatchEnvironment } from '#core/batch/batch-spec.ts';
import { groupOf, isActive } from '#core/batch/groups.ts';
import { ownerOf } from '#core/batch/limits.ts';
import type { BatchState, BuildEnd, Group } from '#core/batch/state.ts';
import type { BuildPlan, BuildState } from '#core/build/state.ts';
import { PIPELINE_SERVICE, planBuild } from '#services/codebuild/plan.ts';
import { projectName, SERVICE } from '#services/codebuild/room.ts';
import { invalid } from '#services/codebuild/settings.ts';
import type { Call, Scope } from '#services/service.ts';
import { partArtifacts } from './artifact-places.ts';
import type { Batches } from './batch-room.ts';
import { findRequest } from './batch-room.ts';
import { isReportedAlone, type BatchRequest } from './request.ts';

const SESSION = 'AWSCodeBuild-';

/** Its variables are its own and win over all others; a root makes nothing. */
export function childInput(
  call: Scope,
  request: BatchRequest,
  state: BatchState,
  group: Group,
): StartBuildInput {
  const { overrides } = request;
  const { build, current } = group;
  const isRoot = build.identifier === ROOT_IDENTIFIER;
  const { environmentVariablesOverride = [], ...same } = overrides;
  const variables = isRoot
    ? [{ name: 'CODEBUILD_CONFIG_AUTO_DISCOVER', value: 'false' }]
    : Object.entries(build.environment.variables).map(([name, value]) => ({ name, value }));
  return {
    ...same,
    projectName: state.plan.projectName,
    idempotencyToken: (current?.buildId ?? '').slice(state.plan.projectName.length + 1),
    autoRetryLimitOverride: 0,
    ...sourceOf(request, state),
    ...(build.buildspec === undefined ? {} : { buildspecOverride: build.buildspec }),
    ...environmentOf(build.environment),
    ...statusOf(call, request, build.identifier),
    environmentVariablesOverride: merged(environmentVariablesOverride, variables),
    ...(isRoot
      ? {
          artifactsOverride: { type: 'NO_ARTIFACTS' },
          secondaryArtifactsOverride: [],
          cacheOverride: { type: 'NO_CACHE' },
        }
      : artifactsOf(request, state, build.identifier)),
  };
}

function merged(
  first: readonly EnvironmentVariable[],
  own: readonly { readonly name: string; readonly value: string }[],
): EnvironmentVariable[] {
  const names = new Set(own.map(({ name }) => name));
  return [
    ...first.filter(({ name }) => !names.has(name ?? '')),
    ...own.map((variable) => ({ ...variable, type: 'PLAINTEXT' as const })),
  ];
}

/** All build what the root has seen, whatever was pushed meanwhile. */
function sourceOf(
  { overrides, settings }: BatchRequest,
  { resolvedSourceVersion: commit }: BatchState,
): Pick<StartBuildInput, 'sourceVersion'> {
  const version = overrides.sourceVersion ?? settings.sourceVersion;
  if (commit === undefined) return {};
  const request = /^pr\/(\d{1,9})$/.exec(version ?? '')?.[1];
  return { sourceVersion: request === undefined ? commit : `refs/pull/${request}/head^{${commit}}` };
}

/** Each build has a status of its own, or none: that of the first one says nothing about the commit. */
function statusOf(
  { region }: Scope,
  { config, settings, build }: BatchRequest,
  identifier: string,
): Partial<StartBuildInput> {
  if (!isReportedAlone(config)) return {};
  if (identifier === ROOT_IDENTIFIER) return { reportBuildStatusOverride: false };
  const given = settings.source?.buildStatusConfig;
  const context = given?.context ?? `AWS CodeBuild ${region} (${build.projectName})`;
  return { buildStatusConfigOverride: { ...given, context: `${context} ${identifier}` } };
}

function environmentOf(environment: BatchEnvironment): Partial<StartBuildInput> {
  const { type, image, computeType, fleet, privileged } = environment;
  return {
    ...(type === undefined ? {} : { environmentTypeOverride: type as 'LINUX_CONTAINER' }),
    ...(image === undefined ? {} : { imageOverride: image }),
    ...(computeType === undefined ? {} : { computeTypeOverride: computeType as 'BUILD_GENERAL1_SMALL' }),
    ...(fleet === undefined ? {} : { fleetOverride: { fleetArn: fleet } }),
    ...(privileged === undefined ? {} : { privilegedModeOverride: privileged }),
  };
}

function artifactsOf(
  request: BatchRequest,
  state: BatchState,
  identifier: string,
): Pick<StartBuildInput, 'artifactsOverride' | 'secondaryArtifactsOverride'> {
  const { overrides, isFromPipeline } = request;
  if (state.plan.combinesArtifacts) {
    return {
      artifactsOverride: partArtifacts(request, state.plan, identifier),
      secondaryArtifactsOverride: [],
    };
  }
  return isFromPipeline ? outputsOf(overrides.secondaryArtifactsOverride ?? [], state, identifier) : {};
}

/** A pipeline names its outputs after the builds: `<identifier>`, `<identifier>_<secondary artifact>`. */
function outputsOf(outputs: readonly ProjectArtifacts[], { groups }: BatchState, identifier: string) {
  const identifiers = groups.map(({ build }) => build.identifier);
  const own = outputs.filter(
    (output) => ownerOf(output.artifactIdentifier ?? '', identifiers) === identifier,
  );
  const { artifactIdentifier: _, ...primary } = own.find(
    (output) => output.artifactIdentifier === identifier,
  ) ?? { type: 'NO_ARTIFACTS' as const };
  return {
    artifactsOverride: primary,
    secondaryArtifactsOverride: own
      .filter((output) => output.artifactIdentifier !== identifier)
      .map((output) => ({
        ...output,
        artifactIdentifier: (output.artifactIdentifier ?? '').slice(identifier.length + 1),
      })),
  };
}

/** The plan of a build that a batch asks for; `undefined` for everybody else's. */
export async function planChild(
  batches: Batches,
  call: Call,
  input: StartBuildInput,
): Promise<BuildPlan | undefined> {
  const { principal, source } = call;
  if (source !== SERVICE || principal.type !== 'role' || !principal.sessionName.startsWith(SESSION)) {
    return undefined;
  }
  const project = projectName(input.projectName);
  const batchId = `${project}:${principal.sessionName.slice(SESSION.length)}`;
  const state = await batches.room.house.engine.read(batches.machine(), batchId);
  const request = state && (await findRequest(batches, batchId));
  if (!state || !request) return undefined;
  const { idempotencyToken: uuid = '', ...asked } = input;
  const group = groupOf(state, `${project}:${uuid}`);
  if (!group || !isActive(group)) throw invalid(`Build batch ${batchId} does not wait for this build`);
  const planner = request.isFromPipeline ? { ...call, source: PIPELINE_SERVICE } : call;
  const { autoRetry: _, ...plan } = planBuild(planner, project, request.settings, asked, uuid);
  const { identifier, shard } = group.build;
  return {
    ...plan,
    initiator: request.build.initiator,
    ...(request.webhook ? { webhook: request.webhook } : {}),
    batch: {
      batchArn: state.plan.arn,
      identifier,
      isRoot: identifier === ROOT_IDENTIFIER,
      ...(shard ? { shard } : {}),
    },
  };
}

/** How a complete build went. */
export function endOf({ plan, status, phases, facts }: BuildState): BuildEnd {
  const context = phases
    .filter((phase) => phase.status !== undefined && phase.status !== 'SUCCEEDED')
    .flatMap((phase) => phase.contexts ?? [])
    .find(({ statusCode }) => statusCode !== '');
  return {
    buildId: plan.id,
    status: status === 'IN_PROGRESS' ? 'FAULT' : status,
    artifacts: facts.artifacts ?? [],
    reportArns: facts.reportArns ?? [],
    ...(context ? { context } : {}),
    ...(facts.resolvedSourceVersion === undefined
      ? {}
      : { resolvedSourceVersion: facts.resolvedSourceVersion }),
    ...(facts.batch ? { batch: facts.batch } : {}),
  };
}

/** The end of a build of which nothing is known any more. */
export function lostEnd(buildId: string): BuildEnd {
  const context = {
    statusCode: 'INTERNAL_SERVICE_ERROR',
    message: `Build ${buildId} does not exist any more`,
  };
  return { buildId, status: 'FAULT', artifacts: [], reportArns: [], context };
}
