/**
 * The rows of the room. A message rests, sealed, until all its deliveries have ended; a subscription whose owner has
 * not confirmed it holds the hash of the token that would.
 */

import type { Kysely } from 'kysely';
import type { Migration } from '#engine/machine.ts';
import type { Database } from '#store/database.ts';

export type Tables = {
  sns_topic: TopicRow;
  sns_subscription: SubscriptionRow;
  sns_message: MessageRow;
  sns_signer: SignerRow;
};

export type TopicRow = {
  name: string;
  created_at: number;
  /** JSON map of the attributes that were set. */
  attributes: string;
  /** JSON map. */
  tags: string;
  subscriptions_deleted: number;
};

export type SubscriptionRow = {
  subscription_id: string;
  topic_name: string;
  protocol: string;
  endpoint: string;
  /** ARN of who subscribed. */
  principal: string;
  /** JSON map of the attributes that were set. */
  attributes: string;
  /** `null` once it is confirmed. */
  token_hash: string | null;
  /** When the token was made. */
  asked_at: number;
  was_authenticated: number;
  /** Only with a signature can it be ended. */
  needs_signature: number;
};

export type MessageRow = {
  message_id: string;
  created_at: number;
  ended_at: number | null;
  content: string;
};

export type SignerRow = {
  id: number;
  certificate: string;
  private_key: string;
};

export function tables(database: Database | Kysely<unknown>): Kysely<Tables> {
  return ('read' in database ? database.read : database).withTables<Tables>();
}

export const migrations: readonly Migration[] = [
  {
    name: 'sns/001-topics-subscriptions-messages',
    async up(database) {
      const { schema } = database;
      await schema
        .createTable('sns_topic')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('attributes', 'text', (column) => column.notNull())
        .addColumn('tags', 'text', (column) => column.notNull())
        .addColumn('subscriptions_deleted', 'bigint', (column) => column.notNull())
        .execute();
      await schema
        .createTable('sns_subscription')
        .addColumn('subscription_id', 'text', (column) => column.primaryKey())
        .addColumn('topic_name', 'text', (column) => column.notNull())
        .addColumn('protocol', 'text', (column) => column.notNull())
        .addColumn('endpoint', 'text', (column) => column.notNull())
        .addColumn('principal', 'text', (column) => column.notNull())
        .addColumn('attributes', 'text', (column) => column.notNull())
        .addColumn('token_hash', 'text')
        .addColumn('asked_at', 'bigint', (column) => column.notNull())
        .addColumn('was_authenticated', 'bigint', (column) => column.notNull())
        .addColumn('needs_signature', 'bigint', (column) => column.notNull())
        .addUniqueConstraint('sns_subscription_endpoint', ['topic_name', 'protocol', 'endpoint'])
        .execute();
      await schema
        .createIndex('sns_subscription_token')
        .on('sns_subscription')
        .columns(['token_hash', 'asked_at'])
        .execute();
      await schema
        .createTable('sns_message')
        .addColumn('message_id', 'text', (column) => column.primaryKey())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('ended_at', 'bigint')
        .addColumn('content', 'text', (column) => column.notNull())
        .execute();
      await schema.createIndex('sns_message_ended').on('sns_message').column('ended_at').execute();
      await schema
        .createTable('sns_signer')
        .addColumn('id', 'bigint', (column) => column.primaryKey())
        .addColumn('certificate', 'text', (column) => column.notNull())
        .addColumn('private_key', 'text', (column) => column.notNull())
        .execute();
    },
  },
];
