/** Batches: looked at, listed, stopped, forgotten. */

import type { BuildBatch, StatusType } from '@aws-sdk/client-codebuild';
import { fault } from '#base/fault.ts';
import { arnOf } from '#base/arn.ts';
import { allGroups } from '#core/batch/groups.ts';
import { forgetBuild } from '#services/codebuild/builds.ts';
import {
  findProject,
  pageOf,
  pageSize,
  pageStart,
  projectArn,
  projectName,
} from '#services/codebuild/room.ts';
import { invalid } from '#services/codebuild/settings.ts';
import type { Handler } from '#services/service.ts';
import { batchId, findBatch, requireBatch, type Batches } from './batch-room.ts';
import { batchTables } from './tables.ts';
import { viewBatch } from './views.ts';

const IDS_MAX = 100;

interface Listing {
  readonly filter?: { readonly status?: StatusType | undefined } | undefined;
  readonly sortOrder?: string | undefined;
  readonly maxResults?: number | undefined;
  readonly nextToken?: string | undefined;
}

export function batchOperations(batches: Batches) {
  const { room } = batches;
  const { house } = room;
  const { database, engine } = house;

  const BatchGetBuildBatches: Handler<'codebuild', 'BatchGetBuildBatches'> = async (call, input) => {
    if ((input.ids ?? []).length > IDS_MAX) throw invalid(`There can be at most ${IDS_MAX} ids`);
    const buildBatches: BuildBatch[] = [];
    const buildBatchesNotFound: string[] = [];
    for (const given of new Set(input.ids ?? [])) {
      const found = await findBatch(batches, batchId(given));
      if (found) buildBatches.push(viewBatch(call, found));
      else buildBatchesNotFound.push(given);
    }
    return { buildBatches, buildBatchesNotFound };
  };

  const ListBuildBatches: Handler<'codebuild', 'ListBuildBatches'> = async (_call, input) =>
    list(undefined, input);

  const ListBuildBatchesForProject: Handler<'codebuild', 'ListBuildBatchesForProject'> = async (
    call,
    input,
  ) => {
    const name = projectName(input.projectName);
    const page = await list(name, input);
    if (page.ids.length === 0 && !(await findProject(house, name))) {
      const arn = projectArn(call, name);
      throw fault('ResourceNotFoundException', `The provided project ${arn} does not exist`);
    }
    return page;
  };

  const StopBuildBatch: Handler<'codebuild', 'StopBuildBatch'> = async (call, input) => {
    const id = batchId(input.id);
    const { row } = await requireBatch(batches, id);
    const { state } = await engine.send(batches.machine(), id, { type: 'StopRequested' });
    return { buildBatch: viewBatch(call, { state, row }) };
  };

  const DeleteBuildBatch: Handler<'codebuild', 'DeleteBuildBatch'> = async (call, input) => {
    const id = batchId(input.id);
    const found = await findBatch(batches, id);
    if (!found) return { statusCode: 'BUILD_BATCH_NOT_FOUND', buildsDeleted: [], buildsNotDeleted: [] };
    const { state } = found;
    if (!state.isComplete) throw invalid(`Build batch ${id} is in progress and cannot be deleted`);
    const buildsDeleted: string[] = [];
    const buildsNotDeleted: { id: string; statusCode: string }[] = [];
    for (const buildId of buildsOf(found.state)) {
      const arn = arnOf('codebuild', call.region, call.account, `build/${buildId}`);
      const build = await engine.read(room.machine(), buildId);
      if (!build) continue;
      if (build.isComplete) {
        await forgetBuild(room, buildId);
        buildsDeleted.push(arn);
      } else buildsNotDeleted.push({ id: arn, statusCode: 'BUILD_IN_PROGRESS' });
    }
    await database.transaction(async (transaction) => {
      await batchTables(transaction).deleteFrom('codebuild_batch').where('batch_id', '=', id).execute();
    });
    await engine.forget(batches.machine(), id);
    return { statusCode: 'SUCCEEDED', buildsDeleted, buildsNotDeleted };
  };

  async function list(project: string | undefined, { filter, sortOrder, maxResults, nextToken }: Listing) {
    const start = pageStart(nextToken);
    const size = pageSize(maxResults);
    const direction = sortOrder === 'ASCENDING' ? 'asc' : 'desc';
    let query = batchTables(database)
      .selectFrom('codebuild_batch')
      .select('batch_id')
      .orderBy(project === undefined ? 'started_at' : 'number', direction)
      .orderBy('batch_id', direction)
      .limit(size + 1)
      .offset(start);
    if (project !== undefined) query = query.where('project_name', '=', project);
    if (filter?.status !== undefined) query = query.where('status', '=', filter.status);
    const page = pageOf(await query.execute(), start, size);
    return {
      ids: page.rows.map((row) => row.batch_id),
      ...(page.nextToken && { nextToken: page.nextToken }),
    };
  }

  return {
    BatchGetBuildBatches,
    ListBuildBatches,
    ListBuildBatchesForProject,
    StopBuildBatch,
    DeleteBuildBatch,
  };
}

/** Those of earlier rounds too. */
function buildsOf(state: Parameters<typeof allGroups>[0]): string[] {
  return allGroups(state).flatMap(({ current, prior }) =>
    [...prior, ...(current ? [current] : [])].map(({ buildId }) => buildId),
  );
}
