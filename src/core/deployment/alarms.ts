/**
 * Alarms that watch over a deployment: read when it starts and every few seconds until it has ended. One that is in
 * ALARM stops it, and so does one that cannot be read, unless the group says that this does not matter.
 *
 *   InProgress ─ due ─▶ CheckAlarms ─ AlarmsChecked ─┬─ nothing ─▶ due again
 *                                                    └─ an alarm ─▶ ending: running events finish, then Stopped
 */

import type { AlarmReading, Deployment, DeploymentEffect, Ending } from './state.ts';

const POLL_SECONDS = 10;
const STOPPED =
  'One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, and the affected ' +
  'deployments have been stopped. Activated alarms:';

/** Why the deployment must not go on, or `undefined`. */
export function alarmEnding(
  { settings }: Deployment,
  { active, failure }: AlarmReading,
): (Ending & { readonly reason: 'alarm' }) | undefined {
  if (active.length > 0) {
    return { reason: 'alarm', code: 'ALARM_ACTIVE', message: `${STOPPED} <${active.join(', ')}>` };
  }
  if (failure === undefined || settings.alarms?.ignoresPollFailure !== false) return undefined;
  const message = `The deployment was stopped because its alarms could not be read: ${failure.message}`;
  return { reason: 'alarm', code: failure.code, message };
}

/** The deployment with the time when its alarms are to be read next. */
export function watchAgain(deployment: Deployment, at: number): Deployment {
  const isWatched = deployment.settings.alarms !== undefined && deployment.status === 'InProgress';
  return isWatched ? { ...deployment, alarmsDueAt: at + POLL_SECONDS * 1000 } : deployment;
}

/** Orders a reading that is due; none is due again before it was answered. */
export function checkDueAlarms(
  deployment: Deployment,
  at: number,
): { readonly deployment: Deployment; readonly effects: readonly DeploymentEffect[] } {
  const { deploymentId, settings, alarmsDueAt } = deployment;
  if (alarmsDueAt === undefined || alarmsDueAt > at) return { deployment, effects: [] };
  const { alarmsDueAt: _, ...waiting } = deployment;
  return { deployment: waiting, effects: [{ type: 'CheckAlarms', deploymentId, settings }] };
}
