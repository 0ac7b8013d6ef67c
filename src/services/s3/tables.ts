/** The rows of the room: buckets, versions of objects, uploads and their parts, and which blobs are still needed. */

import type { Kysely } from 'kysely';
import type { Migration } from '#store/database.ts';

// Type aliases, because Kysely wants rows with an index signature, which interfaces do not have.
export type Tables = {
  s3_bucket: BucketRow;
  s3_version: VersionRow;
  s3_upload: UploadRow;
  s3_part: PartRow;
  s3_blob_use: BlobUseRow;
  s3_garbage: GarbageRow;
};

export type BucketRow = {
  name: string;
  /** Tells a bucket apart from an earlier one of the same name. */
  id: string;
  created_at: number;
  versioning: '' | 'Enabled' | 'Suspended';
  policy: string | null;
  /** JSON of `BucketSettings`. */
  settings: string;
};

/** One version of an object, or a delete marker. `sequence` grows with each version of a key. */
export type VersionRow = {
  bucket: string;
  object_key: string;
  sequence: number;
  /** `null` (the word) for versions made while versioning was not on. */
  version_id: string;
  row_id: string;
  is_latest: number;
  is_marker: number;
  size: number;
  etag: string;
  modified_at: number;
  /** JSON of `ObjectFacts`; empty for markers. */
  facts: string;
  /** JSON list of `Piece`; the content, in order. */
  pieces: string;
};

export type UploadRow = {
  upload_id: string;
  bucket: string;
  object_key: string;
  created_at: number;
  initiator: string;
  facts: string;
  checksum_algorithm: string;
  checksum_type: string;
  /** JSON of the answer, once completed; such rows stay for a day, so that a repeated call is answered the same. */
  completed: string | null;
  completed_at: number | null;
};

export type PartRow = {
  upload_id: string;
  number: number;
  etag: string;
  size: number;
  checksum: string;
  modified_at: number;
  /** JSON of one `Piece`. */
  piece: string;
};

/** Row `row_id` (a version, or `<upload>/<part>`) needs the blob. */
export type BlobUseRow = {
  blob_id: string;
  row_id: string;
};

/** Blobs that lost a use: deleted some time later, if no use is left then. */
export type GarbageRow = {
  blob_id: string;
  due_at: number;
};

/** Sealed content at rest: see `sealing.ts`. */
export interface Piece {
  readonly blobId: string;
  /** Of the plain content. */
  readonly sizeBytes: number;
  readonly nonce: string;
}

export function withTables(database: Kysely<unknown>): Kysely<Tables> {
  return database.withTables<Tables>();
}

export const migrations: readonly Migration[] = [
  {
    name: 's3/001-objects',
    async up(database) {
      const { schema } = database;
      await schema
        .createTable('s3_bucket')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('id', 'text', (column) => column.notNull())
        .addColumn('created_at', 'integer', (column) => column.notNull())
        .addColumn('versioning', 'text', (column) => column.notNull())
        .addColumn('policy', 'text')
        .addColumn('settings', 'text', (column) => column.notNull())
        .execute();
      await schema
        .createTable('s3_version')
        .addColumn('bucket', 'text', (column) => column.notNull())
        .addColumn('object_key', 'text', (column) => column.notNull())
        .addColumn('sequence', 'integer', (column) => column.notNull())
        .addColumn('version_id', 'text', (column) => column.notNull())
        .addColumn('row_id', 'text', (column) => column.notNull())
        .addColumn('is_latest', 'integer', (column) => column.notNull())
        .addColumn('is_marker', 'integer', (column) => column.notNull())
        .addColumn('size', 'integer', (column) => column.notNull())
        .addColumn('etag', 'text', (column) => column.notNull())
        .addColumn('modified_at', 'integer', (column) => column.notNull())
        .addColumn('facts', 'text', (column) => column.notNull())
        .addColumn('pieces', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('s3_version_key', ['bucket', 'object_key', 'sequence'])
        .execute();
      await schema
        .createIndex('s3_version_latest')
        .on('s3_version')
        .columns(['bucket', 'is_latest', 'object_key'])
        .execute();
      await schema
        .createTable('s3_upload')
        .addColumn('upload_id', 'text', (column) => column.primaryKey())
        .addColumn('bucket', 'text', (column) => column.notNull())
        .addColumn('object_key', 'text', (column) => column.notNull())
        .addColumn('created_at', 'integer', (column) => column.notNull())
        .addColumn('initiator', 'text', (column) => column.notNull())
        .addColumn('facts', 'text', (column) => column.notNull())
        .addColumn('checksum_algorithm', 'text', (column) => column.notNull())
        .addColumn('checksum_type', 'text', (column) => column.notNull())
        .addColumn('completed', 'text')
        .addColumn('completed_at', 'integer')
        .execute();
      await schema.createIndex('s3_upload_key').on('s3_upload').columns(['bucket', 'object_key']).execute();
      await schema
        .createTable('s3_part')
        .addColumn('upload_id', 'text', (column) => column.notNull())
        .addColumn('number', 'integer', (column) => column.notNull())
        .addColumn('etag', 'text', (column) => column.notNull())
        .addColumn('size', 'integer', (column) => column.notNull())
        .addColumn('checksum', 'text', (column) => column.notNull())
        .addColumn('modified_at', 'integer', (column) => column.notNull())
        .addColumn('piece', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('s3_part_key', ['upload_id', 'number'])
        .execute();
      await schema
        .createTable('s3_blob_use')
        .addColumn('blob_id', 'text', (column) => column.notNull())
        .addColumn('row_id', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('s3_blob_use_key', ['blob_id', 'row_id'])
        .execute();
      await schema.createIndex('s3_blob_use_row').on('s3_blob_use').column('row_id').execute();
      await schema
        .createTable('s3_garbage')
        .addColumn('blob_id', 'text', (column) => column.primaryKey())
        .addColumn('due_at', 'integer', (column) => column.notNull())
        .execute();
    },
  },
];
