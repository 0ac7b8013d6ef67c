/** The commands of hosts: handing them out, letting exactly one agent execute them, taking the first result. */

import type { Stamp } from '#base/decider.ts';
import { continueActive, unchanged, type GroupDecision } from './advance.ts';
import type { CommandName, Deployment, DeploymentEvent, GroupState, Target } from './state.ts';
import { endEvent, isDeliverable } from './targets.ts';

/** The command that this host should be handed now, if there is one. */
export function dueCommand(state: GroupState, host: string, at: number): CommandName | undefined {
  const { active } = state;
  const target = active?.targets.find((candidate) => candidate.host === host);
  if (!active || !target?.command) return undefined;
  if (!isDeliverable(target.command, active.settings.limits, at)) return undefined;
  return { deploymentId: active.deploymentId, host, event: target.command.event };
}

export function poll(state: GroupState, event: CommandName & Stamp): GroupDecision {
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
export function acknowledge(
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
export function complete(state: GroupState, event: Completed & Stamp): GroupDecision {
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

export function restartPickUp(state: GroupState, at: number): GroupDecision {
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
