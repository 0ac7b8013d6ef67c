/** States of batches as CodeBuild's API shows them; pure. */

import type { BuildBatch, BuildGroup, BuildSummary, ResolvedArtifact } from '@aws-sdk/client-codebuild';
import { arnOf } from '#base/arn.ts';
import { allGroups } from '#core/batch/groups.ts';
import { currentPhase } from '#core/batch/phases.ts';
import type { BatchState, BuildSummary as Summary, Group } from '#core/batch/state.ts';
import type { ArtifactFacts, BuildPlan, BuildState } from '#core/build/state.ts';
import { viewBuild, viewPhase } from '#services/codebuild/views.ts';
import type { Scope } from '#services/service.ts';
import { requestOf, type FoundBatch } from './batch-room.ts';

export function viewBatch(scope: Scope, { state, row }: FoundBatch): BuildBatch {
  const { plan } = state;
  const { settings, overrides, config, build } = requestOf(row);
  const like = viewBuild(scope, batchAsBuild({ state, row }), 0);
  const logConfig = overrides.logsConfigOverride ?? settings.logsConfig;
  return {
    id: plan.id,
    arn: plan.arn,
    startTime: new Date(state.startAt),
    ...(state.isComplete && { endTime: new Date(state.phases.at(-1)?.startAt ?? state.startAt) }),
    currentPhase: currentPhase(state),
    buildBatchStatus: state.status,
    ...(like.sourceVersion === undefined ? {} : { sourceVersion: like.sourceVersion }),
    ...(state.resolvedSourceVersion === undefined
      ? {}
      : { resolvedSourceVersion: state.resolvedSourceVersion }),
    projectName: plan.projectName,
    phases: state.phases.map(viewPhase),
    source: like.source,
    secondarySources: like.secondarySources,
    secondarySourceVersions: like.secondarySourceVersions,
    artifacts: like.artifacts,
    secondaryArtifacts: like.secondaryArtifacts,
    cache: like.cache,
    environment: like.environment,
    serviceRole: like.serviceRole,
    ...(logConfig ? { logConfig } : {}),
    buildTimeoutInMinutes: like.timeoutInMinutes,
    queuedTimeoutInMinutes: like.queuedTimeoutInMinutes,
    complete: state.isComplete,
    initiator: like.initiator,
    ...(settings.vpcConfig ? { vpcConfig: settings.vpcConfig } : {}),
    encryptionKey: like.encryptionKey,
    buildBatchNumber: row.number,
    ...(settings.fileSystemLocations ? { fileSystemLocations: settings.fileSystemLocations } : {}),
    buildBatchConfig: config,
    buildGroups: viewGroups(scope, state, build),
    debugSessionEnabled: false,
    ...(state.reportArns.length > 0 && { reportArns: [...state.reportArns] }),
  };
}

/** A build with the id, the outcome and the artifact of the batch, for what shows or tells of both alike. */
export function batchAsBuild({ state, row }: FoundBatch): BuildState {
  const { plan, startAt, combined, resolvedSourceVersion: commit } = state;
  return {
    plan: { ...requestOf(row).build, id: plan.id, arn: plan.arn },
    phases: [],
    status: state.status,
    isComplete: state.isComplete,
    startAt,
    deadlineAt: startAt,
    facts: {
      ...(combined ? { artifacts: [combined] } : {}),
      ...(commit === undefined ? {} : { resolvedSourceVersion: commit }),
    },
  };
}

function viewGroups(scope: Scope, state: BatchState, build: BuildPlan): BuildGroup[] {
  return allGroups(state).map((group) => viewGroup(scope, group, group === state.root ? undefined : build));
}

/** A build that is only about to start is not shown: it may be refused. */
function viewGroup(scope: Scope, group: Group, plan: BuildPlan | undefined): BuildGroup {
  const { build, current, prior, progress } = group;
  const view = (summary: Summary) => viewSummary(scope, build.identifier, summary, plan);
  return {
    identifier: build.identifier,
    dependsOn: [...build.dependsOn],
    ignoreFailure: build.ignoreFailure,
    ...(current && progress !== 'STARTING' ? { currentBuildSummary: view(current) } : {}),
    ...(prior.length > 0 ? { priorBuildSummaryList: prior.map(view) } : {}),
  };
}

function viewSummary(
  scope: Scope,
  identifier: string,
  summary: Summary,
  plan: BuildPlan | undefined,
): BuildSummary {
  const primary = summary.artifacts.find((artifact) => artifact.identifier === undefined);
  const type = primary ? 'S3' : plan?.artifacts.type === 'S3' ? 'S3' : 'NO_ARTIFACTS';
  return {
    arn: arnOf('codebuild', scope.region, scope.account, `build/${summary.buildId}`),
    requestedOn: new Date(summary.requestedAt),
    buildStatus: summary.status,
    primaryArtifact: { type, identifier, ...(primary ? { location: primary.location } : {}) },
    secondaryArtifacts: summary.artifacts.flatMap(viewSecondary),
  };
}

function viewSecondary({ identifier, location }: ArtifactFacts): ResolvedArtifact[] {
  return identifier === undefined ? [] : [{ type: 'S3', location, identifier }];
}
