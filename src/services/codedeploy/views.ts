/** States and rows → what AWS answers. Pure. */

import {
  countTargets,
  isTargetEnded,
  LIFECYCLE_EVENTS,
  type AlarmSettings,
  type Deployment,
  type Diagnostics,
  type GroupState,
  type S3Revision,
  type Target,
} from '#core/deployment/state.ts';
import type { TagFilter } from '#core/deployment/tags.ts';
import type {
  AlarmConfiguration,
  DeploymentGroupInfo,
  DeploymentInfo,
  DeploymentTarget,
  InstanceSummary,
  LastDeploymentInfo,
  LifecycleEvent,
  RevisionLocation,
} from '@aws-sdk/client-codedeploy';
import type { Group } from './room.ts';

const STYLE = { deploymentType: 'IN_PLACE', deploymentOption: 'WITHOUT_TRAFFIC_CONTROL' } as const;

export function groupView(
  { row, application, settings }: Group,
  state: GroupState | undefined,
): DeploymentGroupInfo {
  const attempted = state?.active ?? state?.ended;
  const success = state?.lastSuccessful;
  return {
    applicationName: application.name,
    deploymentGroupId: row.group_id,
    deploymentGroupName: row.name,
    deploymentConfigName: settings.configName,
    serviceRoleArn: settings.serviceRoleArn,
    onPremisesInstanceTagFilters: settings.onPremisesFilters.map(filterView),
    onPremisesTagSet:
      settings.onPremisesSets.length > 0
        ? { onPremisesTagSetList: settings.onPremisesSets.map((filters) => filters.map(filterView)) }
        : undefined,
    ec2TagFilters: settings.ec2Filters.map(filterView),
    ec2TagSet:
      settings.ec2Sets.length > 0
        ? { ec2TagSetList: settings.ec2Sets.map((filters) => filters.map(filterView)) }
        : undefined,
    autoScalingGroups: [],
    triggerConfigurations: [],
    autoRollbackConfiguration: settings.autoRollback && {
      enabled: settings.autoRollback.enabled,
      events: settings.autoRollback.events as 'DEPLOYMENT_FAILURE'[],
    },
    alarmConfiguration: settings.alarms && alarmView(settings.alarms),
    deploymentStyle: STYLE,
    outdatedInstancesStrategy: settings.outdatedInstancesStrategy,
    computePlatform: 'Server',
    terminationHookEnabled: false,
    targetRevision: success && revisionView(success.revision),
    lastSuccessfulDeployment: success && {
      deploymentId: success.deploymentId,
      status: 'Succeeded',
      createTime: new Date(success.createdAt),
      endTime: new Date(success.endedAt),
    },
    lastAttemptedDeployment: attempted && lastView(attempted),
  };
}

function alarmView({ isEnabled, names, ignoresPollFailure }: AlarmSettings): AlarmConfiguration {
  return {
    enabled: isEnabled,
    ignorePollAlarmFailure: ignoresPollFailure,
    alarms: names.map((name) => ({ name })),
  };
}

/** The names are the present ones: a group may have been renamed while it was deployed to. */
export function deploymentView(
  deployment: Deployment,
  names: { readonly application: string; readonly group: string },
): DeploymentInfo {
  const { settings } = deployment;
  return {
    applicationName: names.application,
    deploymentGroupName: names.group,
    deploymentConfigName: settings.configName,
    deploymentId: deployment.deploymentId,
    previousRevision: deployment.previousRevision && revisionView(deployment.previousRevision),
    revision: revisionView(deployment.revision),
    status: deployment.status,
    errorInformation: deployment.error && {
      code: deployment.error.code as 'INTERNAL_ERROR',
      message: deployment.error.message,
    },
    createTime: new Date(deployment.createdAt),
    startTime: dateOf(deployment.startedAt),
    completeTime: dateOf(deployment.endedAt),
    deploymentOverview: overviewOf(deployment),
    description: deployment.description,
    creator: deployment.creator,
    ignoreApplicationStopFailures: settings.ignoreApplicationStopFailures,
    autoRollbackConfiguration: {
      enabled: settings.autoRollbackEvents.length > 0,
      events: settings.autoRollbackEvents as 'DEPLOYMENT_FAILURE'[],
    },
    updateOutdatedInstancesOnly: settings.updateOutdatedInstancesOnly,
    overrideAlarmConfiguration: settings.alarmOverride && alarmView(settings.alarmOverride),
    rollbackInfo: deployment.rollback && { ...deployment.rollback },
    deploymentStyle: STYLE,
    instanceTerminationWaitTimeStarted: false,
    fileExistsBehavior: settings.fileExistsBehavior,
    deploymentStatusMessages: deployment.note === undefined ? [] : [deployment.note],
    computePlatform: 'Server',
  };
}

