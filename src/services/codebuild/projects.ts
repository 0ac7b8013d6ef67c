/** Projects: created, changed, described, listed, deleted. A build keeps what its project was when it was started. */

import { rmSync } from 'node:fs';
import type { CreateProjectInput, Project, UpdateProjectInput } from '@aws-sdk/client-codebuild';
import { fault } from '#base/fault.ts';
import type { Call, Handler, House } from '#services/service.ts';
import { badgeUrl } from './badges.ts';
import { localCacheDirectory } from './cache-store.ts';
import {
  findProject,
  isProjectName,
  PAGE_ROWS,
  pageOf,
  pageStart,
  projectArn,
  projectName,
  requireProject,
  SERVICE,
  type Room,
} from './room.ts';
import { checkRole, createSettings, updateSettings, type ProjectSettings } from './settings.ts';
import { tables, type ProjectRow } from './tables.ts';
import { findWebhook, viewWebhook } from './webhook-rows.ts';

const PROJECTS_MAX = 5000;

export function projectOperations(room: Room) {
  const { house } = room;
  const { database } = house;

  const CreateProject: Handler<'codebuild', 'CreateProject'> = async (call, input) => {
    const name = input.name ?? '';
    const settings = createSettings(input, call);
    await authorizeRoles(call, input);
    const row: ProjectRow = {
      name,
      created_at: call.at,
      modified_at: call.at,
      build_count: 0,
      settings: JSON.stringify(settings),
    };
    await database.transaction(async (transaction) => {
      const rows = tables(transaction);
      const there = await rows
        .selectFrom('codebuild_project')
        .select('name')
        .where('name', '=', name)
        .executeTakeFirst();
      if (there) {
        throw fault('ResourceAlreadyExistsException', `Project already exists: ${projectArn(call, name)}`);
      }
      const { count } = await rows
        .selectFrom('codebuild_project')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow();
      if (Number(count) >= PROJECTS_MAX) {
        throw fault(
          'AccountLimitExceededException',
          `Cannot have more than ${PROJECTS_MAX} projects in the account`,
        );
      }
      await rows.insertInto('codebuild_project').values(row).execute();
    });
    return { project: await viewProject(house, call, row) };
  };

  const UpdateProject: Handler<'codebuild', 'UpdateProject'> = async (call, input) => {
    const before = await requireProject(house, projectName(input.name));
    const settings = updateSettings(settingsOf(before), input, call);
    await authorizeRoles(call, input);
    const row: ProjectRow = { ...before, settings: JSON.stringify(settings), modified_at: call.at };
    await database.transaction(async (transaction) => {
      await tables(transaction)
        .updateTable('codebuild_project')
        .set({ settings: row.settings, modified_at: row.modified_at })
        .where('name', '=', row.name)
        .execute();
    });
    return { project: await viewProject(house, call, row) };
  };

  const DeleteProject: Handler<'codebuild', 'DeleteProject'> = async (_call, input) => {
    await database.transaction(async (transaction) => {
      await tables(transaction)
        .deleteFrom('codebuild_project')
        .where('name', '=', projectName(input.name))
        .execute();
      await tables(transaction)
        .deleteFrom('codebuild_webhook')
        .where('project_name', '=', projectName(input.name))
        .execute();
    });
    if (isProjectName(projectName(input.name))) {
      rmSync(localCacheDirectory(room, projectName(input.name)), { recursive: true, force: true });
    }
    return {};
  };

  const BatchGetProjects: Handler<'codebuild', 'BatchGetProjects'> = async (call, input) => {
    const projects: Project[] = [];
    const projectsNotFound: string[] = [];
    for (const given of new Set(input.names ?? [])) {
      const row = await findProject(house, projectName(given));
      if (row) projects.push(await viewProject(house, call, row));
      else projectsNotFound.push(given);
    }
    return { projects, projectsNotFound };
  };

  const ListProjects: Handler<'codebuild', 'ListProjects'> = async (_call, input) => {
    const start = pageStart(input.nextToken);
    const column = { NAME: 'name', CREATED_TIME: 'created_at', LAST_MODIFIED_TIME: 'modified_at' } as const;
    const rows = await tables(database)
      .selectFrom('codebuild_project')
      .select('name')
      .orderBy(column[input.sortBy ?? 'NAME'], input.sortOrder === 'DESCENDING' ? 'desc' : 'asc')
      .orderBy('name')
      .limit(PAGE_ROWS)
      .offset(start)
      .execute();
    const page = pageOf(rows, start);
    return {
      projects: page.rows.map((row) => row.name),
      ...(page.nextToken && { nextToken: page.nextToken }),
    };
  };

  const InvalidateProjectCache: Handler<'codebuild', 'InvalidateProjectCache'> = async (call, input) => {
    const { name } = await requireProject(house, projectName(input.projectName));
    await database.transaction(async (transaction) => {
      await tables(transaction)
        .insertInto('codebuild_cache')
        .values({ project_name: name, invalidated_at: call.at })
        .onConflict((conflict) => conflict.column('project_name').doUpdateSet({ invalidated_at: call.at }))
        .execute();
    });
    rmSync(localCacheDirectory(room, name), { recursive: true, force: true });
    return {};
  };

  return {
    CreateProject,
    UpdateProject,
    DeleteProject,
    BatchGetProjects,
    ListProjects,
    InvalidateProjectCache,
  };
}

export function settingsOf(row: ProjectRow): ProjectSettings {
  return JSON.parse(row.settings) as ProjectSettings;
}

/** Who gives CodeBuild a role must be allowed to pass it on. */
async function authorizeRoles(call: Call, input: CreateProjectInput | UpdateProjectInput): Promise<void> {
  const roles = [input.serviceRole, input.buildBatchConfig?.serviceRole].filter((role) => role !== undefined);
  if (roles.length === 0) return;
  await call.authorize(
    ...roles.map((role) => ({
      action: 'iam:PassRole',
      resource: checkRole(role, call),
      context: { 'iam:PassedToService': SERVICE },
    })),
  );
}

async function viewProject(house: House, call: Call, row: ProjectRow): Promise<Project> {
  const { badge, ...settings } = settingsOf(row);
  const webhook = await findWebhook(house, row.name);
  return {
    name: row.name,
    arn: projectArn(call, row.name),
    ...settings,
    badge: badge?.badgeEnabled
      ? { badgeEnabled: true, badgeRequestUrl: badgeUrl(house, call.endpoint, row.name) }
      : { badgeEnabled: false },
    ...(webhook ? { webhook: viewWebhook(house, call.endpoint, webhook) } : {}),
    created: new Date(row.created_at),
    lastModified: new Date(row.modified_at),
  };
}
