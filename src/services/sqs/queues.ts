/** Queues: made, found, listed, described, changed, emptied, deleted. */

import { createUuid } from '#base/chance.ts';
import { parseArn } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import type { Kysely } from 'kysely';
import type { Call, Handler } from '#services/service.ts';
import { invalidParameter, noSuchQueue } from './faults.ts';
import { describeQueue } from './descriptions.ts';
import { afterOf, endOfPrefix, pageToken } from './pages.ts';
import { attributesOf, findQueue, queueArn, queueUrl, requireQueue, type Room } from './room.ts';
import { allowsRedriveFrom, changeAttributes, settingsOf, type Attributes } from './settings.ts';
import { tables, type QueueRow } from './tables.ts';
import { checkTags } from './tagging.ts';

const NAME = /^[A-Za-z0-9_-]{1,80}$/;
const FIFO_NAME = /^[A-Za-z0-9_-]{1,75}\.fifo$/;
const PAGE_SIZE = 1_000;
const PURGE_PAUSE_MS = 60_000;

export function queueOperations(room: Room) {
  const { database, clock } = room.house;

  const CreateQueue: Handler<'sqs', 'CreateQueue'> = async (call, input) => {
    const name = input.QueueName ?? '';
    checkName(name, input.Attributes?.['FifoQueue'] === 'true');
    const attributes = changeAttributes(name, {}, input.Attributes ?? {});
    const tags = checkTags(input.tags ?? {});
    if (Object.keys(tags).length > 0) {
      await call.authorize({ action: 'sqs:TagQueue', resource: queueArn(call, name) });
    }
    await database.transaction(async (transaction) => {
      const there = await findQueue(transaction, name);
      if (there) return requireEqual(there, input.Attributes ?? {});
      await checkRedrive(transaction, call, name, attributes);
      await tables(transaction)
        .insertInto('sqs_queue')
        .values({
          name,
          queue_id: createUuid(),
          created_at: call.at,
          changed_at: call.at,
          purged_at: null,
          attributes: JSON.stringify(attributes),
          dead_letter_name: deadLetterName(attributes),
          tags: JSON.stringify(tags),
          sequence: 0,
        })
        .execute();
    });
    return { QueueUrl: queueUrl(call, name) };
  };

  const GetQueueUrl: Handler<'sqs', 'GetQueueUrl'> = async (call, input) => {
    const isOurs = (input.QueueOwnerAWSAccountId ?? call.account) === call.account;
    const row = isOurs ? await findQueue(database.read, input.QueueName) : undefined;
    if (!row) throw noSuchQueue();
    return { QueueUrl: queueUrl(call, row.name) };
  };

  const ListQueues: Handler<'sqs', 'ListQueues'> = async (call, input) => {
    const prefix = input.QueueNamePrefix;
    return listNames(call, input, (query) =>
      prefix ? query.where('name', '>=', prefix).where('name', '<', endOfPrefix(prefix)) : query,
    ).then(({ urls, ...more }) => ({ ...(urls.length > 0 ? { QueueUrls: urls } : {}), ...more }));
  };

  const ListDeadLetterSourceQueues: Handler<'sqs', 'ListDeadLetterSourceQueues'> = async (call, input) => {
    const { name } = await requireQueue(database.read, input.QueueUrl, call.account);
    const { urls, ...more } = await listNames(call, input, (query) =>
      query.where('dead_letter_name', '=', name),
    );
    return { queueUrls: urls, ...more };
  };

  const GetQueueAttributes: Handler<'sqs', 'GetQueueAttributes'> = async (call, input) => {
    const row = await requireQueue(database.read, input.QueueUrl, call.account);
    const described = await describeQueue(database.read, call, row, input.AttributeNames ?? [], clock.now());
    return Object.keys(described).length > 0 ? { Attributes: described } : {};
  };

  const SetQueueAttributes: Handler<'sqs', 'SetQueueAttributes'> = async (call, input) => {
    await database.transaction(async (transaction) => {
      const row = await requireQueue(transaction, input.QueueUrl, call.account);
      const change = input.Attributes ?? {};
      if ('FifoQueue' in change) throw fault('InvalidAttributeName', 'Unknown Attribute FifoQueue.');
      const attributes = changeAttributes(row.name, attributesOf(row), change);
      if (change['RedrivePolicy']) await checkRedrive(transaction, call, row.name, attributes);
      await tables(transaction)
        .updateTable('sqs_queue')
        .set({
          attributes: JSON.stringify(attributes),
          dead_letter_name: deadLetterName(attributes),
          changed_at: call.at,
        })
        .where('name', '=', row.name)
        .execute();
    });
    return {};
  };

  const DeleteQueue: Handler<'sqs', 'DeleteQueue'> = async (call, input) => {
    await database.transaction(async (transaction) => {
      const row = await requireQueue(transaction, input.QueueUrl, call.account);
      await abandon(transaction, row);
      await tables(transaction).deleteFrom('sqs_queue').where('name', '=', row.name).execute();
    });
    return {};
  };

  const PurgeQueue: Handler<'sqs', 'PurgeQueue'> = async (call, input) => {
    await database.transaction(async (transaction) => {
      const row = await requireQueue(transaction, input.QueueUrl, call.account);
      if (row.purged_at !== null && call.at < row.purged_at + PURGE_PAUSE_MS) {
        throw fault(
          'PurgeQueueInProgress',
          `Only one PurgeQueue operation on ${row.name} is allowed every 60 seconds.`,
        );
      }
      await abandon(transaction, row);
      await tables(transaction)
        .updateTable('sqs_queue')
        .set({ queue_id: createUuid(), purged_at: call.at })
        .where('name', '=', row.name)
        .execute();
    });
    return {};
  };

  async function listNames(
    call: Call,
    input: { readonly NextToken?: string | undefined; readonly MaxResults?: number | undefined },
    narrow: (query: NameQuery) => NameQuery,
  ) {
    const limit = input.MaxResults ?? PAGE_SIZE;
    if (limit < 1 || limit > PAGE_SIZE) {
      throw invalidParameter(
        `Value for parameter MaxResults is invalid. Reason: Must be between 1 and ${PAGE_SIZE}.`,
      );
    }
    const after = afterOf(input.NextToken);
    let query = narrow(nameQuery(database.read))
      .orderBy('name')
      .limit(limit + 1);
    if (after !== undefined) query = query.where('name', '>', after);
    const names = (await query.execute()).map(({ name }) => name);
    const page = names.slice(0, limit);
    // Without MaxResults AWS gives no token; the first thousand is all there is.
    const hasMore = input.MaxResults !== undefined && names.length > limit;
    return {
      urls: page.map((name) => queueUrl(call, name)),
      ...(hasMore ? { NextToken: pageToken(page.at(-1) ?? '') } : {}),
    };
  }

  return {
    CreateQueue,
    GetQueueUrl,
    ListQueues,
    ListDeadLetterSourceQueues,
    GetQueueAttributes,
    SetQueueAttributes,
    DeleteQueue,
    PurgeQueue,
  };
}

