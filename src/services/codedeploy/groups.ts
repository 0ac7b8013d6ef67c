/** Deployment groups: which hosts belong together and how they are deployed to. Their lives are in their machines. */

import { createUuid } from '#base/chance.ts';
import { fault, isFault } from '#base/fault.ts';
import type { Call, Handler } from '#services/service.ts';
import { readSettings } from './group-settings.ts';
import * as names from './names.ts';
import { pageOf } from './paging.ts';
import { findApplication, findGroup, requireApplication, requireGroup, type Room } from './room.ts';
import { rows, within, type ApplicationRow, type GroupRow } from './tables.ts';
import { checkTags, tagsOfInput } from './tagging.ts';
import { groupView } from './views.ts';

type Codedeploy<Operation extends string> = Handler<'codedeploy', Operation>;

export function groupOperations(room: Room) {
  const { house } = room;

  const CreateDeploymentGroup: Codedeploy<'CreateDeploymentGroup'> = async (call, input) => {
    const application = await requireApplication(house, input.applicationName);
    const name = names.groupName(input.deploymentGroupName);
    const settings = await readSettings(house, input, undefined);
    await checkRole(room, call, settings.serviceRoleArn);
    const row: GroupRow = {
      group_id: createUuid(),
      application_id: application.application_id,
      name,
      created_at: call.at,
      settings: JSON.stringify(settings),
      tags: JSON.stringify(checkTags(tagsOfInput(input.tags))),
    };
    await house.database.transaction(async (transaction) => {
      const existing = await within(transaction)
        .selectFrom('codedeploy_groups')
        .select('name')
        .where('application_id', '=', application.application_id)
        .execute();
      if (existing.some((other) => other.name === name)) throw alreadyExists(application, name);
      if (existing.length >= names.GROUPS_MAX) {
        throw fault(
          'DeploymentGroupLimitExceededException',
          `The application has ${names.GROUPS_MAX} groups.`,
        );
      }
      await within(transaction).insertInto('codedeploy_groups').values(row).execute();
    });
    return { deploymentGroupId: row.group_id };
  };

  const UpdateDeploymentGroup: Codedeploy<'UpdateDeploymentGroup'> = async (call, input) => {
    const group = await requireGroup(house, input.applicationName, input.currentDeploymentGroupName);
    const name = names.groupName(input.newDeploymentGroupName ?? group.row.name);
    const settings = await readSettings(house, input, group.settings);
    if (input.serviceRoleArn !== undefined) await checkRole(room, call, settings.serviceRoleArn);
    if (name !== group.row.name && (await findGroup(house, group.application, name))) {
      throw alreadyExists(group.application, name);
    }
    await house.database.transaction(async (transaction) => {
      await within(transaction)
        .updateTable('codedeploy_groups')
        .set({ name, settings: JSON.stringify(settings) })
        .where('group_id', '=', group.row.group_id)
        .execute();
    });
    return { hooksNotCleanedUp: [] };
  };

  /** A deployment under way ends by itself; a group that is not there is deleted already. */
  const DeleteDeploymentGroup: Codedeploy<'DeleteDeploymentGroup'> = async (_call, input) => {
    const application = await findApplication(house, input.applicationName);
    const group = application && (await findGroup(house, application, input.deploymentGroupName));
    if (group) await forgetGroup(room, group.row.group_id);
    return { hooksNotCleanedUp: [] };
  };

  const GetDeploymentGroup: Codedeploy<'GetDeploymentGroup'> = async (_call, input) => {
    const group = await requireGroup(house, input.applicationName, input.deploymentGroupName);
    const state = await house.engine.read(room.machine, group.row.group_id);
    return { deploymentGroupInfo: groupView(group, state) };
  };

  const BatchGetDeploymentGroups: Codedeploy<'BatchGetDeploymentGroups'> = async (_call, input) => {
    const application = await requireApplication(house, input.applicationName);
    const wanted = input.deploymentGroupNames ?? [];
    if (wanted.length > names.PAGE_SIZE) {
      throw fault('BatchLimitExceededException', `At most ${names.PAGE_SIZE} groups can be asked for.`);
    }
    const found = await Promise.all(wanted.map((name) => findGroup(house, application, name)));
    const missing = wanted.filter((_, index) => found[index] === undefined);
    const infos = await Promise.all(
      found.flatMap((group) =>
        group
          ? [house.engine.read(room.machine, group.row.group_id).then((state) => groupView(group, state))]
          : [],
      ),
    );
    return {
      deploymentGroupsInfo: infos,
      errorMessage:
        missing.length > 0 ? `No Deployment Group found for name: ${missing.join(', ')}` : undefined,
    };
  };

  const ListDeploymentGroups: Codedeploy<'ListDeploymentGroups'> = async (_call, input) => {
    const application = await requireApplication(house, input.applicationName);
    const all = await rows(house.database)
      .selectFrom('codedeploy_groups')
      .select('name')
      .where('application_id', '=', application.application_id)
      .orderBy('name')
      .execute();
    const page = pageOf(
      all.map((row) => row.name),
      input.nextToken,
    );
    return { applicationName: application.name, deploymentGroups: page.items, nextToken: page.nextToken };
  };

  return {
    CreateDeploymentGroup,
    UpdateDeploymentGroup,
    DeleteDeploymentGroup,
    GetDeploymentGroup,
    BatchGetDeploymentGroups,
    ListDeploymentGroups,
  };
}

export async function forgetGroups(room: Room, application: ApplicationRow): Promise<void> {
  const groups = await rows(room.house.database)
    .selectFrom('codedeploy_groups')
    .select('group_id')
    .where('application_id', '=', application.application_id)
    .execute();
  for (const { group_id } of groups) await forgetGroup(room, group_id);
}

/** The row goes first, so that nobody can deploy any more; then the machine hears that its group is gone. */
async function forgetGroup({ house, machine }: Room, groupId: string): Promise<void> {
  const deleteRow = async (transaction: Parameters<typeof within>[0]) => {
    await within(transaction).deleteFrom('codedeploy_groups').where('group_id', '=', groupId).execute();
  };
  const state = await house.engine.read(machine, groupId);
  if (!state) return house.database.transaction(deleteRow);
  await house.engine.send(machine, groupId, { type: 'GroupDeleted' }, deleteRow);
}

/** Who lets a role act must be allowed to pass it on, and the role must let us assume it. */
async function checkRole({ house }: Room, call: Call, roleArn: string): Promise<void> {
  await call.authorize({
    action: 'iam:PassRole',
    resource: roleArn,
    context: { 'iam:PassedToService': 'codedeploy.amazonaws.com' },
  });
  try {
    await house.assumeRole({ service: 'codedeploy', roleArn, sessionName: 'codedeploy-check' });
  } catch (error) {
    if (!isFault(error)) throw error;
    throw fault('InvalidRoleException', `CodeDeploy cannot assume the role ${roleArn}: ${error.message}`, {
      cause: error,
    });
  }
}

function alreadyExists(application: ApplicationRow, name: string) {
  return fault(
    'DeploymentGroupAlreadyExistsException',
    `The application ${application.name} already has a deployment group with the name ${name}.`,
  );
}
