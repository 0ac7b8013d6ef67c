/** What the files of this room share: the house, the machine of groups, the bell; and how things are looked up. */

import { fault } from '#base/fault.ts';
import type {
  AlarmSettings,
  Deployment,
  DeploymentEffect,
  DeploymentEvent,
  GroupState,
} from '#core/deployment/state.ts';
import type { Tag, TagFilter } from '#core/deployment/tags.ts';
import type { Machine } from '#engine/machine.ts';
import type { Call, House } from '#services/service.ts';
import type { Bell } from '#base/bell.ts';
import * as names from './names.ts';
import { rows, type ApplicationRow, type DeploymentRow, type GroupRow } from './tables.ts';

export interface Room {
  readonly house: House;
  readonly machine: Machine<GroupState, DeploymentEvent, DeploymentEffect>;
  readonly bell: Bell;
}

/** What a group was configured with, as it is kept. Members of EC2 are kept for answers; no host here has them. */
export interface GroupSettings {
  readonly configName: string;
  readonly serviceRoleArn: string;
  readonly onPremisesFilters: readonly TagFilter[];
  readonly onPremisesSets: readonly (readonly TagFilter[])[];
  readonly ec2Filters: readonly TagFilter[];
  readonly ec2Sets: readonly (readonly TagFilter[])[];
  readonly autoRollback: { readonly enabled: boolean; readonly events: readonly string[] } | undefined;
  readonly outdatedInstancesStrategy: 'UPDATE' | 'IGNORE';
  /** Absent when the group was never told of any. */
  readonly alarms?: AlarmSettings | undefined;
}

export interface Group {
  readonly row: GroupRow;
  readonly application: ApplicationRow;
  readonly settings: GroupSettings;
}

/** A deployment with the group that it belongs to; the group may be gone or have another name by now. */
export interface FoundDeployment {
  readonly row: DeploymentRow;
  readonly deployment: Deployment;
}

export async function findApplication(
  house: House,
  name: string | undefined,
): Promise<ApplicationRow | undefined> {
  return rows(house.database)
    .selectFrom('codedeploy_applications')
    .selectAll()
    .where('name', '=', names.applicationName(name))
    .executeTakeFirst();
}

export async function requireApplication(house: House, name: string | undefined): Promise<ApplicationRow> {
  const row = await findApplication(house, name);
  if (row) return row;
  throw fault('ApplicationDoesNotExistException', `No application found for name: ${name}`);
}

export async function requireGroup(
  house: House,
  application: string | undefined,
  name: string | undefined,
): Promise<Group> {
  const group = await findGroup(house, await requireApplication(house, application), name);
  if (group) return group;
  throw fault('DeploymentGroupDoesNotExistException', `No Deployment Group found for name: ${name}`);
}

export async function findGroup(
  house: House,
  application: ApplicationRow,
  name: string | undefined,
): Promise<Group | undefined> {
  const row = await rows(house.database)
    .selectFrom('codedeploy_groups')
    .selectAll()
    .where('application_id', '=', application.application_id)
    .where('name', '=', names.groupName(name))
    .executeTakeFirst();
  return row && { row, application, settings: JSON.parse(row.settings) as GroupSettings };
}

/** The group of an id, with its present names; `undefined` once it or its application is deleted. */
export async function groupOfId(house: House, groupId: string): Promise<Group | undefined> {
  const row = await rows(house.database)
    .selectFrom('codedeploy_groups')
    .selectAll()
    .where('group_id', '=', groupId)
    .executeTakeFirst();
  if (!row) return undefined;
  const application = await rows(house.database)
    .selectFrom('codedeploy_applications')
    .selectAll()
    .where('application_id', '=', row.application_id)
    .executeTakeFirst();
  return application && { row, application, settings: JSON.parse(row.settings) as GroupSettings };
}

/** Who may do nothing with any deployment is not told which ids exist. */
export async function requireAllowedDeployment(
  room: Room,
  call: Call,
  action: string,
  id: string | undefined,
): Promise<FoundDeployment> {
  const found = await findDeployment(room, names.deploymentId(id));
  await authorizeDeployment(room, call, action, found?.row);
  if (found) return found;
  throw fault('DeploymentDoesNotExistException', `The deployment ${id} could not be found`);
}

/** An ended deployment is in its row; one under way in its group's machine. It may end between the two looks. */
export async function findDeployment(room: Room, id: string): Promise<FoundDeployment | undefined> {
  const row = await deploymentRow(room, id);
  if (!row) return undefined;
  if (row.deployment !== null) return { row, deployment: JSON.parse(row.deployment) as Deployment };
  const state = await room.house.engine.read(room.machine, row.group_id);
  for (const deployment of [state?.active, state?.ended]) {
    if (deployment?.deploymentId === id) return { row, deployment };
  }
  const later = await deploymentRow(room, id);
  return later?.deployment
    ? { row: later, deployment: JSON.parse(later.deployment) as Deployment }
    : undefined;
}

/**
 * Deployment operations are allowed on the deployment group, under the names that it has now: those it had before may
 * belong to another group. Of a deployment that is not there they are asked of all groups.
 */
export async function authorizeDeployment(
  room: Room,
  call: Call,
  action: string,
  row: DeploymentRow | undefined,
): Promise<void> {
  const group = row && (await groupOfId(room.house, row.group_id));
  const application = group?.application.name ?? row?.application_name ?? '*';
  const resource = names.groupArn(call, application, group?.row.name ?? row?.group_name ?? '*');
  await call.authorize({ action: `codedeploy:${action}`, resource });
}

export function tagsOf(row: { readonly tags: string }): readonly Tag[] {
  return JSON.parse(row.tags) as readonly Tag[];
}

async function deploymentRow(room: Room, id: string): Promise<DeploymentRow | undefined> {
  return rows(room.house.database)
    .selectFrom('codedeploy_deployments')
    .selectAll()
    .where('deployment_id', '=', id)
    .executeTakeFirst();
}
