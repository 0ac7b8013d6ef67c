/** What GetQueueAttributes shows of a queue; messages are counted only when somebody asks for their number. */

import type { Kysely } from 'kysely';
import type { QueueAttributeName } from '@aws-sdk/client-sqs';
import { fault } from '#base/fault.ts';
import type { Scope } from '#services/service.ts';
import { attributesOf, queueArn } from './room.ts';
import { effectiveAttributes } from './settings.ts';
import { tables, type QueueRow } from './tables.ts';

const SETTABLE = [
  ...['ContentBasedDeduplication', 'DeduplicationScope', 'DelaySeconds', 'FifoQueue', 'FifoThroughputLimit'],
  ...['KmsDataKeyReusePeriodSeconds', 'KmsMasterKeyId', 'MaximumMessageSize', 'MessageRetentionPeriod'],
  ...['Policy', 'ReceiveMessageWaitTimeSeconds', 'RedriveAllowPolicy', 'RedrivePolicy'],
  ...['SqsManagedSseEnabled', 'VisibilityTimeout'],
];

export async function describeQueue(
  database: Kysely<unknown>,
  scope: Scope,
  row: QueueRow,
  names: readonly QueueAttributeName[],
  now: number,
): Promise<Partial<Record<QueueAttributeName, string>>> {
  const counting: Readonly<Record<string, () => Promise<number>>> = {
    ApproximateNumberOfMessages: () => count(database, row, now, 'visible'),
    ApproximateNumberOfMessagesDelayed: () => count(database, row, now, 'delayed'),
    ApproximateNumberOfMessagesNotVisible: () => count(database, row, now, 'received'),
  };
  const known: Readonly<Record<string, string>> = {
    ...effectiveAttributes(attributesOf(row)),
    QueueArn: queueArn(scope, row.name),
    CreatedTimestamp: String(Math.floor(row.created_at / 1000)),
    LastModifiedTimestamp: String(Math.floor(row.changed_at / 1000)),
  };
  const all = [...Object.keys(known), ...Object.keys(counting)];
  const asked: readonly string[] = names.includes('All') ? all : names;
  const shown: Record<string, string> = {};
  for (const name of asked) {
    if (Object.hasOwn(known, name)) shown[name] = known[name] ?? '';
    else if (Object.hasOwn(counting, name)) shown[name] = String(await counting[name]?.());
    else if (!SETTABLE.includes(name)) throw fault('InvalidAttributeName', `Unknown Attribute ${name}.`);
  }
  return shown;
}

async function count(
  database: Kysely<unknown>,
  row: QueueRow,
  now: number,
  kind: 'visible' | 'delayed' | 'received',
): Promise<number> {
  let query = tables(database)
    .selectFrom('sqs_message')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('queue_id', '=', row.queue_id)
    .where('expires_at', '>', now)
    .where('visible_at', kind === 'visible' ? '<=' : '>', now);
  if (kind === 'delayed') query = query.where('receive_count', '=', 0);
  if (kind === 'received') query = query.where('receive_count', '>', 0);
  return Number((await query.executeTakeFirstOrThrow()).count);
}
