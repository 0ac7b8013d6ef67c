/**
 * How a deployment ends: its status, what its hosts and the group have become, and whether the last successful
 * revision is deployed again. A rollback is a new deployment and takes the group's slot in the same decision.
 */

import { deriveText } from '#base/ids.ts';
import { failureBudget, minimumHealthyHosts } from './health.ts';
import {
  countTargets,
  isTargetEnded,
  revisionKey,
  type Deployment,
  type DeploymentEffect,
  type DeploymentSettings,
  type GroupState,
  type HostRecord,
  type S3Revision,
  type Target,
} from './state.ts';

export interface Verdict {
  readonly status: 'Succeeded' | 'Failed' | 'Stopped';
  readonly error?: { readonly code: string; readonly message: string };
}

interface Moment {
  readonly at: number;
  readonly chance: string;
}

const HEALTH_MESSAGE =
  'The deployment failed because too many individual hosts failed, too few healthy hosts were available, or hosts of ' +
  'the deployment group are not healthy. Look at the lifecycle events of the failed hosts for the cause.';

/** The alphabet of deployment ids: `d-` and nine of these. */
const ID_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

export function createDeploymentId(chance: string, index: number): string {
  return `d-${deriveText(chance, index, ID_ALPHABET, 9)}`;
}

/** What becomes of a deployment none of whose hosts is waiting or in work any more. */
export function judge(deployment: Deployment): Verdict {
  switch (deployment.ending?.reason) {
    case 'stop':
      return {
        status: 'Stopped',
        error: { code: 'MANUAL_STOP', message: 'The deployment was stopped by request.' },
      };
    case 'alarm': {
      const { code, message } = deployment.ending;
      return { status: 'Stopped', error: { code, message } };
    }
    case 'missing':
      return {
        status: 'Failed',
        error: {
          code: 'DEPLOYMENT_GROUP_MISSING',
          message: 'The deployment group was deleted while it was deployed to.',
        },
      };
    case 'health':
    case undefined:
      return judgeHealth(deployment);
  }
}

export function isBudgetUsedUp(deployment: Deployment): boolean {
  const budget = failureBudget(deployment.settings.minimumHealthy, deployment.targets.length);
  return countTargets(deployment, 'Failed') >= budget;
}

/** Ends the active deployment with this verdict, and starts a rollback where one is due and possible. */
export function endDeployment(
  state: GroupState,
  deployment: Deployment,
  verdict: Verdict,
  moment: Moment,
): { readonly state: GroupState; readonly effects: readonly DeploymentEffect[] } {
  const ended: Deployment = {
    ...deployment,
    status: verdict.status,
    error: verdict.error,
    endedAt: moment.at,
  };
  const group: GroupState = {
    ...state,
    active: undefined,
    ended,
    hosts: hostsAfter(state, ended),
    lastSuccessful: verdict.status === 'Succeeded' ? successOf(ended, moment.at) : state.lastSuccessful,
  };
  const effects = [announce(ended, eventStateOf(verdict.status))];
  const wish = rollbackWish(ended);
  if (wish === undefined) return { state: group, effects };
  if (!state.lastSuccessful) {
    return {
      state: remark(group, ended, `${wish} No rollback: the group has no successful revision.`),
      effects,
    };
  }
  if (ended.targets.every((target) => target.done.length === 0)) {
    return { state: remark(group, ended, `${wish} No rollback: no host has been touched.`), effects };
  }
  const rollback = createRollback(ended, state.lastSuccessful, wish, moment);
  const linked: Deployment = {
    ...ended,
    rollback: { ...ended.rollback, rollbackDeploymentId: rollback.deploymentId, rollbackMessage: wish },
  };
  return {
    state: { ...group, active: rollback, ended: linked },
    effects: [...effects, resolveTargets(rollback)],
  };
}

export function announce(
  deployment: Deployment,
  state: 'START' | 'SUCCESS' | 'FAILURE' | 'STOP',
): DeploymentEffect {
  const hosts = deployment.targets.filter((target) => target.command).map((target) => target.host);
  return {
    type: 'Announce',
    deploymentId: deployment.deploymentId,
    state,
    settings: deployment.settings,
    hosts,
  };
}

export function resolveTargets(deployment: Deployment): DeploymentEffect {
  const { deploymentId, settings, revision } = deployment;
  return { type: 'ResolveTargets', deploymentId, settings, revision };
}

