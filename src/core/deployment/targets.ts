/** One host's way through the lifecycle events of a deployment: one event at a time, in their order. */

import {
  LIFECYCLE_EVENTS,
  type Command,
  type Deployment,
  type Diagnostics,
  type EndedEvent,
  type Limits,
  type Target,
} from './state.ts';

const MESSAGE_CHARACTERS_MAX = 2048;
const LOG_CHARACTERS_MAX = 4096;
const SCRIPT_NAME_CHARACTERS_MAX = 1024;

/** Makes the first lifecycle event due. */
export function startTarget(target: Target, at: number): Target {
  return queueNext({ ...target, status: 'InProgress' }, at);
}

/** Nothing was ever asked of the host, or nothing more will be. */
export function skipTarget(target: Target, at: number): Target {
  return { ...target, status: 'Skipped', command: undefined, updatedAt: at };
}

/** Whether the command may be handed out now: never yet, or long ago and still not acknowledged. */
export function isDeliverable(command: Command, limits: Limits, at: number): boolean {
  if (command.acknowledgedAt !== undefined) return false;
  return command.deliveredAt === undefined || at >= command.deliveredAt + limits.redeliverySeconds * 1000;
}

/** When the command is given up if nothing more is heard. */
export function deadlineOf(command: Command, limits: Limits): number {
  return command.acknowledgedAt === undefined
    ? command.queuedAt + limits.pickUpSeconds * 1000
    : command.acknowledgedAt + limits.runSeconds * 1000;
}

/** The running event has ended; what follows depends on the result and on whether the deployment is being cut. */
export function endEvent(
  deployment: Deployment,
  target: Target,
  command: Command,
  status: 'Succeeded' | 'Failed',
  diagnostics: Diagnostics | undefined,
  at: number,
): Target {
  const ended: EndedEvent = {
    name: command.event,
    status,
    startedAt: command.acknowledgedAt,
    endedAt: at,
    diagnostics: diagnostics && cut(diagnostics),
  };
  const after: Target = { ...target, done: [...target.done, ended], command: undefined, updatedAt: at };
  const isForgiven = command.event === 'ApplicationStop' && deployment.settings.ignoreApplicationStopFailures;
  if (status === 'Failed' && !isForgiven) return { ...after, status: 'Failed' };
  if (after.done.length === LIFECYCLE_EVENTS.length) return { ...after, status: 'Succeeded' };
  return isCut(deployment) ? { ...after, status: 'Skipped' } : queueNext(after, at);
}

/** Time is up for the command; nobody knows what the host did with it beyond what it said. */
export function expireCommand(deployment: Deployment, target: Target, command: Command, at: number): Target {
  const { pickUpSeconds, runSeconds } = deployment.settings.limits;
  const message =
    command.acknowledgedAt === undefined
      ? `The agent on the host did not receive the lifecycle event ${command.event} within ${pickUpSeconds} seconds. ` +
        'Check that the agent is running and can reach the server.'
      : `The lifecycle event ${command.event} did not end within ${runSeconds} seconds after the host had taken it.`;
  const unknown: Diagnostics = { errorCode: 'UnknownError', scriptName: '', message, logTail: '' };
  const failed = endEvent(deployment, target, command, 'Failed', unknown, at);
  // A host that does not answer is not asked again, even where a failure of the event would be forgiven.
  return failed.status === 'Failed' ? failed : { ...failed, status: 'Failed', command: undefined };
}

/** The deployment ends over the host's head: what it is doing now, nobody can tell. */
export function abandonTarget(target: Target, at: number): Target {
  const { command } = target;
  if (command === undefined || command.acknowledgedAt === undefined) return skipTarget(target, at);
  const unknown: EndedEvent = {
    name: command.event,
    status: 'Unknown',
    startedAt: command.acknowledgedAt,
    endedAt: at,
    diagnostics: undefined,
  };
  return {
    ...target,
    status: 'Unknown',
    done: [...target.done, unknown],
    command: undefined,
    updatedAt: at,
  };
}

/** Stopping: a host between two events stops where it is, and one that has not taken its event never will. */
export function cutTarget(target: Target, at: number): Target {
  if (target.status === 'Pending') return skipTarget(target, at);
  if (target.command && target.command.acknowledgedAt === undefined) return skipTarget(target, at);
  return target;
}

export function isCut(deployment: Deployment): boolean {
  return deployment.ending !== undefined && deployment.ending.reason !== 'health';
}

function queueNext(target: Target, at: number): Target {
  const event = LIFECYCLE_EVENTS[target.done.length];
  if (event === undefined) return target;
  const command: Command = {
    event,
    queuedAt: at,
    deliveredAt: undefined,
    acknowledgedAt: undefined,
    token: undefined,
  };
  return { ...target, command, updatedAt: at };
}

function cut(diagnostics: Diagnostics): Diagnostics {
  return {
    errorCode: diagnostics.errorCode,
    scriptName: diagnostics.scriptName.slice(0, SCRIPT_NAME_CHARACTERS_MAX),
    message: diagnostics.message.slice(0, MESSAGE_CHARACTERS_MAX),
    logTail: diagnostics.logTail.slice(-LOG_CHARACTERS_MAX),
  };
}
