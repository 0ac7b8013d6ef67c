/**
 * SendMessage and SendMessageBatch. A message is there for receivers when the answer is; in a FIFO queue it has a place
 * in the order, and is sent once however often it is repeated within five minutes.
 */

import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { SendMessageBatchRequestEntry } from '@aws-sdk/client-sqs';
import { createUuid } from '#base/chance.ts';
import { fault, isFault } from '#base/fault.ts';
import type { Call, Handler } from '#services/service.ts';
import { batchFailure, checkBatch } from './batches.ts';
import { checkContent, sealContent, sizeOf, type Content } from './content.ts';
import { md5Of, md5OfAttributes } from './digests.ts';
import { invalidParameter, invalidValue, missingParameter } from './faults.ts';
import { attributesOf, requireQueue, type Room } from './room.ts';
import { senderOf } from './senders.ts';
import { MESSAGE_BYTES_MAX, settingsOf, type Settings } from './settings.ts';
import { tables, type QueueRow } from './tables.ts';

type Given = Omit<SendMessageBatchRequestEntry, 'Id'>;

interface Draft {
  readonly content: Content;
  readonly delaySeconds: number;
  readonly groupId: string | undefined;
  readonly deduplicationId: string | undefined;
}

const DEDUPLICATION_MS = 300_000;
const SEQUENCES_PER_MS = 1_000;
const SEQUENCE_DIGITS = 20;
const TOKEN = /^[!-~]{1,128}$/;

export function sendingOperations(room: Room) {
  const { database, keyring } = room.house;

  const SendMessage: Handler<'sqs', 'SendMessage'> = async (call, input) => {
    const queue = await requireQueue(database.read, input.QueueUrl, call.account);
    const draft = createDraft(settingsOf(attributesOf(queue)), input);
    const sent = await database.transaction(
      (transaction) => insert(transaction, call, queue.name, draft),
      'snapshot',
    );
    room.bell.ring([queue.name]);
    return { ...sent, ...digestsOf(input) };
  };

  const SendMessageBatch: Handler<'sqs', 'SendMessageBatch'> = async (call, input) => {
    const queue = await requireQueue(database.read, input.QueueUrl, call.account);
    const entries = checkBatch(input.Entries);
    const settings = settingsOf(attributesOf(queue));
    const drafts = entries.map((entry) => attempt(entry.Id, () => createDraft(settings, entry)));
    const bytes = drafts.reduce((sum, draft) => sum + ('Code' in draft ? 0 : sizeOf(draft.content)), 0);
    if (bytes > MESSAGE_BYTES_MAX) {
      throw fault(
        'BatchRequestTooLong',
        `Batch requests cannot be longer than ${MESSAGE_BYTES_MAX} bytes. You have sent ${bytes} bytes.`,
      );
    }
    const results = await database.transaction(async (transaction) => {
      const sent = [];
      for (const draft of drafts) {
        sent.push('Code' in draft ? draft : await insert(transaction, call, queue.name, draft));
      }
      return sent;
    }, 'snapshot');
    room.bell.ring([queue.name]);
    return {
      Successful: results.flatMap((result, index) => {
        const entry = entries[index];
        return 'Code' in result || !entry ? [] : [{ Id: entry.Id, ...result, ...digestsOf(entry) }];
      }),
      Failed: results.flatMap((result) => ('Code' in result ? [result] : [])),
    };
  };

  async function insert(transaction: Kysely<unknown>, call: Call, name: string, draft: Draft) {
    const kysely = tables(transaction);
    // Read again: it may have been emptied, and its order is counted here.
    const queue = await requireQueue(transaction, name, call.account);
    const settings = settingsOf(attributesOf(queue));
    const { content, groupId, deduplicationId } = draft;
    const key = deduplicationKey(settings, groupId, deduplicationId);
    if (key !== undefined) {
      const twin = await kysely
        .selectFrom('sqs_deduplication')
        .selectAll()
        .where('queue_id', '=', queue.queue_id)
        .where('deduplication_key', '=', key)
        .executeTakeFirst();
      if (twin && twin.expires_at > call.at) return answerOf(settings, twin.message_id, twin.sequence);
    }
    const messageId = createUuid();
    const sequence = settings.isFifo ? await countUp(kysely, queue) : nextSequence(call.at);
    await kysely
      .insertInto('sqs_message')
      .values({
        message_id: messageId,
        queue_id: queue.queue_id,
        sequence,
        sent_at: call.at,
        expires_at: call.at + settings.retentionSeconds * 1000,
        visible_at: call.at + draft.delaySeconds * 1000,
        receive_count: 0,
        first_received_at: null,
        receipt: null,
        group_id: groupId ?? null,
        deduplication_id: deduplicationId ?? null,
        sender_id: senderOf(call.principal),
        dead_letter_source: null,
        content: sealContent(keyring, messageId, content),
      })
      .execute();
    if (key !== undefined) await remember(kysely, call, queue, { key, messageId, sequence });
    return answerOf(settings, messageId, sequence);
  }

  return { SendMessage, SendMessageBatch };
}

