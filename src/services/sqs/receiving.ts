/**
 * ReceiveMessage: takes messages out of sight for a while, or waits for some. Two receivers never get the same message
 * at the same time: what is taken is marked in the transaction that chose it.
 *
 *   read: is any there? ─ no ─▶ wait: the bell, a message that becomes due, another look ─▶ …
 *          │ yes
 *          ▼
 *   one transaction: choose ─ dead letters leave for their queue ─ hide the others under fresh receipts
 */

import { sql, type Kysely } from 'kysely';
import type { Message } from '@aws-sdk/client-sqs';
import { createUuid } from '#base/chance.ts';
import type { Call, Handler } from '#services/service.ts';
import { parseArn } from '#base/arn.ts';
import { openContent, type Content } from './content.ts';
import { md5Of, md5OfAttributes } from './digests.ts';
import { invalidValue } from './faults.ts';
import { attributesOf, findQueue, queueArn, requireQueue, type Room } from './room.ts';
import { showSequence } from './sending.ts';
import { settingsOf, type Settings } from './settings.ts';
import { createReceiptHandle } from './settling.ts';
import { tables, type MessageRow, type QueueRow } from './tables.ts';

const MESSAGES_MAX = 10;
const WAIT_SECONDS_MAX = 20;
const VISIBILITY_SECONDS_MAX = 43_200;
/** What other nodes sent is found by looking. */
const LOOK_MS = 500;

interface Wish {
  readonly count: number;
  readonly visibilitySeconds: number;
}

export function receivingOperations(room: Room) {
  const { database, clock, keyring } = room.house;

  const ReceiveMessage: Handler<'sqs', 'ReceiveMessage'> = async (call, input) => {
    const queue = await requireQueue(database.read, input.QueueUrl, call.account);
    const settings = settingsOf(attributesOf(queue));
    const { MaxNumberOfMessages: count = 1 } = input;
    const visibilitySeconds = input.VisibilityTimeout ?? settings.visibilitySeconds;
    const waitSeconds = input.WaitTimeSeconds ?? settings.waitSeconds;
    checkRange('MaxNumberOfMessages', count, 1, MESSAGES_MAX);
    checkRange('VisibilityTimeout', visibilitySeconds, 0, VISIBILITY_SECONDS_MAX);
    checkRange('WaitTimeSeconds', waitSeconds, 0, WAIT_SECONDS_MAX);
    const rows = await waitFor(call, queue, call.at + waitSeconds * 1000, { count, visibilitySeconds });
    const system = [...(input.MessageSystemAttributeNames ?? []), ...(input.AttributeNames ?? [])];
    const messages = rows.map((row) =>
      viewMessage(
        row,
        openContent(keyring, row.message_id, row.content),
        system,
        input.MessageAttributeNames,
      ),
    );
    return messages.length > 0 ? { Messages: messages } : {};
  };

  async function waitFor(call: Call, queue: QueueRow, until: number, wish: Wish) {
    const listener = room.bell.listen(queue.name);
    try {
      for (;;) {
        const nextAt = await nextVisibleAt(queue.queue_id);
        const isDue = nextAt !== undefined && nextAt <= clock.now();
        const rows = isDue ? await take(call, queue.name, wish) : [];
        const left = until - clock.now();
        if (rows.length > 0 || left <= 0 || call.signal.aborted || room.bell.isSilent) return rows;
        // What is due and was not given waits for its group.
        const untilDue = isDue || nextAt === undefined ? LOOK_MS : Math.max(1, nextAt - clock.now());
        await listener.wait(Math.min(left, untilDue, LOOK_MS), call.signal);
      }
    } finally {
      listener.close();
    }
  }

  async function nextVisibleAt(queueId: string): Promise<number | undefined> {
    const row = await tables(database)
      .selectFrom('sqs_message')
      .select('visible_at')
      .where('queue_id', '=', queueId)
      .where('expires_at', '>', clock.now())
      .orderBy('visible_at')
      .limit(1)
      .executeTakeFirst();
    return row?.visible_at;
  }

  async function take(call: Call, name: string, wish: Wish): Promise<readonly MessageRow[]> {
    let deadLetters = new Set<string>();
    const rows = await database.transaction(async (transaction) => {
      deadLetters = new Set();
      const queue = await findQueue(transaction, name);
      if (!queue) return [];
      const now = clock.now();
      const settings = settingsOf(attributesOf(queue));
      const taken: MessageRow[] = [];
      for (const row of await choose(transaction, queue, settings, wish.count, now)) {
        const redrive = settings.redrive;
        const isDead = redrive !== undefined && row.receive_count >= redrive.maxReceiveCount;
        const grave = isDead
          ? await findQueue(transaction, parseArn(redrive.deadLetterTargetArn)?.resource)
          : undefined;
        // Without a queue for dead letters the message stays where it is.
        if (grave) {
          await bury(transaction, row, grave, queueArn(call, queue.name), now);
          deadLetters.add(grave.name);
          continue;
        }
        taken.push(await hide(transaction, row, wish.visibilitySeconds, now));
      }
      return taken;
    }, 'snapshot');
    room.bell.ring(deadLetters);
    return rows;
  }

  async function choose(
    transaction: Kysely<unknown>,
    queue: QueueRow,
    settings: Settings,
    count: number,
    now: number,
  ): Promise<readonly MessageRow[]> {
    let query = tables(transaction)
      .selectFrom('sqs_message')
      .selectAll()
      .where('queue_id', '=', queue.queue_id)
      .where('visible_at', '<=', now)
      .where('expires_at', '>', now)
      .limit(count);
    if (settings.isFifo) {
      // A group waits for its first message, as long as somebody has it.
      query = query.orderBy('sequence').where((where) =>
        where.not(
          where.exists(
            where
              .selectFrom('sqs_message as earlier')
              .select(sql`1`.as('one'))
              .whereRef('earlier.queue_id', '=', 'sqs_message.queue_id')
              .whereRef('earlier.group_id', '=', 'sqs_message.group_id')
              .whereRef('earlier.sequence', '<', 'sqs_message.sequence')
              .where('earlier.visible_at', '>', now)
              .where('earlier.expires_at', '>', now),
          ),
        ),
      );
    } else {
      query = query.orderBy('visible_at').orderBy('sequence');
    }
    // Receivers of a queue without order go around each other; where there is an order, they follow each other.
    if (database.dialect === 'postgres') {
      query = settings.isFifo ? query.forUpdate() : query.forUpdate().skipLocked();
    }
    return query.execute();
  }

  async function hide(
    transaction: Kysely<unknown>,
    row: MessageRow,
    visibilitySeconds: number,
    now: number,
  ): Promise<MessageRow> {
    const change = {
      visible_at: now + visibilitySeconds * 1000,
      receive_count: row.receive_count + 1,
      first_received_at: row.first_received_at ?? now,
      receipt: createUuid(),
    };
    await tables(transaction)
      .updateTable('sqs_message')
      .set(change)
      .where('message_id', '=', row.message_id)
      .execute();
    return { ...row, ...change };
  }

  async function bury(
    transaction: Kysely<unknown>,
    row: MessageRow,
    grave: QueueRow,
    sourceArn: string,
    now: number,
  ): Promise<void> {
    await tables(transaction)
      .updateTable('sqs_message')
      .set({ queue_id: grave.queue_id, visible_at: now, receipt: null, dead_letter_source: sourceArn })
      .where('message_id', '=', row.message_id)
      .execute();
  }

  return { ReceiveMessage };
}

