/** Applications: names under which groups and revisions live. */

import { createUuid } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { Handler } from '#services/service.ts';
import type { ApplicationInfo } from '@aws-sdk/client-codedeploy';
import { forgetGroups } from './groups.ts';
import * as names from './names.ts';
import { pageOf } from './paging.ts';
import { findApplication, requireApplication, type Room } from './room.ts';
import { rows, within, type ApplicationRow } from './tables.ts';
import { checkTags, tagsOfInput } from './tagging.ts';

type Codedeploy<Operation extends string> = Handler<'codedeploy', Operation>;

export function applicationOperations(room: Room) {
  const { house } = room;
  const database = () => rows(house.database);

  const CreateApplication: Codedeploy<'CreateApplication'> = async (call, input) => {
    const name = names.applicationName(input.applicationName);
    if ((input.computePlatform ?? 'Server') !== 'Server') {
      throw fault(
        'InvalidComputePlatformException',
        `Slipway deploys to hosts (compute platform Server); ${input.computePlatform} is not available.`,
      );
    }
    const row: ApplicationRow = {
      application_id: createUuid(),
      name,
      created_at: call.at,
      tags: JSON.stringify(checkTags(tagsOfInput(input.tags))),
    };
    await house.database.transaction(async (transaction) => {
      const existing = await within(transaction)
        .selectFrom('codedeploy_applications')
        .select('name')
        .execute();
      if (existing.some((other) => other.name === name)) throw alreadyExists(name);
      if (existing.length >= names.APPLICATIONS_MAX) {
        throw fault('ApplicationLimitExceededException', `There are ${names.APPLICATIONS_MAX} applications.`);
      }
      await within(transaction).insertInto('codedeploy_applications').values(row).execute();
    });
    return { applicationId: row.application_id };
  };

  const GetApplication: Codedeploy<'GetApplication'> = async (_call, input) => ({
    application: applicationView(await requireApplication(house, input.applicationName)),
  });

  const BatchGetApplications: Codedeploy<'BatchGetApplications'> = async (_call, input) => {
    const wanted = input.applicationNames ?? [];
    if (wanted.length > names.PAGE_SIZE) {
      throw fault('BatchLimitExceededException', `At most ${names.PAGE_SIZE} applications can be asked for.`);
    }
    const found = await Promise.all(wanted.map((name) => requireApplication(house, name)));
    return { applicationsInfo: found.map(applicationView) };
  };

  const ListApplications: Codedeploy<'ListApplications'> = async (_call, input) => {
    const all = await database()
      .selectFrom('codedeploy_applications')
      .select('name')
      .orderBy('name')
      .execute();
    const page = pageOf(
      all.map((row) => row.name),
      input.nextToken,
    );
    return { applications: page.items, nextToken: page.nextToken };
  };

  const UpdateApplication: Codedeploy<'UpdateApplication'> = async (_call, input) => {
    const row = await requireApplication(house, input.applicationName);
    if (input.newApplicationName === undefined) return {};
    const name = names.applicationName(input.newApplicationName);
    if (name !== row.name && (await findApplication(house, name))) throw alreadyExists(name);
    await house.database.transaction(async (transaction) => {
      await within(transaction)
        .updateTable('codedeploy_applications')
        .set({ name })
        .where('application_id', '=', row.application_id)
        .execute();
    });
    return {};
  };

  /** Deployments stay readable by their ids. An application that is not there is deleted already. */
  const DeleteApplication: Codedeploy<'DeleteApplication'> = async (_call, input) => {
    const row = await findApplication(house, input.applicationName);
    if (!row) return {};
    await forgetGroups(room, row);
    await house.database.transaction(async (transaction) => {
      const { application_id } = row;
      await within(transaction)
        .deleteFrom('codedeploy_revisions')
        .where('application_id', '=', application_id)
        .execute();
      await within(transaction)
        .deleteFrom('codedeploy_applications')
        .where('application_id', '=', application_id)
        .execute();
    });
    return {};
  };

  return {
    CreateApplication,
    GetApplication,
    BatchGetApplications,
    ListApplications,
    UpdateApplication,
    DeleteApplication,
  };
}

function applicationView(row: ApplicationRow): ApplicationInfo {
  return {
    applicationId: row.application_id,
    applicationName: row.name,
    createTime: new Date(row.created_at),
    linkedToGitHub: false,
    computePlatform: 'Server',
  };
}

function alreadyExists(name: string) {
  return fault('ApplicationAlreadyExistsException', `An application with the name ${name} already exists.`);
}
