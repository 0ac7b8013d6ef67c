/** Builds: looked at, listed, stopped, forgotten. */

import type { Build } from '@aws-sdk/client-codebuild';
import { fault } from '#base/fault.ts';
import type { Handler } from '#services/service.ts';
import { COMMANDS_PROJECT } from './command-builds.ts';
import {
  buildId,
  findProject,
  PAGE_ROWS,
  pageOf,
  pageStart,
  projectArn,
  projectName,
  requireBuild,
  type Room,
} from './room.ts';
import { numberOf } from './starting.ts';
import { tables } from './tables.ts';
import { viewBuild } from './views.ts';

export function buildOperations(room: Room) {
  const { house } = room;
  const { database, engine } = house;

  const BatchGetBuilds: Handler<'codebuild', 'BatchGetBuilds'> = async (call, input) => {
    const builds: Build[] = [];
    const buildsNotFound: string[] = [];
    for (const given of new Set(input.ids ?? [])) {
      const id = buildId(given);
      const state = await engine.read(room.machine(), id);
      if (state) builds.push(await explained(viewBuild(call, state, await numberOf(room, id))));
      else buildsNotFound.push(given);
    }
    return { builds, buildsNotFound };
  };

  /** AWS says nothing of the queue. */
  async function explained(build: Build): Promise<Build> {
    if (build.currentPhase !== 'QUEUED' || build.id === undefined) return build;
    const message = await room.placing().explain(build.id);
    if (message === undefined) return build;
    const phases = (build.phases ?? []).map((phase) =>
      phase.phaseType === 'QUEUED' ? { ...phase, contexts: [{ statusCode: '', message }] } : phase,
    );
    return { ...build, phases };
  }

  const ListBuilds: Handler<'codebuild', 'ListBuilds'> = async (_call, input) => {
    const start = pageStart(input.nextToken);
    const direction = input.sortOrder === 'ASCENDING' ? 'asc' : 'desc';
    const rows = await tables(database)
      .selectFrom('codebuild_build')
      .select('build_id')
      .where('project_name', '<>', COMMANDS_PROJECT)
      .orderBy('started_at', direction)
      .orderBy('build_id', direction)
      .limit(PAGE_ROWS)
      .offset(start)
      .execute();
    return viewIds(rows, start);
  };

  const ListBuildsForProject: Handler<'codebuild', 'ListBuildsForProject'> = async (call, input) => {
    const name = projectName(input.projectName);
    const start = pageStart(input.nextToken);
    const rows = await tables(database)
      .selectFrom('codebuild_build')
      .select('build_id')
      .where('project_name', '=', name)
      .orderBy('number', input.sortOrder === 'ASCENDING' ? 'asc' : 'desc')
      .limit(PAGE_ROWS)
      .offset(start)
      .execute();
    if (rows.length === 0 && !(await findProject(house, name))) {
      throw fault(
        'ResourceNotFoundException',
        `The provided project ${projectArn(call, name)} does not exist`,
      );
    }
    return viewIds(rows, start);
  };

  const StopBuild: Handler<'codebuild', 'StopBuild'> = async (call, input) => {
    const id = buildId(input.id);
    await requireBuild(room, id);
    const { state } = await engine.send(room.machine(), id, { type: 'StopRequested' });
    return { build: viewBuild(call, state, await numberOf(room, id)) };
  };

  const BatchDeleteBuilds: Handler<'codebuild', 'BatchDeleteBuilds'> = async (_call, input) => {
    const buildsDeleted: string[] = [];
    const buildsNotDeleted: { id: string; statusCode: string }[] = [];
    for (const given of new Set(input.ids ?? [])) {
      const state = await engine.read(room.machine(), buildId(given));
      if (!state) buildsNotDeleted.push({ id: given, statusCode: 'BUILD_NOT_FOUND' });
      else if (!state.isComplete) buildsNotDeleted.push({ id: given, statusCode: 'BUILD_IN_PROGRESS' });
      else {
        await forgetBuild(room, state.plan.id);
        buildsDeleted.push(state.plan.arn);
      }
    }
    return { buildsDeleted, buildsNotDeleted };
  };

  return { BatchGetBuilds, ListBuilds, ListBuildsForProject, StopBuild, BatchDeleteBuilds };
}

export async function forgetBuild({ house, machine }: Room, id: string): Promise<void> {
  await house.database.transaction(async (transaction) => {
    await tables(transaction).deleteFrom('codebuild_build').where('build_id', '=', id).execute();
  });
  await house.engine.forget(machine(), id);
}

function viewIds(rows: readonly { build_id: string }[], start: number) {
  const page = pageOf(rows, start);
  return { ids: page.rows.map((row) => row.build_id), ...(page.nextToken && { nextToken: page.nextToken }) };
}