function checkRange(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw invalidValue(value, name, `Must be between ${min} and ${max}, if provided.`);
}

function viewMessage(
  row: MessageRow,
  content: Content,
  systemNames: readonly string[],
  attributeNames: readonly string[] = [],
): Message {
  const wanted = Object.entries(content.attributes).filter(([name]) =>
    attributeNames.some(
      (pattern) =>
        pattern === 'All' ||
        pattern === '.*' ||
        pattern === name ||
        (pattern.endsWith('.*') && name.startsWith(pattern.slice(0, -1))),
    ),
  );
  const attributes = Object.fromEntries(wanted);
  const digest = md5OfAttributes(attributes);
  const system = viewSystemAttributes(row, content, systemNames);
  return {
    MessageId: row.message_id,
    ReceiptHandle: createReceiptHandle(row),
    MD5OfBody: md5Of(content.body),
    Body: content.body,
    ...(Object.keys(system).length > 0 ? { Attributes: system } : {}),
    ...(digest === undefined ? {} : { MD5OfMessageAttributes: digest, MessageAttributes: attributes }),
  };
}

function viewSystemAttributes(
  row: MessageRow,
  content: Content,
  names: readonly string[],
): Record<string, string> {
  const all: Readonly<Record<string, string | null | undefined>> = {
    SenderId: row.sender_id,
    SentTimestamp: String(row.sent_at),
    ApproximateReceiveCount: String(row.receive_count),
    ApproximateFirstReceiveTimestamp: String(row.first_received_at),
    MessageGroupId: row.group_id,
    MessageDeduplicationId: row.deduplication_id,
    SequenceNumber: row.deduplication_id === null ? undefined : showSequence(row.sequence),
    AWSTraceHeader: content.traceHeader,
    DeadLetterQueueSourceArn: row.dead_letter_source,
  };
  const shown: Record<string, string> = {};
  for (const [name, value] of Object.entries(all)) {
    if (typeof value === 'string' && (names.includes('All') || names.includes(name))) shown[name] = value;
  }
  return shown;
}
