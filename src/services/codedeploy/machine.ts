/**
 * The machine of deployment groups as the engine runs it: the decisions of `core/deployment`, what they order done in
 * the world, and the rows that are written in the same transaction.
 */

import { isFault } from '#base/fault.ts';
import { groupDecider } from '#core/deployment/decide.ts';
import {
  isEnded,
  type Deployment,
  type DeploymentEffect,
  type DeploymentEvent,
  type GroupState,
  type S3Revision,
} from '#core/deployment/state.ts';
import { isSelected } from '#core/deployment/tags.ts';
import type { Change, EngineEvent, Machine } from '#engine/machine.ts';
import type { Assumed, House } from '#services/service.ts';
import type { Kysely } from 'kysely';
import type { Bell } from '#base/bell.ts';
import { readAlarmStates } from './alarms.ts';
import { applicationArn, groupArn } from './names.ts';
import { groupOfId, tagsOf, type Group } from './room.ts';
import { rows, within } from './tables.ts';

type GroupMachine = Machine<GroupState, DeploymentEvent, DeploymentEffect>;
type Effect<Type extends DeploymentEffect['type']> = Extract<DeploymentEffect, { readonly type: Type }>;
type GroupChange = Change<GroupState, DeploymentEvent | EngineEvent, DeploymentEffect>;

const GONE = ['NotFound', 'NoSuchKey', 'NoSuchBucket', 'NoSuchVersion'];

export function createGroupMachine(house: House, bell: Bell): GroupMachine {
  return {
    kind: 'codedeploy.group',
    decider: groupDecider,
    effects: {
      ResolveTargets: (effect, { machineId }) => resolveTargets(house, machineId, effect),
      CheckAlarms: (effect) => checkAlarms(house, effect),
      Announce: async (effect, { effectId }) => {
        bell.ring(effect.hosts);
        await announce(house, effect, effectId);
        return undefined;
      },
    },
    record: (transaction, change) => record(transaction, change),
  };
}

async function resolveTargets(
  house: House,
  groupId: string,
  effect: Effect<'ResolveTargets'>,
): Promise<DeploymentEvent> {
  const { deploymentId, settings } = effect;
  const failed = (code: string, message: string): DeploymentEvent => ({
    type: 'StartFailed',
    deploymentId,
    code,
    message,
  });
  const group = await groupOfId(house, groupId);
  if (!group) return failed('DEPLOYMENT_GROUP_MISSING', 'The deployment group has been deleted.');
  const role = await assumeServiceRole(house, effect);
  if ('message' in role) {
    return failed('IAM_ROLE_MISSING', `Cannot assume ${settings.serviceRoleArn}: ${role.message}`);
  }
  const pinned = await pinRevision(role, effect.revision);
  if ('missing' in pinned) return failed('REVISION_MISSING', pinned.missing);
  const { alarms } = settings;
  return {
    type: 'TargetsResolved',
    deploymentId,
    ...pinned,
    members: await membersOf(house, group),
    ...(alarms ? { alarms: await readAlarmStates(role, alarms) } : {}),
  };
}

async function checkAlarms(house: House, effect: Effect<'CheckAlarms'>): Promise<DeploymentEvent> {
  const { deploymentId, settings } = effect;
  const role = await assumeServiceRole(house, effect);
  const { alarms = { names: [], ignoresPollFailure: true } } = settings;
  const reading =
    'message' in role
      ? { active: [], failure: { code: 'IAM_ROLE_MISSING', message: role.message } }
      : await readAlarmStates(role, alarms);
  return { type: 'AlarmsChecked', deploymentId, alarms: reading };
}

async function assumeServiceRole(
  house: House,
  effect: Effect<'ResolveTargets' | 'CheckAlarms'>,
): Promise<Assumed | { readonly message: string }> {
  try {
    return await house.assumeRole({
      service: 'codedeploy',
      roleArn: effect.settings.serviceRoleArn,
      sessionName: `codedeploy-${effect.deploymentId}`,
    });
  } catch (error) {
    if (!isFault(error)) throw error;
    return { message: error.message };
  }
}

/**
 * Every host must get the same bytes, so the version and ETag of this moment are fixed for all of them. AWS's usual
 * service role may not read S3 (hosts do, with their own identity); then the newest object at each download counts,
 * as with AWS, and the deployment says so.
 */
