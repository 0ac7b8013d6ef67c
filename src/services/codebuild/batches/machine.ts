/** The machine of batches as the engine runs it: what its orders do in the world, and the row beside its state. */

import { isFault } from '#base/fault.ts';
import { deriveUuid } from '#base/ids.ts';
import { batchDecider } from '#core/batch/decide.ts';
import { allGroups, groupOf } from '#core/batch/groups.ts';
import type { BatchEvent, BatchState } from '#core/batch/state.ts';
import { tellStatus } from '#services/codebuild/commit-status.ts';
import { createRoleSessions } from '#services/codebuild/credentials.ts';
import type { Room } from '#services/codebuild/room.ts';
import { isQueueFull } from '#services/codebuild/starting.ts';
import type { BusEvent, Caller } from '#services/service.ts';
import { findBatch, requestOf, type Batches, type BatchMachine, type FoundBatch } from './batch-room.ts';
import { childInput, endOf, lostEnd } from './children.ts';
import { combineArtifacts } from './combining.ts';
import { mergeReports } from './merging-reports.ts';
import { batchTables } from './tables.ts';
import { batchAsBuild } from './views.ts';

/** Nobody on AWS hears of batches, so the news has a source of the house, which no rule for AWS events matches. */
export const BATCH_EVENTS = { source: 'slipway.codebuild', detailType: 'CodeBuild Build Batch State Change' };

export function createBatches(room: Room): Batches {
  const { house } = room;
  const batches: Batches = {
    room,
    machine: () => machine,
    starters: createRoleSessions(house),
    workers: createRoleSessions(house),
  };
  const machine = createMachine(batches);
  return batches;
}

function createMachine(batches: Batches): BatchMachine {
  const { house } = batches.room;
  return {
    kind: 'codebuild.batch',
    decider: batchDecider,
    effects: {
      async StartBuild({ buildId }, { machineId }) {
        const found = await findBatch(batches, machineId);
        return found && startChild(batches, found, buildId);
      },
      async StopBuild({ buildId }, { machineId }) {
        const found = await findBatch(batches, machineId);
        if (found) await stopChild(batches, found, buildId);
        return undefined;
      },
      async CheckBuilds(_effect, { machineId }) {
        const found = await findBatch(batches, machineId);
        return found && checkBuilds(batches, found.state);
      },
      async MergeReports({ round }, { machineId }) {
        const found = await findBatch(batches, machineId);
        if (!found) return undefined;
        return { type: 'ReportsMerged', round, arns: await mergeReports(house, found.state) };
      },
      async CombineArtifacts({ round }, { machineId, signal }) {
        const found = await findBatch(batches, machineId);
        return found && { ...(await combineArtifacts(batches, found, signal)), round };
      },
      async ReportStatus({ change }, { machineId }) {
        const found = await findBatch(batches, machineId);
        if (!found) return undefined;
        const { room, workers } = batches;
        await tellStatus(room, workers, batchAsBuild(found), found.row.number, change);
        if (change === 'ENDED') forgetRoles(batches, found.state);
        return undefined;
      },
      async PublishChange(effect, { machineId }) {
        const found = await findBatch(batches, machineId);
        if (!found) return undefined;
        if (effect.change === 'ENDED') forgetRoles(batches, found.state);
        await house.publish(eventOf(batches, found, effect));
        return undefined;
      },
    },
    async record(transaction, { id, before, after }) {
      if (before?.status === after.status && before.isComplete === after.isComplete) return;
      await batchTables(transaction)
        .updateTable('codebuild_batch')
        .set({ status: after.status, is_complete: after.isComplete ? 1 : 0 })
        .where('batch_id', '=', id)
        .execute();
    },
  };
}

/** Builds go through the API of the house, as the role of the batch may. */
function starterOf(batches: Batches, { state, row }: FoundBatch): Promise<Caller> {
  const { uuid, projectName } = state.plan;
  const serviceRole = requestOf(row).config.serviceRole ?? '';
  return batches.starters.of({ uuid, projectName, serviceRole });
}

async function startChild(
  batches: Batches,
  found: FoundBatch,
  buildId: string,
): Promise<BatchEvent | undefined> {
  const { state, row } = found;
  const group = groupOf(state, buildId);
  if (group?.progress !== 'STARTING') return undefined;
  if (state.ending) return { type: 'BuildRefused', buildId, message: 'The batch ends', isPassing: false };
  try {
    const role = await starterOf(batches, found);
    await role.send('codebuild:StartBuild', childInput(batches.room.house, requestOf(row), state, group));
    return { type: 'BuildStarted', buildId };
  } catch (error) {
    if (!isFault(error) || error.code === 'InternalFailure') throw error;
    const isPassing = isQueueFull(error) || error.code === 'ThrottlingException';
    return { type: 'BuildRefused', buildId, message: `${error.code}: ${error.message}`, isPassing };
  }
}

/** Where the role may not stop a build, it goes on to its own end, and the batch waits for that. */
async function stopChild(batches: Batches, found: FoundBatch, buildId: string): Promise<void> {
  try {
    const role = await starterOf(batches, found);
    await role.send('codebuild:StopBuild', { id: buildId });
  } catch (error) {
    if (!isFault(error) || error.code === 'InternalFailure' || error.code === 'ThrottlingException')
      throw error;
    const { code, message: reason } = error;
    batches.room.house.log.warn('a build of a batch was not stopped', { buildId, code, reason });
  }
}

async function checkBuilds({ room }: Batches, state: BatchState): Promise<BatchEvent | undefined> {
  const running = allGroups(state).flatMap(({ progress, current }) =>
    progress === 'RUNNING' && current ? [current.buildId] : [],
  );
  const ends = [];
  for (const id of running) {
    const build = await room.house.engine.read(room.machine(), id);
    if (!build) ends.push(lostEnd(id));
    else if (build.isComplete) ends.push(endOf(build));
  }
  return ends.length > 0 ? { type: 'BuildsEnded', ends } : undefined;
}

function forgetRoles({ starters, workers }: Batches, { plan }: BatchState): void {
  starters.forget(plan.uuid);
  workers.forget(plan.uuid);
}

function eventOf(
  { room }: Batches,
  { state, row }: FoundBatch,
  effect: { readonly at: number; readonly round: number; readonly change: 'STARTED' | 'ENDED' },
): BusEvent {
  const { account, region } = room.house;
  const { plan, status } = state;
  return {
    ...BATCH_EVENTS,
    id: deriveUuid(`${plan.arn}/${effect.change}`, effect.round),
    account,
    region,
    at: effect.at,
    resources: [plan.arn],
    detail: {
      'build-batch-status': effect.change === 'STARTED' ? 'IN_PROGRESS' : status,
      'project-name': plan.projectName,
      'build-batch-id': plan.arn,
      'build-batch-number': row.number,
      initiator: requestOf(row).build.initiator,
    },
  };
}
