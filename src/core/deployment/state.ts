/**
 * The vocabulary of in-place deployments. The machine is the deployment group: it holds the one deployment that may be
 * active, the one that ended last, and the health of its hosts. So "a group is never busy twice" and "the rollback
 * takes the slot in the same transaction" are true by construction; older deployments are rows of the room.
 */

export type DeploymentStatus = 'Created' | 'InProgress' | 'Succeeded' | 'Failed' | 'Stopped';
export type TargetStatus = 'Pending' | 'InProgress' | 'Succeeded' | 'Failed' | 'Skipped' | 'Unknown';
export type FileExistsBehavior = 'DISALLOW' | 'OVERWRITE' | 'RETAIN';

/** Lifecycle events of an in-place deployment without a load balancer, in their order. */
export const LIFECYCLE_EVENTS = [
  'ApplicationStop',
  'DownloadBundle',
  'BeforeInstall',
  'Install',
  'AfterInstall',
  'ApplicationStart',
  'ValidateService',
] as const;
export type LifecycleEventName = (typeof LIFECYCLE_EVENTS)[number];

export interface GroupState {
  readonly groupId: string;
  readonly active: Deployment | undefined;
  /** The deployment that ended last, whole, so that what comes late still finds it. */
  readonly ended: Deployment | undefined;
  readonly lastSuccessful: SuccessfulDeployment | undefined;
  /** Keys of creations that are answered again with the same deployment, newest first. */
  readonly keys: readonly { readonly key: string; readonly deploymentId: string }[];
  /** Of the hosts that were members when a deployment last started. */
  readonly hosts: Readonly<Record<string, HostRecord>>;
}

export interface HostRecord {
  /** The last attempted deployment of this group to the host succeeded. */
  readonly isHealthy: boolean;
  /** `revisionKey` of what was installed last with success; absent when nobody can tell. */
  readonly revisionKey?: string;
}

export interface SuccessfulDeployment {
  readonly deploymentId: string;
  readonly revision: S3Revision;
  readonly fileExistsBehavior: FileExistsBehavior;
  readonly createdAt: number;
  readonly endedAt: number;
}

export interface S3Revision {
  readonly bucket: string;
  readonly key: string;
  readonly bundleType: 'tar' | 'tgz' | 'zip';
  readonly version?: string;
  readonly eTag?: string;
}

export interface Deployment {
  readonly deploymentId: string;
  readonly creator: 'user' | 'codeDeployRollback';
  readonly description: string | undefined;
  readonly settings: DeploymentSettings;
  /** As asked for; with version and ETag added once the deployment has started. */
  readonly revision: S3Revision;
  readonly previousRevision: S3Revision | undefined;
  readonly status: DeploymentStatus;
  readonly createdAt: number;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  /** In the order in which they are deployed to. */
  readonly targets: readonly Target[];
  /** Why no further host is started, once that is so. */
  readonly ending: Ending | undefined;
  readonly error: { readonly code: string; readonly message: string } | undefined;
  /** A remark that is not an error. */
  readonly note: string | undefined;
  readonly rollback: RollbackInfo | undefined;
  /** When its alarms are to be read next; absent without alarms, and while a reading is under way. */
  readonly alarmsDueAt?: number;
}

/** What a deployment was created with; later changes of the group do not touch it. */
export interface DeploymentSettings {
  readonly applicationName: string;
  readonly groupName: string;
  readonly serviceRoleArn: string;
  readonly configName: string;
  readonly minimumHealthy: MinimumHealthy;
  readonly autoRollbackEvents: readonly string[];
  readonly fileExistsBehavior: FileExistsBehavior;
  readonly ignoreApplicationStopFailures: boolean;
  readonly updateOutdatedInstancesOnly: boolean;
  readonly limits: Limits;
  /** Alarms that stop the deployment; absent when none do. */
  readonly alarms?: WatchedAlarms;
  /** What the request said of alarms instead of the group, for answers. */
  readonly alarmOverride?: AlarmSettings;
}

export interface WatchedAlarms {
  readonly names: readonly string[];
  /** The deployment goes on when alarms cannot be read. */
  readonly ignoresPollFailure: boolean;
}

export interface AlarmSettings extends WatchedAlarms {
  readonly isEnabled: boolean;
}

/** What became of asking for the alarms. */
export interface AlarmReading {
  /** Names of those in ALARM. */
  readonly active: readonly string[];
  /** Why not all could be read. */
  readonly failure?: { readonly code: string; readonly message: string };
}

export type MinimumHealthy =
  | { readonly type: 'HOST_COUNT'; readonly value: number }
  | { readonly type: 'FLEET_PERCENT'; readonly value: number }
  /** At most so many hosts at a time; only the predefined OneAtATime has it. */
  | { readonly type: 'MOST_CONCURRENCY'; readonly value: number };

export interface Limits {
  /** From when a lifecycle event is due until the host has taken it. */
  readonly pickUpSeconds: number;
  /** From when the host has taken it until it has ended. */
  readonly runSeconds: number;
  readonly wholeSeconds: number;
  /** A command that was handed out and not acknowledged is handed out again after this. */
  readonly redeliverySeconds: number;
}

