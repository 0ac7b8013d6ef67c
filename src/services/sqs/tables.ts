/**
 * The rows of the room. A message belongs to a queue by `queue_id`, which changes when a queue is emptied, so that
 * emptying costs nothing; the messages of ids that nobody has any more are removed in the background.
 */

import type { Kysely } from 'kysely';
import type { Migration } from '#engine/machine.ts';
import type { Database } from '#store/database.ts';

export type Tables = {
  sqs_queue: QueueRow;
  sqs_message: MessageRow;
  sqs_deduplication: DeduplicationRow;
  sqs_abandoned: AbandonedRow;
};

export type QueueRow = {
  name: string;
  queue_id: string;
  created_at: number;
  changed_at: number;
  purged_at: number | null;
  /** JSON map of the attributes that were set. */
  attributes: string;
  /** Name of the queue that takes what cannot be processed. */
  dead_letter_name: string | null;
  /** JSON map. */
  tags: string;
  /** Of the last message, where order matters. */
  sequence: number;
};

export type MessageRow = {
  message_id: string;
  queue_id: string;
  sequence: number;
  sent_at: number;
  expires_at: number;
  /** From when on it may be received. */
  visible_at: number;
  receive_count: number;
  first_received_at: number | null;
  /** Of the last receipt; an older one means nothing any more. */
  receipt: string | null;
  group_id: string | null;
  deduplication_id: string | null;
  sender_id: string;
  /** ARN of the queue from which it came as a dead letter. */
  dead_letter_source: string | null;
  /** Body and attributes, sealed. */
  content: string;
};

export type DeduplicationRow = {
  queue_id: string;
  /** The group too, where it counts by group. */
  deduplication_key: string;
  message_id: string;
  sequence: number;
  expires_at: number;
};

export type AbandonedRow = { queue_id: string };

export function tables(database: Database | Kysely<unknown>): Kysely<Tables> {
  return ('read' in database ? database.read : database).withTables<Tables>();
}

export const migrations: readonly Migration[] = [
  {
    name: 'sqs/001-queues-messages',
    async up(database) {
      const { schema } = database;
      await schema
        .createTable('sqs_queue')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('queue_id', 'text', (column) => column.notNull().unique())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('changed_at', 'bigint', (column) => column.notNull())
        .addColumn('purged_at', 'bigint')
        .addColumn('attributes', 'text', (column) => column.notNull())
        .addColumn('dead_letter_name', 'text')
        .addColumn('tags', 'text', (column) => column.notNull())
        .addColumn('sequence', 'bigint', (column) => column.notNull())
        .execute();
      await schema
        .createIndex('sqs_queue_dead_letter')
        .on('sqs_queue')
        .columns(['dead_letter_name', 'name'])
        .execute();
      await schema
        .createTable('sqs_message')
        .addColumn('message_id', 'text', (column) => column.primaryKey())
        .addColumn('queue_id', 'text', (column) => column.notNull())
        .addColumn('sequence', 'bigint', (column) => column.notNull())
        .addColumn('sent_at', 'bigint', (column) => column.notNull())
        .addColumn('expires_at', 'bigint', (column) => column.notNull())
        .addColumn('visible_at', 'bigint', (column) => column.notNull())
        .addColumn('receive_count', 'bigint', (column) => column.notNull())
        .addColumn('first_received_at', 'bigint')
        .addColumn('receipt', 'text')
        .addColumn('group_id', 'text')
        .addColumn('deduplication_id', 'text')
        .addColumn('sender_id', 'text', (column) => column.notNull())
        .addColumn('dead_letter_source', 'text')
        .addColumn('content', 'text', (column) => column.notNull())
        .execute();
      for (const [name, columns] of [
        ['sqs_message_visible', ['queue_id', 'visible_at', 'sequence']],
        ['sqs_message_order', ['queue_id', 'sequence']],
        ['sqs_message_group', ['queue_id', 'group_id', 'sequence']],
        ['sqs_message_expiry', ['expires_at']],
      ] as const) {
        await schema
          .createIndex(name)
          .on('sqs_message')
          .columns([...columns])
          .execute();
      }
      await schema
        .createTable('sqs_deduplication')
        .addColumn('queue_id', 'text', (column) => column.notNull())
        .addColumn('deduplication_key', 'text', (column) => column.notNull())
        .addColumn('message_id', 'text', (column) => column.notNull())
        .addColumn('sequence', 'bigint', (column) => column.notNull())
        .addColumn('expires_at', 'bigint', (column) => column.notNull())
        .addPrimaryKeyConstraint('sqs_deduplication_key', ['queue_id', 'deduplication_key'])
        .execute();
      await schema
        .createIndex('sqs_deduplication_expiry')
        .on('sqs_deduplication')
        .column('expires_at')
        .execute();
      await schema
        .createTable('sqs_abandoned')
        .addColumn('queue_id', 'text', (column) => column.primaryKey())
        .execute();
    },
  },
];
