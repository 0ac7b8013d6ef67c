/** Deployments: asking for one, stopping one, reading what became of them. */

import { fault } from '#base/fault.ts';
import {
  LIMITS,
  type DeploymentRequested,
  type DeploymentSettings,
  type S3Revision,
} from '#core/deployment/state.ts';
import type { Call, Handler } from '#services/service.ts';
import type { CreateDeploymentInput, DeploymentInfo, StopStatus } from '@aws-sdk/client-codedeploy';
import { requireConfig } from './configs.ts';
import { readAlarms, readAutoRollback } from './group-settings.ts';
import * as names from './names.ts';
import { pageOf } from './paging.ts';
import { readRevision, registerRevision } from './revisions.ts';
import {
  authorizeDeployment,
  findDeployment,
  groupOfId,
  requireApplication,
  requireAllowedDeployment,
  requireGroup,
  type FoundDeployment,
  type Group,
  type Room,
} from './room.ts';
import { rows, within } from './tables.ts';
import { deploymentView } from './views.ts';

type Codedeploy<Operation extends string> = Handler<'codedeploy', Operation>;

const BATCH_MAX = 25;
const STATUSES = ['Created', 'Queued', 'InProgress', 'Baking', 'Succeeded', 'Failed', 'Stopped', 'Ready'];

export function deploymentOperations(room: Room) {
  const { house } = room;

  const CreateDeployment: Codedeploy<'CreateDeployment'> = async (call, input) => {
    const group = await requireGroup(house, input.applicationName, input.deploymentGroupName);
    const description = names.description(input.description);
    const key = requestKey(call, description);
    const earlier = key === undefined ? undefined : await findByKey(group, key);
    if (earlier !== undefined) return { deploymentId: earlier };
    if (input.overrideAlarmConfiguration) await authorizeOverride(call, group);
    const settings = await settingsOf(group, input);
    const revision = await revisionOf(group, input);
    await call.authorize(
      {
        action: 'codedeploy:GetDeploymentConfig',
        resource: names.configArn(call, settings.configName),
      },
      {
        action: 'codedeploy:RegisterApplicationRevision',
        resource: names.applicationArn(call, group.application.name),
      },
    );
    const event: DeploymentRequested = {
      type: 'DeploymentRequested',
      groupId: group.row.group_id,
      settings,
      revision,
      description,
      key,
    };
    const sent = await house.engine.send(room.machine, group.row.group_id, event, async (transaction) => {
      await requireStillThere(transaction, group);
      const use = { at: call.at, isUse: true, description: undefined };
      await registerRevision(within(transaction), group.application, revision, use);
    });
    return { deploymentId: (sent.value as { readonly deploymentId: string }).deploymentId };
  };

  const GetDeployment: Codedeploy<'GetDeployment'> = async (call, input) => {
    const found = await requireAllowedDeployment(room, call, 'GetDeployment', input.deploymentId);
    return { deploymentInfo: await viewOf(found) };
  };

  /** Unknown ids are left out. */
  const BatchGetDeployments: Codedeploy<'BatchGetDeployments'> = async (call, input) => {
    const wanted = (input.deploymentIds ?? []).map(names.deploymentId);
    if (wanted.length > BATCH_MAX) {
      throw fault('BatchLimitExceededException', `At most ${BATCH_MAX} deployments can be asked for.`);
    }
    const infos: DeploymentInfo[] = [];
    for (const id of wanted) {
      const found = await findDeployment(room, id);
      await authorizeDeployment(room, call, 'BatchGetDeployments', found?.row);
      if (found) infos.push(await viewOf(found));
    }
    return { deploymentsInfo: infos };
  };

  const ListDeployments: Codedeploy<'ListDeployments'> = async (_call, input) => {
    const groupId = await groupFilter(input.applicationName, input.deploymentGroupName);
    const unknown = input.includeOnlyStatuses?.find((status) => !STATUSES.includes(status));
    if (unknown !== undefined) {
      throw fault('InvalidDeploymentStatusException', `${unknown} is not the status of a deployment.`);
    }
    if (input.externalId !== undefined) return { deployments: [] };
    let query = rows(house.database).selectFrom('codedeploy_deployments').select('deployment_id');
    if (groupId !== undefined) query = query.where('group_id', '=', groupId);
    if (input.includeOnlyStatuses?.length) query = query.where('status', 'in', input.includeOnlyStatuses);
    const { start, end } = input.createTimeRange ?? {};
    if (start && end && start > end) {
      throw fault('InvalidTimeRangeException', 'The time range ends before it starts.');
    }
    if (start) query = query.where('created_at', '>=', start.getTime());
    if (end) query = query.where('created_at', '<=', end.getTime());
    const all = await query.orderBy('created_at', 'desc').orderBy('deployment_id').execute();
    const page = pageOf(
      all.map((row) => row.deployment_id),
      input.nextToken,
    );
    return { deployments: page.items, nextToken: page.nextToken };
  };

  const StopDeployment: Codedeploy<'StopDeployment'> = async (call, input) => {
    const { row } = await requireAllowedDeployment(room, call, 'StopDeployment', input.deploymentId);
    const sent = await house.engine.send(room.machine, row.group_id, {
      type: 'StopRequested',
      deploymentId: row.deployment_id,
      autoRollback: input.autoRollbackEnabled,
    });
    return sent.value as { readonly status: StopStatus; readonly statusMessage: string };
  };

  async function viewOf({ row, deployment }: FoundDeployment): Promise<DeploymentInfo> {
    const group = await groupOfId(house, row.group_id);
    return deploymentView(deployment, {
      application: group?.application.name ?? row.application_name,
      group: group?.row.name ?? row.group_name,
    });
  }

  async function settingsOf(group: Group, input: CreateDeploymentInput): Promise<DeploymentSettings> {
    if (input.targetInstances) {
      throw fault(
        'InvalidTargetInstancesException',
        'Target instances belong to blue/green deployments; the group is of the type IN_PLACE.',
      );
    }
    const config = await requireConfig(house, input.deploymentConfigName ?? group.settings.configName);
    const rollback = input.autoRollbackConfiguration
      ? readAutoRollback(input.autoRollbackConfiguration)
      : group.settings.autoRollback;
    return {
      applicationName: group.application.name,
      groupName: group.row.name,
      serviceRoleArn: group.settings.serviceRoleArn,
      configName: config.name,
      minimumHealthy: config.minimumHealthy,
      autoRollbackEvents: rollback?.enabled ? rollback.events : [],
      fileExistsBehavior: readFileExistsBehavior(input.fileExistsBehavior),
      ignoreApplicationStopFailures: input.ignoreApplicationStopFailures ?? false,
      updateOutdatedInstancesOnly: input.updateOutdatedInstancesOnly ?? false,
      limits: LIMITS,
      ...alarmsOf(group, input),
    };
  }

  /** Without one, only "bring outdated hosts up to date" is clear: to what the group runs. */
  async function revisionOf(group: Group, input: CreateDeploymentInput): Promise<S3Revision> {
    if (input.revision === undefined && input.updateOutdatedInstancesOnly) {
      const state = await house.engine.read(room.machine, group.row.group_id);
      if (state?.lastSuccessful) return state.lastSuccessful.revision;
    }
    return readRevision(input.revision);
  }

  async function findByKey(group: Group, key: string): Promise<string | undefined> {
    const row = await rows(house.database)
      .selectFrom('codedeploy_deployments')
      .select('deployment_id')
      .where('group_id', '=', group.row.group_id)
      .where('request_key', '=', key)
      .executeTakeFirst();
    return row?.deployment_id;
  }

  async function groupFilter(
    application: string | undefined,
    group: string | undefined,
  ): Promise<string | undefined> {
    if (application === undefined && group === undefined) return undefined;
    if (group === undefined) {
      await requireApplication(house, application);
      throw fault('DeploymentGroupNameRequiredException', 'Give the deployment group with its application.');
    }
    return (await requireGroup(house, application, group)).row.group_id;
  }

  return { CreateDeployment, GetDeployment, BatchGetDeployments, ListDeployments, StopDeployment };
}