/** The times of the CodeDeploy quotas page; the run time includes the margin that AWS's agent counts on. */
export const LIMITS: Limits = {
  pickUpSeconds: 5 * 60,
  runSeconds: 70 * 60,
  wholeSeconds: 12 * 3600,
  redeliverySeconds: 30,
};

export interface Target {
  readonly host: string;
  readonly arn: string;
  readonly status: TargetStatus;
  readonly updatedAt: number;
  /** Lifecycle events that have ended; the one after them is in `command`, if any. */
  readonly done: readonly EndedEvent[];
  readonly command: Command | undefined;
}

export interface EndedEvent {
  readonly name: LifecycleEventName;
  readonly status: 'Succeeded' | 'Failed' | 'Unknown';
  readonly startedAt: number | undefined;
  readonly endedAt: number;
  readonly diagnostics: Diagnostics | undefined;
}

/** The lifecycle event that a host has to do now. Queued → delivered → acknowledged. */
export interface Command {
  readonly event: LifecycleEventName;
  readonly queuedAt: number;
  readonly deliveredAt: number | undefined;
  readonly acknowledgedAt: number | undefined;
  /** Told by agents that may acknowledge twice, to be recognized after their own restart. */
  readonly token: string | undefined;
}

export type LifecycleErrorCode =
  'Success' | 'ScriptMissing' | 'ScriptNotExecutable' | 'ScriptTimedOut' | 'ScriptFailed' | 'UnknownError';

export interface Diagnostics {
  readonly errorCode: LifecycleErrorCode;
  readonly scriptName: string;
  readonly message: string;
  readonly logTail: string;
}

/** `health`: hosts in work finish their plan. `stop`, `alarm`, `missing`: they finish their running event. */
export type Ending =
  | { readonly reason: 'health' }
  | { readonly reason: 'stop'; readonly autoRollback: boolean | undefined }
  | { readonly reason: 'alarm'; readonly code: string; readonly message: string }
  | { readonly reason: 'missing' };

export interface RollbackInfo {
  readonly rollbackDeploymentId?: string;
  readonly rollbackTriggeringDeploymentId?: string;
  readonly rollbackMessage: string;
}

export interface DeploymentRequested {
  readonly type: 'DeploymentRequested';
  readonly groupId: string;
  readonly settings: DeploymentSettings;
  readonly revision: S3Revision;
  readonly description: string | undefined;
  /** A second request under the same key gets the first one's deployment. */
  readonly key: string | undefined;
}

export type DeploymentEvent =
  | DeploymentRequested
  | {
      readonly type: 'TargetsResolved';
      readonly deploymentId: string;
      readonly revision: S3Revision;
      readonly note: string | undefined;
      readonly members: readonly { readonly host: string; readonly arn: string }[];
      /** Absent when no alarms watch over it. */
      readonly alarms?: AlarmReading;
    }
  | { readonly type: 'AlarmsChecked'; readonly deploymentId: string; readonly alarms: AlarmReading }
  | {
      readonly type: 'StartFailed';
      readonly deploymentId: string;
      readonly code: string;
      readonly message: string;
    }
  | ({ readonly type: 'CommandPolled' } & CommandName)
  | ({ readonly type: 'CommandAcknowledged'; readonly token: string | undefined } & CommandName)
  | ({
      readonly type: 'CommandCompleted';
      readonly isSuccess: boolean;
      readonly diagnostics: Diagnostics | undefined;
    } & CommandName)
  | {
      readonly type: 'StopRequested';
      readonly deploymentId: string;
      readonly autoRollback: boolean | undefined;
    }
  | { readonly type: 'GroupDeleted' }
  /** The house was closed for a while: hosts could not pick anything up, so their time starts again. */
  | { readonly type: 'HouseOpened' };

export interface CommandName {
  readonly deploymentId: string;
  readonly host: string;
  readonly event: LifecycleEventName;
}

export type DeploymentEffect =
  | {
      /** Finds the hosts and the exact revision; answered with TargetsResolved or StartFailed. */
      readonly type: 'ResolveTargets';
      readonly deploymentId: string;
      readonly settings: DeploymentSettings;
      readonly revision: S3Revision;
    }
  | {
      /** Reads the alarms; answered with AlarmsChecked. */
      readonly type: 'CheckAlarms';
      readonly deploymentId: string;
      readonly settings: DeploymentSettings;
    }
  | {
      /** Tells the bus. */
      readonly type: 'Announce';
      readonly deploymentId: string;
      readonly state: 'START' | 'SUCCESS' | 'FAILURE' | 'STOP';
      readonly settings: DeploymentSettings;
      readonly hosts: readonly string[];
    };

/** Two revisions with one key are the same bytes. */
export function revisionKey(revision: S3Revision): string {
  return JSON.stringify([revision.bucket, revision.key, revision.version ?? '', revision.eTag ?? '']);
}

export function isEnded(deployment: Deployment): boolean {
  return (
    deployment.status === 'Succeeded' || deployment.status === 'Failed' || deployment.status === 'Stopped'
  );
}

export function isTargetEnded(target: Target): boolean {
  return target.status !== 'Pending' && target.status !== 'InProgress';
}

export function countTargets(deployment: Deployment, status: TargetStatus): number {
  return deployment.targets.reduce((count, target) => count + (target.status === status ? 1 : 0), 0);
}
