/**
 * The decisions of a deployment group: who may deploy, which host is asked for what, and when a deployment is over.
 * Hosts ask for their commands; nothing is pushed to them, so what is due now is simply read off the state.
 *
 *   Created ─TargetsResolved─▶ InProgress ─▶ Succeeded | Failed | Stopped      (a rollback starts at Created again)
 */

import { assert, unreachable } from '#base/assert.ts';
import {
  announce,
  createDeployment,
  createDeploymentId,
  endDeployment,
  isBudgetUsedUp,
  judge,
  resolveTargets,
  type Verdict,
} from './ending.ts';
import { failureBudget, isCurrent, orderMembers } from './health.ts';
import {
  countTargets,
  isTargetEnded,
  type CommandName,
  type Deployment,
  type DeploymentEffect,
  type DeploymentEvent,
  type DeploymentRequested,
  type GroupState,
  type Target,
} from './state.ts';
import {
  abandonTarget,
  cutTarget,
  deadlineOf,
  endEvent,
  expireCommand,
  isCut,
  isDeliverable,
  skipTarget,
  startTarget,
} from './targets.ts';

interface Stamp {
  readonly at: number;
  readonly chance: string;
}

type EngineEvent =
  | { readonly type: 'TimePassed' }
  | {
      readonly type: 'EffectFailed';
      readonly effectType: string;
      readonly effect: unknown;
      readonly message: string;
    };

type Reply =
  { readonly fault: { readonly code: string; readonly message: string } } | { readonly value: unknown };

export interface GroupDecision {
  readonly state: GroupState | undefined;
  readonly effects: readonly DeploymentEffect[];
  readonly reply?: Reply;
}

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
    active.createdAt + limits.wholeSeconds * 1000,
  );
}

