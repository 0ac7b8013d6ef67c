/**
 * The decisions of a deployment group: who may deploy, which host is asked for what, and when a deployment is over.
 * Hosts ask for their commands; nothing is pushed to them, so what is due now is simply read off the state.
 *
 *   Created ─TargetsResolved─▶ InProgress ─▶ Succeeded | Failed | Stopped      (a rollback starts at Created again)
 */

import type { EngineEvent, Stamp } from '#base/decider.ts';
import { unreachable } from '#base/assert.ts';
import { alarmEnding, checkDueAlarms, watchAgain } from './alarms.ts';
import { advance, continueActive, unchanged, type GroupDecision } from './advance.ts';
import { acknowledge, complete, poll, restartPickUp } from './commands.ts';
import {
  announce,
  createDeployment,
  createDeploymentId,
  endDeployment,
  judge,
  resolveTargets,
  type Verdict,
} from './ending.ts';
import { failureBudget, isCurrent, orderMembers } from './health.ts';
import {
  isTargetEnded,
  type AlarmReading,
  type Deployment,
  type DeploymentEffect,
  type DeploymentEvent,
  type DeploymentRequested,
  type GroupState,
  type Target,
} from './state.ts';
import { abandonTarget, deadlineOf, expireCommand, isCut } from './targets.ts';

export const TARGETS_MAX = 1000;
const KEYS_MAX = 20;

export const groupDecider = {
  version: 1,
  decide: decideGroup,
  wakeAt,
};

export function decideGroup(
  state: GroupState | undefined,
  event: (DeploymentEvent | EngineEvent) & Stamp,
): GroupDecision {
  if (event.type === 'DeploymentRequested') return request(state ?? createGroup(event.groupId), event);
  if (state === undefined) return { state, effects: [] };
  switch (event.type) {
    case 'TargetsResolved':
      return resolve(state, event);
    case 'AlarmsChecked':
      return alarmsChecked(state, event.deploymentId, event.alarms, event);
    case 'StartFailed':
      return startFailed(state, event.deploymentId, event, event.code, event.message);
    case 'CommandPolled':
      return poll(state, event);
    case 'CommandAcknowledged':
      return acknowledge(state, event);
    case 'CommandCompleted':
      return complete(state, event);
    case 'StopRequested':
      return stop(state, event);
    case 'GroupDeleted':
      return deleteGroup(state, event);
    case 'HouseOpened':
      return restartPickUp(state, event.at);
    case 'TimePassed':
      return passTime(state, event);
    case 'EffectFailed':
      return effectFailed(state, event);
    default:
      return unreachable(event);
  }
}

/** When something is given up if nothing is heard before: the whole deployment, or a command of a host. */
export function wakeAt(state: GroupState): number | undefined {
  const { active } = state;
  if (!active) return undefined;
  const { limits } = active.settings;
  const commands = active.targets.flatMap((target) => (target.command ? [target.command] : []));
  return commands.reduce(
    (first, command) => Math.min(first, deadlineOf(command, limits)),
    Math.min(active.createdAt + limits.wholeSeconds * 1000, active.alarmsDueAt ?? Infinity),
  );
}

function createGroup(groupId: string): GroupState {
  return { groupId, active: undefined, ended: undefined, lastSuccessful: undefined, keys: [], hosts: {} };
}

function request(state: GroupState, event: DeploymentRequested & Stamp): GroupDecision {
  const earlier = event.key === undefined ? undefined : state.keys.find(({ key }) => key === event.key);
  if (earlier) return { state, effects: [], reply: { value: { deploymentId: earlier.deploymentId } } };
  if (state.active) {
    const message =
      `The Deployment Group '${event.settings.groupName}' already has an active Deployment ` +
      `'${state.active.deploymentId}'`;
    return { state, effects: [], reply: { fault: { code: 'DeploymentLimitExceededException', message } } };
  }
  const active = createDeployment({
    deploymentId: createDeploymentId(event.chance, 0),
    creator: 'user',
    description: event.description,
    settings: event.settings,
    revision: event.revision,
    previousRevision: state.lastSuccessful?.revision,
    createdAt: event.at,
  });
  const { deploymentId } = active;
  const keys =
    event.key === undefined
      ? state.keys
      : [{ key: event.key, deploymentId }, ...state.keys].slice(0, KEYS_MAX);
  return {
    state: { ...state, active, keys },
    effects: [resolveTargets(active)],
    reply: { value: { deploymentId } },
  };
}

type Resolved = Extract<DeploymentEvent, { readonly type: 'TargetsResolved' }>;

function resolve(state: GroupState, event: Resolved & Stamp): GroupDecision {
  const { active } = state;
  if (active?.deploymentId !== event.deploymentId || active.status !== 'Created') return unchanged(state);
  const known = Object.fromEntries(
    event.members.flatMap(({ host }) => (state.hosts[host] ? [[host, state.hosts[host]]] : [])),
  );
  const due = active.settings.updateOutdatedInstancesOnly
    ? event.members.filter(({ host }) => !isCurrent(state, state.hosts[host]))
    : event.members;
  const targets = orderMembers(due, state, event.chance).map(({ host, arn }): Target => ({
    host,
    arn,
    status: 'Pending',
    updatedAt: event.at,
    done: [],
    command: undefined,
  }));
  const members: GroupState = { ...state, hosts: known };
  const found: Deployment = { ...active, revision: event.revision, note: event.note };
  const refusal = refuseTargets(found, targets.length);
  if (refusal) return endDeployment(members, found, { status: 'Failed', error: refusal }, event);
  const ending = event.alarms && alarmEnding(found, event.alarms);
  if (ending) {
    const stopped: Deployment = { ...found, ending };
    return endDeployment(members, stopped, judge(stopped), event);
  }
  const started = watchAgain({ ...found, targets, status: 'InProgress', startedAt: event.at }, event.at);
  const next = advance(members, started, event);
  const running = next.state.active ?? started;
  return { ...next, effects: [announce(running, 'START'), ...next.effects] };
}