async function pinRevision(
  role: Assumed,
  revision: S3Revision,
): Promise<
  { readonly revision: S3Revision; readonly note: string | undefined } | { readonly missing: string }
> {
  const place = `s3://${revision.bucket}/${revision.key}`;
  try {
    const head = await role.send('s3:HeadObject', {
      Bucket: revision.bucket,
      Key: revision.key,
      ...(revision.version === undefined ? {} : { VersionId: revision.version }),
    });
    const eTag = head.ETag?.replaceAll('"', '');
    if (revision.eTag !== undefined && revision.eTag !== eTag) {
      return { missing: `The object ${place} has changed: its ETag is no longer ${revision.eTag}.` };
    }
    const version = head.VersionId !== undefined && head.VersionId !== 'null' ? head.VersionId : undefined;
    return {
      revision: { ...revision, ...(eTag ? { eTag } : {}), ...(version ? { version } : {}) },
      note: undefined,
    };
  } catch (error) {
    if (!isFault(error)) throw error;
    if (GONE.includes(error.code)) return { missing: `There is no object ${place}.` };
    const note = `The revision could not be pinned, each host gets the newest one: ${error.message}`;
    return { revision, note };
  }
}

async function membersOf(house: House, { settings }: Group) {
  const registered = await rows(house.database)
    .selectFrom('codedeploy_instances')
    .selectAll()
    .where('deregistered_at', 'is', null)
    .execute();
  const selection = { filters: settings.onPremisesFilters, sets: settings.onPremisesSets };
  return registered
    .filter((row) => isSelected(tagsOf(row), selection))
    .map((row) => ({ host: row.name, arn: row.instance_arn }));
}

async function announce(house: House, effect: Effect<'Announce'>, effectId: string): Promise<void> {
  const { deploymentId, state, settings } = effect;
  await house.publish({
    id: effectId,
    source: 'aws.codedeploy',
    detailType: 'CodeDeploy Deployment State-change Notification',
    account: house.account,
    region: house.region,
    at: house.clock.now(),
    resources: [
      applicationArn(house, settings.applicationName),
      groupArn(house, settings.applicationName, settings.groupName),
    ],
    detail: {
      region: house.region,
      application: settings.applicationName,
      deploymentGroup: settings.groupName,
      deploymentId,
      state,
    },
  });
}

/** Indexes what is under way and keeps what has ended, in the transaction that decided it. */
async function record(
  transaction: Kysely<unknown>,
  { id, before, after, event }: GroupChange,
): Promise<void> {
  const { active, ended } = after;
  if (active && active.deploymentId !== before?.active?.deploymentId) {
    const key = event.type === 'DeploymentRequested' ? event.key : undefined;
    await insertDeployment(transaction, id, active, key);
  }
  if (active && active.startedAt !== undefined && before?.active?.startedAt === undefined) {
    await setStatus(transaction, active);
    await assign(transaction, id, active);
  }
  if (ended && ended.deploymentId !== before?.ended?.deploymentId) {
    await setStatus(transaction, ended);
    for (const table of ['codedeploy_assignments', 'codedeploy_output'] as const) {
      await within(transaction).deleteFrom(table).where('deployment_id', '=', ended.deploymentId).execute();
    }
  }
}

async function insertDeployment(
  transaction: Kysely<unknown>,
  groupId: string,
  deployment: Deployment,
  key: string | undefined,
): Promise<void> {
  await within(transaction)
    .insertInto('codedeploy_deployments')
    .values({
      deployment_id: deployment.deploymentId,
      group_id: groupId,
      application_name: deployment.settings.applicationName,
      group_name: deployment.settings.groupName,
      status: deployment.status,
      created_at: deployment.createdAt,
      request_key: key ?? null,
      deployment: null,
    })
    .execute();
}

async function setStatus(transaction: Kysely<unknown>, deployment: Deployment): Promise<void> {
  await within(transaction)
    .updateTable('codedeploy_deployments')
    .set({
      status: deployment.status,
      deployment: isEnded(deployment) ? JSON.stringify(deployment) : null,
    })
    .where('deployment_id', '=', deployment.deploymentId)
    .execute();
}

async function assign(transaction: Kysely<unknown>, groupId: string, active: Deployment): Promise<void> {
  for (const { host } of active.targets) {
    await within(transaction)
      .insertInto('codedeploy_assignments')
      .values({ host, deployment_id: active.deploymentId, group_id: groupId })
      .execute();
  }
}