export function createDeployment(given: {
  readonly deploymentId: string;
  readonly creator: Deployment['creator'];
  readonly description: string | undefined;
  readonly settings: DeploymentSettings;
  readonly revision: S3Revision;
  readonly previousRevision: S3Revision | undefined;
  readonly createdAt: number;
}): Deployment {
  return {
    ...given,
    status: 'Created',
    startedAt: undefined,
    endedAt: undefined,
    targets: [],
    ending: undefined,
    error: undefined,
    note: undefined,
    rollback: undefined,
  };
}

function judgeHealth(deployment: Deployment): Verdict {
  const succeeded = countTargets(deployment, 'Succeeded');
  const minimum = minimumHealthyHosts(deployment.settings.minimumHealthy, deployment.targets.length);
  if (deployment.ending === undefined && succeeded >= Math.max(minimum, 1)) return { status: 'Succeeded' };
  const isSilent = deployment.targets.every((target) =>
    target.done.every((event) => event.startedAt === undefined),
  );
  return {
    status: 'Failed',
    error: isSilent
      ? {
          code: 'AGENT_ISSUE',
          message: 'No host picked up a command. Check that the agents are running and can reach the server.',
        }
      : { code: 'HEALTH_CONSTRAINTS', message: HEALTH_MESSAGE },
  };
}

/** Why a rollback is wished for, or `undefined` when it is not. A rollback is never rolled back. */
function rollbackWish(ended: Deployment): string | undefined {
  if (ended.creator === 'codeDeployRollback') return undefined;
  const events = ended.settings.autoRollbackEvents;
  if (ended.ending?.reason === 'stop') {
    const isWished = ended.ending.autoRollback ?? events.includes('DEPLOYMENT_STOP_ON_REQUEST');
    return isWished ? `Deployment ${ended.deploymentId} was stopped.` : undefined;
  }
  if (ended.ending?.reason === 'alarm') {
    const isWished = events.includes('DEPLOYMENT_STOP_ON_ALARM');
    return isWished ? `Deployment ${ended.deploymentId} was stopped by an alarm.` : undefined;
  }
  const isWished =
    ended.status === 'Failed' && ended.ending?.reason !== 'missing' && events.includes('DEPLOYMENT_FAILURE');
  return isWished ? `Deployment ${ended.deploymentId} failed.` : undefined;
}

function createRollback(
  ended: Deployment,
  success: NonNullable<GroupState['lastSuccessful']>,
  message: string,
  moment: Moment,
): Deployment {
  // The alarm that caused it must not stop it too.
  const { alarms: _, alarmOverride: __, ...settings } = ended.settings;
  const created = createDeployment({
    deploymentId: createDeploymentId(moment.chance, 1),
    creator: 'codeDeployRollback',
    description: undefined,
    settings: {
      ...settings,
      autoRollbackEvents: [],
      fileExistsBehavior: success.fileExistsBehavior,
      updateOutdatedInstancesOnly: false,
    },
    revision: success.revision,
    previousRevision: success.revision,
    createdAt: moment.at,
  });
  return {
    ...created,
    rollback: { rollbackTriggeringDeploymentId: ended.deploymentId, rollbackMessage: message },
  };
}

function remark(group: GroupState, ended: Deployment, rollbackMessage: string): GroupState {
  return { ...group, ended: { ...ended, rollback: { rollbackMessage } } };
}

function successOf(ended: Deployment, at: number): GroupState['lastSuccessful'] {
  return {
    deploymentId: ended.deploymentId,
    revision: ended.revision,
    fileExistsBehavior: ended.settings.fileExistsBehavior,
    createdAt: ended.createdAt,
    endedAt: at,
  };
}

function eventStateOf(status: Verdict['status']): 'SUCCESS' | 'FAILURE' | 'STOP' {
  if (status === 'Succeeded') return 'SUCCESS';
  return status === 'Failed' ? 'FAILURE' : 'STOP';
}

/** Each host that was touched is what its own result made of it; the others stay what they were. */
function hostsAfter(state: GroupState, ended: Deployment): GroupState['hosts'] {
  const touched = ended.targets.filter((target) => isTargetEnded(target) && target.done.length > 0);
  const records = touched.map((target): [string, HostRecord] => [target.host, recordOf(target, ended)]);
  return { ...state.hosts, ...Object.fromEntries(records) };
}

function recordOf(target: Target, ended: Deployment): HostRecord {
  return target.status === 'Succeeded'
    ? { isHealthy: true, revisionKey: revisionKey(ended.revision) }
    : { isHealthy: false };
}