type NameQuery = ReturnType<typeof nameQuery>;

function nameQuery(database: Kysely<unknown>) {
  return tables(database).selectFrom('sqs_queue').select('name');
}

function checkName(name: string, isFifo: boolean): void {
  if (isFifo ? FIFO_NAME.test(name) : NAME.test(name)) return;
  throw invalidParameter(
    isFifo
      ? 'The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.'
      : 'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length',
  );
}

/** Making a queue again is no error if it would be the same one. */
function requireEqual(there: QueueRow, wanted: Attributes): void {
  const described = { ...attributesOf(there) };
  const wish = changeAttributes(there.name, described, wanted);
  const different = Object.keys(wanted).find((name) => wish[name] !== described[name]);
  if (different === undefined) return;
  throw fault(
    'QueueNameExists',
    `A queue already exists with the same name and a different value for attribute ${different}`,
  );
}

async function checkRedrive(
  transaction: Kysely<unknown>,
  call: Call,
  name: string,
  attributes: Attributes,
): Promise<void> {
  const { redrive, isFifo } = settingsOf(attributes);
  if (!redrive) return;
  const arn = redrive.deadLetterTargetArn;
  const refuse = (reason: string) =>
    invalidParameter(
      `Value ${attributes['RedrivePolicy']} for parameter RedrivePolicy is invalid. Reason: ${reason}`,
    );
  const targetName = parseArn(arn)?.resource ?? '';
  const target = queueArn(call, targetName) === arn ? await findQueue(transaction, targetName) : undefined;
  if (!target) throw refuse('Dead letter target does not exist.');
  if (targetName.endsWith('.fifo') !== isFifo) {
    throw refuse('Dead-letter queue must be same type of queue as the source.');
  }
  if (!allowsRedriveFrom(attributesOf(target), queueArn(call, name))) {
    throw refuse('The dead-letter queue does not allow this queue as a source.');
  }
}

function deadLetterName(attributes: Attributes): string | null {
  const { redrive } = settingsOf(attributes);
  return redrive ? (parseArn(redrive.deadLetterTargetArn)?.resource ?? null) : null;
}

async function abandon(transaction: Kysely<unknown>, row: QueueRow): Promise<void> {
  await tables(transaction).insertInto('sqs_abandoned').values({ queue_id: row.queue_id }).execute();
}