/** The command that this host should be handed now, if there is one. */
export function dueCommand(state: GroupState, host: string, at: number): CommandName | undefined {
  const { active } = state;
  const target = active?.targets.find((candidate) => candidate.host === host);
  if (!active || !target?.command) return undefined;
  if (!isDeliverable(target.command, active.settings.limits, at)) return undefined;
  return { deploymentId: active.deploymentId, host, event: target.command.event };
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
  const started: Deployment = { ...found, targets, status: 'InProgress', startedAt: event.at };
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

function poll(state: GroupState, event: CommandName & Stamp): GroupDecision {
  const { active } = state;
  const due = dueCommand(state, event.host, event.at);
  if (!active || due?.deploymentId !== event.deploymentId || due.event !== event.event) {
    return { ...unchanged(state), reply: { value: { isDelivered: false } } };
  }
  return {
    state: withTarget(state, active, event.host, (target) => ({
      ...target,
      command: target.command && { ...target.command, deliveredAt: event.at },
    })),
    effects: [],
    reply: { value: { isDelivered: true } },
  };
}

/**
 * `InProgress` lets the host execute; `Succeeded` makes it drop the command. Only the first acknowledgement is let in,
 * or a repeated one of the same agent, which proves by its token that it was the first.
 */
function acknowledge(
  state: GroupState,
  event: CommandName & Stamp & { readonly token: string | undefined },
): GroupDecision {
  const found = findCommand(state, event);
  const drop: GroupDecision = { ...unchanged(state), reply: { value: { commandStatus: 'Succeeded' } } };
  if (!found) return drop;
  const { active, command } = found;
  const proceed = { value: { commandStatus: 'InProgress' } };
  if (command.acknowledgedAt !== undefined) {
    const isSame = event.token !== undefined && event.token === command.token;
    return isSame ? { ...unchanged(state), reply: proceed } : drop;
  }
  return {
    state: withTarget(state, active, event.host, (target) => ({
      ...target,
      command: { ...command, acknowledgedAt: event.at, token: event.token },
      updatedAt: event.at,
    })),
    effects: [],
    reply: proceed,
  };
}

type Completed = Extract<DeploymentEvent, { readonly type: 'CommandCompleted' }>;

/** The first completion counts. An agent that fails before it could acknowledge completes all the same. */
function complete(state: GroupState, event: Completed & Stamp): GroupDecision {
  const found = findCommand(state, event);
  if (!found) return { ...unchanged(state), reply: { value: { isAccepted: false } } };
  const { active, command } = found;
  const status = event.isSuccess ? 'Succeeded' : 'Failed';
  const heard = { ...command, acknowledgedAt: command.acknowledgedAt ?? event.at };
  const after = withTarget(state, active, event.host, (target) =>
    endEvent(active, target, heard, status, event.diagnostics, event.at),
  );
  return { ...continueActive(after, event), reply: { value: { isAccepted: true } } };
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

function deleteGroup(state: GroupState, event: Stamp): GroupDecision {
  const { active } = state;
  if (!active) return unchanged(state);
  return continueActive({ ...state, active: { ...active, ending: { reason: 'missing' } } }, event);
}

function restartPickUp(state: GroupState, at: number): GroupDecision {
  const { active } = state;
  const isWaiting = (target: Target) => target.command && target.command.acknowledgedAt === undefined;
  if (!active?.targets.some(isWaiting)) return unchanged(state);
  const targets = active.targets.map((target) =>
    target.command && isWaiting(target)
      ? { ...target, command: { ...target.command, queuedAt: at, deliveredAt: undefined } }
      : target,
  );
  return { state: { ...state, active: { ...active, targets } }, effects: [] };
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
  if (!active.targets.some(isDue)) return unchanged(state);
  const targets = active.targets.map((target) =>
    target.command && isDue(target) ? expireCommand(active, target, target.command, event.at) : target,
  );
  return continueActive({ ...state, active: { ...active, targets } }, event);
}

function effectFailed(
  state: GroupState,
  event: Extract<EngineEvent, { readonly type: 'EffectFailed' }> & Stamp,
): GroupDecision {
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

function continueActive(state: GroupState, moment: Stamp): GroupDecision {
  assert(state.active, 'a deployment goes on only while there is one');
  return advance(state, state.active, moment);
}

/** Goes as far as possible without hearing more: starts hosts while the window allows, and ends what is over. */
function advance(
  state: GroupState,
  deployment: Deployment,
  moment: Stamp,
): { readonly state: GroupState; readonly effects: readonly DeploymentEffect[] } {
  let next = deployment;
  if (next.ending === undefined && countTargets(next, 'Pending') > 0 && isBudgetUsedUp(next)) {
    next = { ...next, ending: { reason: 'health' } };
  }
  next = next.ending ? holdBack(next, moment.at) : startHosts(next, moment.at);
  if (next.targets.every(isTargetEnded)) return endDeployment(state, next, judge(next), moment);
  return { state: { ...state, active: next }, effects: [] };
}

function holdBack(deployment: Deployment, at: number): Deployment {
  const targets = deployment.targets.map((target) => {
    if (isTargetEnded(target)) return target;
    if (isCut(deployment)) return cutTarget(target, at);
    return target.status === 'Pending' ? skipTarget(target, at) : target;
  });
  return { ...deployment, targets };
}

function startHosts(deployment: Deployment, at: number): Deployment {
  const budget = failureBudget(deployment.settings.minimumHealthy, deployment.targets.length);
  let free = budget - countTargets(deployment, 'Failed') - countTargets(deployment, 'InProgress');
  const targets = deployment.targets.map((target) => {
    if (target.status !== 'Pending' || free <= 0) return target;
    free -= 1;
    return startTarget(target, at);
  });
  return { ...deployment, targets };
}

function findCommand(state: GroupState, name: CommandName) {
  const { active } = state;
  if (active?.deploymentId !== name.deploymentId) return undefined;
  const command = active.targets.find((target) => target.host === name.host)?.command;
  return command?.event === name.event ? { active, command } : undefined;
}

function withTarget(
  state: GroupState,
  active: Deployment,
  host: string,
  change: (target: Target) => Target,
): GroupState {
  const targets = active.targets.map((target) => (target.host === host ? change(target) : target));
  return { ...state, active: { ...active, targets } };
}

function unchanged(state: GroupState): { readonly state: GroupState; readonly effects: readonly [] } {
  return { state, effects: [] };
}
