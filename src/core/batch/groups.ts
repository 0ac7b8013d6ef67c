/** The builds of a batch, one by one: which may start, which failed, and how one is begun, ended or begun again. */

import { deriveUuid } from '#base/ids.ts';
import { ROOT_IDENTIFIER, type BatchBuild } from './batch-spec.ts';
import type { BatchPlan, BatchState, BuildEnd, BuildSummary, Group } from './state.ts';

export function newGroup(build: BatchBuild): Group {
  return { build, progress: 'WAITING', attempt: 0, prior: [] };
}

export const ROOT: BatchBuild = {
  identifier: ROOT_IDENTIFIER,
  dependsOn: [],
  ignoreFailure: false,
  environment: { variables: {} },
};

/** The root first, as CodeBuild shows them. */
export function allGroups({ root, groups }: BatchState): readonly Group[] {
  return [root, ...groups];
}

export function groupOf(state: BatchState, buildId: string): Group | undefined {
  return allGroups(state).find(({ current }) => current?.buildId === buildId);
}

export function changeGroup(state: BatchState, changed: Group): BatchState {
  const { identifier } = changed.build;
  if (identifier === ROOT_IDENTIFIER) return { ...state, root: changed };
  const groups = state.groups.map((group) => (group.build.identifier === identifier ? changed : group));
  return { ...state, groups };
}

export function isActive({ progress }: Group): boolean {
  return progress === 'STARTING' || progress === 'RUNNING';
}

export function hasFailed({ progress, current, problem }: Group): boolean {
  return progress === 'ENDED' && (problem !== undefined || current?.status !== 'SUCCEEDED');
}

/** Those of its batch that keep it from success. */
export function failedGroups({ groups }: BatchState): readonly Group[] {
  return groups.filter((group) => hasFailed(group) && !group.build.ignoreFailure);
}

/** Groups that wait for nothing but to be started. */
export function readyGroups({ groups }: BatchState): readonly Group[] {
  const isPassed = (group: Group) =>
    group.progress === 'ENDED' && (group.build.ignoreFailure || !hasFailed(group));
  const passed = new Set(groups.filter(isPassed).map(({ build }) => build.identifier));
  return groups.filter(
    ({ progress, build }) => progress === 'WAITING' && build.dependsOn.every((other) => passed.has(other)),
  );
}

export function begin(plan: BatchPlan, group: Group, at: number): Group {
  const buildId = `${plan.projectName}:${deriveUuid(`${plan.arn}/${group.build.identifier}`, group.attempt)}`;
  const current: BuildSummary = {
    buildId,
    requestedAt: at,
    status: 'IN_PROGRESS',
    artifacts: [],
    reportArns: [],
  };
  return { ...group, progress: 'STARTING', current };
}

export function end(group: Group, { status, artifacts, reportArns }: BuildEnd): Group {
  const { current } = group;
  return {
    ...group,
    progress: 'ENDED',
    ...(current ? { current: { ...current, status, artifacts, reportArns } } : {}),
  };
}

/** It was not started: it waits again, or it never will be. */
export function unstarted({ current: _, ...group }: Group, problem: string | undefined): Group {
  return problem === undefined ? { ...group, progress: 'WAITING' } : { ...group, progress: 'ENDED', problem };
}

/** To be done once more, as another build. */
export function again({ build, attempt, current, prior }: Group): Group {
  return {
    build,
    progress: 'WAITING',
    attempt: attempt + 1,
    prior: current ? [...prior, current] : prior,
  };
}
