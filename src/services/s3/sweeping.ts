/**
 * Deletes blobs that no row needs: those of the garbage list when they are due, and those that a crash left between
 * the bytes and the row. Hourly it also applies lifecycle rules. Runs by itself now and then; requests never wait for it.
 */

import { applyLifecycles } from './expiring.ts';
import type { House } from '#services/service.ts';
import { readRows, type Room, type Rows } from './room.ts';
import { withTables } from './tables.ts';
import { dropUpload } from './uploads.ts';

export interface Sweep {
  start(): void;
  /** Lets a running sweep end and starts no other. */
  stop(): Promise<void>;
}

const SWEEP_MS = 60_000;
const ORPHAN_SEARCH_MS = 3_600_000;
/** A blob younger than this may belong to a write that is about to commit. */
const ORPHAN_AGE_MS = 10 * 60_000;
const COMPLETED_UPLOAD_MS = 24 * 3_600_000;
const ROWS_AT_ONCE = 500;

export function createSweep(room: Room): Sweep {
  const { house } = room;
  let running: Promise<void> = Promise.resolve();
  let cancel = () => {};
  let isStopped = false;
  let orphansDueAt = 0;

  async function sweep(): Promise<void> {
    const now = house.clock.now();
    try {
      await collectGarbage(house, now);
      await forgetCompletedUploads(house, now);
      if (now < orphansDueAt) return;
      orphansDueAt = now + ORPHAN_SEARCH_MS;
      await applyLifecycles(room, now);
      await collectOrphans(house, now - ORPHAN_AGE_MS);
    } catch (error) {
      // Nothing is lost: the rows stay, and the next sweep tries again.
      house.log.error('s3: a sweep failed', { error });
    }
  }

  function arm(delayMs: number): void {
    if (isStopped) return;
    cancel = house.clock.callAt(house.clock.now() + delayMs, () => {
      running = sweep().then(() => arm(SWEEP_MS));
    });
  }

  return {
    start: () => arm(SWEEP_MS / 10),
    async stop() {
      isStopped = true;
      cancel();
      await running;
    },
  };
}

/** A use cannot come back: copies need the row that they copy, and it is gone from the transaction they run in. */
export async function collectGarbage(house: House, now: number): Promise<number> {
  let deleted = 0;
  for (;;) {
    const due = await readRows(house)
      .selectFrom('s3_garbage')
      .select('blob_id')
      .where('due_at', '<=', now)
      .limit(ROWS_AT_ONCE)
      .execute();
    if (due.length === 0) return deleted;
    const ids = due.map((row) => row.blob_id);
    const unused = await house.database.transaction(async (transaction) => {
      const rows = withTables(transaction);
      const used = await usedOf(rows, ids);
      // Those in use come back to the list when their next row goes.
      if (used.size > 0)
        await rows
          .deleteFrom('s3_garbage')
          .where('blob_id', 'in', [...used])
          .execute();
      return ids.filter((id) => !used.has(id));
    });
    for (const id of unused) await house.objects.delete(id);
    deleted += unused.length;
    if (unused.length === 0) continue;
    await house.database.transaction(async (transaction) => {
      await withTables(transaction).deleteFrom('s3_garbage').where('blob_id', 'in', unused).execute();
    });
  }
}

export async function collectOrphans(house: House, before: number): Promise<number> {
  let deleted = 0;
  const search = async (ids: readonly string[]) => {
    const used = await usedOf(readRows(house), ids);
    const listed = await readRows(house)
      .selectFrom('s3_garbage')
      .select('blob_id')
      .where('blob_id', 'in', ids)
      .execute();
    const due = new Set(listed.map((row) => row.blob_id));
    for (const id of ids) {
      if (used.has(id) || due.has(id)) continue;
      await house.objects.delete(id);
      deleted++;
    }
  };
  let ids: string[] = [];
  for await (const id of house.objects.list(before)) {
    ids.push(id);
    if (ids.length < ROWS_AT_ONCE) continue;
    await search(ids);
    ids = [];
  }
  if (ids.length > 0) await search(ids);
  return deleted;
}

async function usedOf(rows: Rows, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const uses = await rows.selectFrom('s3_blob_use').select('blob_id').where('blob_id', 'in', ids).execute();
  return new Set(uses.map((use) => use.blob_id));
}

async function forgetCompletedUploads(house: House, now: number): Promise<void> {
  const old = await readRows(house)
    .selectFrom('s3_upload')
    .select('upload_id')
    .where('completed_at', '<=', now - COMPLETED_UPLOAD_MS)
    .limit(ROWS_AT_ONCE)
    .execute();
  if (old.length === 0) return;
  await house.database.transaction(async (transaction) => {
    for (const { upload_id } of old) await dropUpload(withTables(transaction), upload_id, now);
  });
}
