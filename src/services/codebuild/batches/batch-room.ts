/** What the files of batches share: the room, their machine, their roles, and how a batch is named and found. */

import { fault } from '#base/fault.ts';
import type { BatchEffect, BatchEvent, BatchState } from '#core/batch/state.ts';
import type { Machine } from '#engine/machine.ts';
import type { RoleSessions } from '#services/codebuild/credentials.ts';
import type { Room } from '#services/codebuild/room.ts';
import { invalid } from '#services/codebuild/settings.ts';
import type { BatchRequest } from './request.ts';
import { batchTables, type BatchRow } from './tables.ts';

export type BatchMachine = Machine<BatchState, BatchEvent, BatchEffect>;

export interface Batches {
  readonly room: Room;
  /** The machine, once it is made. */
  readonly machine: () => BatchMachine;
  /** The role of the batch, which starts and stops builds. */
  readonly starters: RoleSessions;
  /** The role of its builds, which reads and writes artifacts. */
  readonly workers: RoleSessions;
}

/** A batch's id, given as id or ARN. */
export function batchId(idOrArn: string | undefined): string {
  const given = idOrArn ?? '';
  const id = given.startsWith('arn:')
    ? given.slice(given.indexOf(':build-batch/') + ':build-batch/'.length)
    : given;
  if (!/^[A-Za-z0-9][\w-]*:[\w-]+$/.test(id)) throw invalid('Invalid build batch ID provided');
  return id;
}

export async function findRow({ room }: Batches, id: string): Promise<BatchRow | undefined> {
  return batchTables(room.house.database)
    .selectFrom('codebuild_batch')
    .selectAll()
    .where('batch_id', '=', id)
    .executeTakeFirst();
}

export async function findRequest(batches: Batches, id: string): Promise<BatchRequest | undefined> {
  const row = await findRow(batches, id);
  return row && requestOf(row);
}

export function requestOf(row: BatchRow): BatchRequest {
  return JSON.parse(row.request) as BatchRequest;
}

/** Both halves of a batch. */
export interface FoundBatch {
  readonly state: BatchState;
  readonly row: BatchRow;
}

export async function findBatch(batches: Batches, id: string): Promise<FoundBatch | undefined> {
  const state = await batches.room.house.engine.read(batches.machine(), id);
  const row = state && (await findRow(batches, id));
  return state && row ? { state, row } : undefined;
}

export async function requireBatch(batches: Batches, id: string): Promise<FoundBatch> {
  const found = await findBatch(batches, id);
  if (found) return found;
  throw fault('ResourceNotFoundException', `Build batch ${id} does not exist`);
}