function createDraft(settings: Settings, given: Given): Draft {
  const content = checkContent(given);
  if (sizeOf(content) > settings.messageBytesMax) {
    throw invalidParameter(
      `One or more parameters are invalid. Reason: Message must be shorter than ${settings.messageBytesMax} bytes.`,
    );
  }
  const { DelaySeconds, MessageGroupId, MessageDeduplicationId } = given;
  if (DelaySeconds !== undefined && (DelaySeconds < 0 || DelaySeconds > 900)) {
    throw invalidValue(DelaySeconds, 'DelaySeconds', 'DelaySeconds must be >= 0 and <= 900.');
  }
  for (const [name, token] of Object.entries({ MessageGroupId, MessageDeduplicationId })) {
    if (token !== undefined && !TOKEN.test(token)) {
      throw invalidValue(
        token,
        name,
        `${name} can only include alphanumeric and punctuation characters. 1 to 128 in length.`,
      );
    }
  }
  if (!settings.isFifo) {
    if (MessageDeduplicationId !== undefined) {
      throw invalidValue(
        MessageDeduplicationId,
        'MessageDeduplicationId',
        'The request include parameter that is not valid for this queue type.',
      );
    }
    const delaySeconds = DelaySeconds ?? settings.delaySeconds;
    return { content, delaySeconds, groupId: MessageGroupId, deduplicationId: undefined };
  }
  if (MessageGroupId === undefined) throw missingParameter('MessageGroupId');
  if (DelaySeconds !== undefined && DelaySeconds > 0) {
    throw invalidValue(
      DelaySeconds,
      'DelaySeconds',
      'The request include parameter that is not valid for this queue type.',
    );
  }
  const ofContent = settings.contentBasedDeduplication
    ? createHash('sha256').update(content.body).digest('hex')
    : undefined;
  const deduplicationId = MessageDeduplicationId ?? ofContent;
  if (deduplicationId === undefined) {
    throw invalidParameter(
      'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    );
  }
  return { content, delaySeconds: settings.delaySeconds, groupId: MessageGroupId, deduplicationId };
}

function deduplicationKey(
  settings: Settings,
  groupId: string | undefined,
  deduplicationId: string | undefined,
): string | undefined {
  if (deduplicationId === undefined) return undefined;
  return settings.deduplicationByGroup ? JSON.stringify([groupId, deduplicationId]) : deduplicationId;
}

async function remember(
  kysely: ReturnType<typeof tables>,
  call: Call,
  queue: QueueRow,
  { key, messageId, sequence }: { key: string; messageId: string; sequence: number },
): Promise<void> {
  const seen = { message_id: messageId, sequence, expires_at: call.at + DEDUPLICATION_MS };
  await kysely
    .insertInto('sqs_deduplication')
    .values({ queue_id: queue.queue_id, deduplication_key: key, ...seen })
    .onConflict((conflict) => conflict.columns(['queue_id', 'deduplication_key']).doUpdateSet(seen))
    .execute();
}

/** The next place in the order of a queue; whoever else counts at the same time tries again. */
async function countUp(kysely: ReturnType<typeof tables>, queue: QueueRow): Promise<number> {
  const sequence = queue.sequence + 1;
  await kysely.updateTable('sqs_queue').set({ sequence }).where('name', '=', queue.name).execute();
  return sequence;
}

let sent = 0;

/** Grows with time, and within a process with every message; enough where order is only a courtesy. */
function nextSequence(at: number): number {
  sent = (sent + 1) % SEQUENCES_PER_MS;
  return at * SEQUENCES_PER_MS + sent;
}

function answerOf(settings: Settings, messageId: string, sequence: number) {
  return { MessageId: messageId, ...(settings.isFifo ? { SequenceNumber: showSequence(sequence) } : {}) };
}

export function showSequence(sequence: number): string {
  return String(sequence).padStart(SEQUENCE_DIGITS, '0');
}

function digestsOf(given: Given) {
  const ofAttributes = md5OfAttributes(given.MessageAttributes ?? {});
  const ofSystem = md5OfAttributes(given.MessageSystemAttributes ?? {});
  return {
    MD5OfMessageBody: md5Of(given.MessageBody ?? ''),
    ...(ofAttributes === undefined ? {} : { MD5OfMessageAttributes: ofAttributes }),
    ...(ofSystem === undefined ? {} : { MD5OfMessageSystemAttributes: ofSystem }),
  };
}

/** A message of a batch that cannot be sent fails alone. */
function attempt<Value>(id: string | undefined, run: () => Value) {
  try {
    return run();
  } catch (error) {
    if (!isFault(error)) throw error;
    return batchFailure(id, error);
  }
}