/** Who takes a group's alarms away for one deployment does what an update of the group would do. */
async function authorizeOverride(call: Call, { application, row }: Group): Promise<void> {
  const resource = names.groupArn(call, application.name, row.name);
  await call.authorize({ action: 'codedeploy:UpdateDeploymentGroup', resource });
}

function alarmsOf(
  { settings }: Group,
  { overrideAlarmConfiguration: given }: CreateDeploymentInput,
): Pick<DeploymentSettings, 'alarms' | 'alarmOverride'> {
  const override = given && readAlarms(given);
  const { isEnabled, ...alarms } = override ??
    settings.alarms ?? { isEnabled: false, names: [], ignoresPollFailure: false };
  return { ...(isEnabled ? { alarms } : {}), ...(override ? { alarmOverride: override } : {}) };
}

/** CodePipeline names the action execution in the description: asking again for the same one is no new deployment. */
function requestKey(call: Call, description: string | undefined): string | undefined {
  const isPipeline = call.source === 'codepipeline.amazonaws.com';
  return isPipeline && description?.startsWith('codepipeline-action:') ? description : undefined;
}

function readFileExistsBehavior(given: string | undefined): DeploymentSettings['fileExistsBehavior'] {
  if (given === undefined) return 'DISALLOW';
  if (given === 'DISALLOW' || given === 'OVERWRITE' || given === 'RETAIN') return given;
  throw fault('InvalidFileExistsBehaviorException', `${given} is not DISALLOW, OVERWRITE or RETAIN.`);
}

async function requireStillThere(transaction: Parameters<typeof within>[0], group: Group): Promise<void> {
  const row = await within(transaction)
    .selectFrom('codedeploy_groups')
    .select('group_id')
    .where('group_id', '=', group.row.group_id)
    .executeTakeFirst();
  if (row) return;
  throw fault(
    'DeploymentGroupDoesNotExistException',
    `No Deployment Group found for name: ${group.row.name}`,
  );
}