function refuseTargets(deployment: Deployment, count: number): Verdict['error'] {
  if (count === 0) {
    return {
      code: 'NO_INSTANCES',
      message:
        'No hosts were found for the deployment group. Check its tags, and that hosts with these tags are registered.',
    };
  }
  if (count > TARGETS_MAX) {
    return {
      code: 'OVER_MAX_INSTANCES',
      message: `A deployment may have ${TARGETS_MAX} hosts; ${count} match.`,
    };
  }
  if (failureBudget(deployment.settings.minimumHealthy, count) <= 0) {
    return {
      code: 'HEALTH_CONSTRAINTS_INVALID',
      message:
        `The minimum number of healthy hosts leaves none of the ${count} hosts to deploy to. ` +
        'Lower the minimum or add hosts.',
    };
  }
  return undefined;
}

type Stop = Extract<DeploymentEvent, { readonly type: 'StopRequested' }>;

function stop(state: GroupState, event: Stop & Stamp): GroupDecision {
  const { active } = state;
  if (active?.deploymentId !== event.deploymentId) {
    const message = `The deployment ${event.deploymentId} is already completed.`;
    return {
      ...unchanged(state),
      reply: { fault: { code: 'DeploymentAlreadyCompletedException', message } },
    };
  }
  const stopping: Deployment = isCut(active)
    ? active
    : { ...active, ending: { reason: 'stop', autoRollback: event.autoRollback } };
  const next = continueActive({ ...state, active: stopping }, event);
  const isOver = next.state?.active?.deploymentId !== event.deploymentId;
  const value = isOver
    ? { status: 'Succeeded', statusMessage: 'No more lifecycle events are scheduled.' }
    : { status: 'Pending', statusMessage: 'Lifecycle events that hosts have begun are being finished.' };
  return { ...next, reply: { value } };
}

/** The first reason to end counts, but for hosts that finish their plan after others failed: an alarm cuts them short. */
function alarmsChecked(
  state: GroupState,
  deploymentId: string,
  reading: AlarmReading,
  event: Stamp,
): GroupDecision {
  const { active } = state;
  if (active?.deploymentId !== deploymentId || isCut(active)) return unchanged(state);
  const ending = alarmEnding(active, reading);
  if (!ending) return { state: { ...state, active: watchAgain(active, event.at) }, effects: [] };
  return continueActive({ ...state, active: { ...active, ending } }, event);
}

function deleteGroup(state: GroupState, event: Stamp): GroupDecision {
  const { active } = state;
  if (!active) return unchanged(state);
  return continueActive({ ...state, active: { ...active, ending: { reason: 'missing' } } }, event);
}

function passTime(state: GroupState, event: Stamp): GroupDecision {
  const { active } = state;
  if (!active) return unchanged(state);
  const { limits } = active.settings;
  if (event.at >= active.createdAt + limits.wholeSeconds * 1000) {
    const targets = active.targets.map((target) =>
      isTargetEnded(target) ? target : abandonTarget(target, event.at),
    );
    const message = `The deployment did not end within ${limits.wholeSeconds} seconds.`;
    return endDeployment(
      state,
      { ...active, targets },
      { status: 'Failed', error: { code: 'TIMEOUT', message } },
      event,
    );
  }
  const isDue = (target: Target) => target.command && deadlineOf(target.command, limits) <= event.at;
  const { deployment: watched, effects } = checkDueAlarms(active, event.at);
  if (!active.targets.some(isDue)) return { state: { ...state, active: watched }, effects };
  const targets = active.targets.map((target) =>
    target.command && isDue(target) ? expireCommand(active, target, target.command, event.at) : target,
  );
  const next = continueActive({ ...state, active: { ...watched, targets } }, event);
  return { ...next, effects: [...effects, ...next.effects] };
}

function effectFailed(
  state: GroupState,
  event: Extract<EngineEvent, { readonly type: 'EffectFailed' }> & Stamp,
): GroupDecision {
  if (event.effectType === 'CheckAlarms') {
    const { deploymentId } = event.effect as Extract<DeploymentEffect, { readonly type: 'CheckAlarms' }>;
    const failure = { code: 'INTERNAL_ERROR', message: event.message };
    return alarmsChecked(state, deploymentId, { active: [], failure }, event);
  }
  if (event.effectType !== 'ResolveTargets') return unchanged(state);
  const { deploymentId } = event.effect as Extract<DeploymentEffect, { readonly type: 'ResolveTargets' }>;
  return startFailed(state, deploymentId, event, 'INTERNAL_ERROR', event.message);
}

function startFailed(
  state: GroupState,
  deploymentId: string,
  moment: Stamp,
  code: string,
  message: string,
): GroupDecision {
  const { active } = state;
  if (active?.deploymentId !== deploymentId || active.status !== 'Created') return unchanged(state);
  return endDeployment(state, active, { status: 'Failed', error: { code, message } }, moment);
}
