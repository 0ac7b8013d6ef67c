/**
 * The rows of the room. Events rest in chunks: runs of a stream's events, compressed and encrypted, see `chunks.ts`. A
 * stream counts the events it has ever taken, so each has its sequence.
 */

import type { Kysely } from 'kysely';
import type { Database } from '#store/database.ts';

export type Tables = {
  logs_group: GroupRow;
  logs_stream: StreamRow;
  logs_chunk: ChunkRow;
  logs_dropped_stream: { stream_id: number };
  logs_data_key: DataKeyRow;
  logs_export_task: ExportTaskRow;
  logs_resource_policy: ResourcePolicyRow;
  logs_metric_filter: MetricFilterRow;
  logs_metric_count: MetricCountRow;
};

export type ExportTaskRow = {
  task_id: string;
  created_at: number;
  status: string;
  /** JSON: an `ExportTask`. */
  task: string;
};

/** Of the account (`resource` is empty) or of one log group. */
export type ResourcePolicyRow = {
  name: string;
  resource: string;
  document: string;
  updated_at: number;
  revision: number;
};

export type MetricFilterRow = {
  group_name: string;
  name: string;
  pattern: string;
  /** JSON. */
  transformation: string;
  created_at: number;
};

export type MetricCountRow = {
  count_id: number;
  group_name: string;
  /** JSON: a `MetricCount`. */
  count: string;
};

export type GroupRow = {
  name: string;
  /** Of this group and no later one of the same name. */
  group_id: number;
  created_at: number;
  retention_days: number | null;
  /** JSON map. */
  tags: string;
  /** What new events are encrypted with, besides the installation's own keys. */
  data_key_id: number | null;
  is_protected: number;
};

export type StreamRow = {
  stream_id: number;
  group_name: string;
  name: string;
  created_at: number;
  first_event_at: number | null;
  last_event_at: number | null;
  last_ingestion_at: number | null;
  /** How many events it has taken; also the sequence of the next one. */
  event_count: number;
  /** Bytes of the events that it has, as PutLogEvents counts them. */
  stored_bytes: number;
  /** Chunks put since the last merge, and the size of those that are not full. */
  loose_chunks: number;
  loose_size: number;
};

export type ChunkRow = {
  stream_id: number;
  first_sequence: number;
  group_id: number;
  event_count: number;
  first_at: number;
  last_at: number;
  size: number;
  level: number;
  data_key_id: number | null;
  content: Uint8Array;
};

/** A data key that a KMS key protects. */
export type DataKeyRow = {
  data_key_id: number;
  group_id: number;
  kms_key_arn: string;
  /** For the encryption context. */
  group_arn: string;
  ciphertext: Uint8Array;
};

export function tables(database: Database | Kysely<unknown>): Kysely<Tables> {
  return ('read' in database ? database.read : database).withTables<Tables>();
}