export function targetView(deployment: Deployment, target: Target): DeploymentTarget {
  return {
    deploymentTargetType: 'InstanceTarget',
    instanceTarget: {
      deploymentId: deployment.deploymentId,
      targetId: target.host,
      targetArn: target.arn,
      status: target.status,
      lastUpdatedAt: new Date(target.updatedAt),
      lifecycleEvents: lifecycleView(target),
    },
  };
}

/** The form of the older operations. */
export function instanceView(deployment: Deployment, target: Target): InstanceSummary {
  return {
    deploymentId: deployment.deploymentId,
    instanceId: target.arn,
    status: target.status,
    lastUpdatedAt: new Date(target.updatedAt),
    lifecycleEvents: lifecycleView(target),
  };
}

export function revisionView(revision: S3Revision): RevisionLocation {
  const { bucket, key, bundleType, version, eTag } = revision;
  return { revisionType: 'S3', s3Location: { bucket, key, bundleType, version, eTag } };
}

/** All events of the plan are listed from the start; those that never came are skipped once the host is done. */
function lifecycleView(target: Target): LifecycleEvent[] {
  const isEnded = isTargetEnded(target);
  return LIFECYCLE_EVENTS.map((lifecycleEventName, index): LifecycleEvent => {
    const ended = target.done[index];
    if (ended) {
      return {
        lifecycleEventName,
        status: ended.status,
        startTime: dateOf(ended.startedAt),
        endTime: new Date(ended.endedAt),
        diagnostics: diagnosticsView(ended.diagnostics),
      };
    }
    const { command } = target;
    if (index === target.done.length && command?.acknowledgedAt !== undefined) {
      return { lifecycleEventName, status: 'InProgress', startTime: new Date(command.acknowledgedAt) };
    }
    return { lifecycleEventName, status: isEnded ? 'Skipped' : 'Pending' };
  });
}

function diagnosticsView(diagnostics: Diagnostics | undefined): LifecycleEvent['diagnostics'] {
  return diagnostics && { ...diagnostics };
}

function overviewOf(deployment: Deployment): DeploymentInfo['deploymentOverview'] {
  if (deployment.startedAt === undefined) return undefined;
  return {
    Pending: countTargets(deployment, 'Pending'),
    InProgress: countTargets(deployment, 'InProgress'),
    Succeeded: countTargets(deployment, 'Succeeded'),
    // A host of which nobody knows counts as failed: the six numbers add up to the number of targets.
    Failed: countTargets(deployment, 'Failed') + countTargets(deployment, 'Unknown'),
    Skipped: countTargets(deployment, 'Skipped'),
    Ready: 0,
  };
}

function lastView(deployment: Deployment): LastDeploymentInfo {
  return {
    deploymentId: deployment.deploymentId,
    status: deployment.status,
    createTime: new Date(deployment.createdAt),
    endTime: dateOf(deployment.endedAt),
  };
}

function filterView(filter: TagFilter): { Key?: string; Value?: string; Type: TagFilter['type'] } {
  return {
    ...(filter.key === undefined ? {} : { Key: filter.key }),
    ...(filter.value === undefined ? {} : { Value: filter.value }),
    Type: filter.type,
  };
}

function dateOf(at: number | undefined): Date | undefined {
  return at === undefined ? undefined : new Date(at);
}
