/**
 * The versions of an object, changed inside a transaction. Every key has at most one latest row; rows that go leave
 * their blobs to the garbage list, in the same transaction.
 */

import { sql } from 'kysely';
import { createText, createUuid } from '#base/chance.ts';
import type { ObjectFacts } from './facts.ts';
import type { Rows } from './room.ts';
import type { BucketRow, Piece, VersionRow } from './tables.ts';

export const NULL_VERSION = 'null';
/** A reader may still hold the row of a version that goes; its blobs stay for this long. */
export const GARBAGE_DELAY_MS = 10 * 60_000;

const ID_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._';
const ID_LENGTH = 32;

/** The id that the next version of any key gets in this bucket. */
export function createVersionId(bucket: BucketRow): string {
  return bucket.versioning === 'Enabled' ? createText(ID_ALPHABET, ID_LENGTH) : NULL_VERSION;
}

export interface NewVersion {
  /** From `createVersionId`. */
  readonly versionId: string;
  readonly size: number;
  readonly etag: string;
  readonly facts: ObjectFacts | undefined;
  readonly pieces: readonly Piece[];
}

export async function latestVersion(
  rows: Rows,
  bucket: string,
  key: string,
): Promise<VersionRow | undefined> {
  return await rows
    .selectFrom('s3_version')
    .selectAll()
    .where('bucket', '=', bucket)
    .where('object_key', '=', key)
    .where('is_latest', '=', 1)
    .executeTakeFirst();
}

export async function findVersion(
  rows: Rows,
  bucket: string,
  key: string,
  versionId: string,
): Promise<VersionRow | undefined> {
  return await rows
    .selectFrom('s3_version')
    .selectAll()
    .where('bucket', '=', bucket)
    .where('object_key', '=', key)
    .where('version_id', '=', versionId)
    .executeTakeFirst();
}

/** Makes a new latest version (a marker when there are no facts); a `null` version replaces the one before it. */
export async function addVersion(
  rows: Rows,
  bucket: string,
  key: string,
  version: NewVersion,
  at: number,
): Promise<VersionRow> {
  const highest = await rows
    .selectFrom('s3_version')
    .select((select) => select.fn.max('sequence').as('sequence'))
    .where('bucket', '=', bucket)
    .where('object_key', '=', key)
    .executeTakeFirst();
  if (version.versionId === NULL_VERSION) {
    const replaced = await findVersion(rows, bucket, key, NULL_VERSION);
    if (replaced) await dropRow(rows, replaced, at);
  }
  await rows
    .updateTable('s3_version')
    .set({ is_latest: 0 })
    .where('bucket', '=', bucket)
    .where('object_key', '=', key)
    .where('is_latest', '=', 1)
    .execute();
  const row: VersionRow = {
    bucket,
    object_key: key,
    sequence: Number(highest?.sequence ?? 0) + 1,
    version_id: version.versionId,
    row_id: createUuid(),
    is_latest: 1,
    is_marker: version.facts ? 0 : 1,
    size: version.size,
    etag: version.etag,
    modified_at: at,
    facts: version.facts ? JSON.stringify(version.facts) : '',
    pieces: JSON.stringify(version.pieces),
  };
  await rows.insertInto('s3_version').values(row).execute();
  await addUses(rows, row.row_id, version.pieces);
  return row;
}

/** Removes one version for good; the next older one becomes the latest. */
export async function removeVersion(rows: Rows, row: VersionRow, at: number): Promise<void> {
  await dropRow(rows, row, at);
  if (row.is_latest === 0) return;
  const next = await rows
    .selectFrom('s3_version')
    .select('sequence')
    .where('bucket', '=', row.bucket)
    .where('object_key', '=', row.object_key)
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (!next) return;
  await rows
    .updateTable('s3_version')
    .set({ is_latest: 1 })
    .where('bucket', '=', row.bucket)
    .where('object_key', '=', row.object_key)
    .where('sequence', '=', next.sequence)
    .execute();
}

async function dropRow(rows: Rows, row: VersionRow, at: number): Promise<void> {
  await rows
    .deleteFrom('s3_version')
    .where('bucket', '=', row.bucket)
    .where('object_key', '=', row.object_key)
    .where('sequence', '=', row.sequence)
    .execute();
  await dropUses(rows, row.row_id, at);
}

export async function addUses(rows: Rows, rowId: string, pieces: readonly Piece[]): Promise<void> {
  const blobIds = [...new Set(pieces.map((piece) => piece.blobId))];
  for (const blob_id of blobIds) {
    await rows.insertInto('s3_blob_use').values({ blob_id, row_id: rowId }).execute();
  }
}

/** The row no longer needs its blobs; whether somebody else does is found when they are due. */
export async function dropUses(rows: Rows, rowId: string, at: number): Promise<void> {
  await rows
    .insertInto('s3_garbage')
    .columns(['blob_id', 'due_at'])
    .expression((build) =>
      build
        .selectFrom('s3_blob_use')
        .select(['blob_id', sql<number>`${at + GARBAGE_DELAY_MS}`.as('due_at')])
        .where('row_id', '=', rowId),
    )
    .onConflict((conflict) =>
      conflict.column('blob_id').doUpdateSet({ due_at: (update) => update.ref('excluded.due_at') }),
    )
    .execute();
  await rows.deleteFrom('s3_blob_use').where('row_id', '=', rowId).execute();
}

export function parsePieces(row: VersionRow): readonly Piece[] {
  return JSON.parse(row.pieces) as readonly Piece[];
}

/** What answers show: nothing in a bucket that never had versions. */
export function shownVersion(bucket: BucketRow, row: VersionRow): string | undefined {
  return bucket.versioning === '' ? undefined : row.version_id;
}
