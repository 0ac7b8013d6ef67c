/**
 * What a receiver does with what it got: deletes it, or keeps it out of sight for longer or shorter. A receipt counts
 * until the message is received again.
 */

import { fault } from '#base/fault.ts';
import { assert } from '#base/assert.ts';
import type { Call, Handler } from '#services/service.ts';
import { checkBatch, forEachEntry } from './batches.ts';
import { invalidValue } from './faults.ts';
import { requireQueue, type Room } from './room.ts';
import { tables, type MessageRow, type QueueRow } from './tables.ts';

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const RECEIPT = new RegExp(`^(${UUID}):(${UUID})$`);
const VISIBILITY_SECONDS_MAX = 43_200;

export function settlingOperations(room: Room) {
  const { database, clock } = room.house;

  const DeleteMessage: Handler<'sqs', 'DeleteMessage'> = async (call, input) => {
    const queue = await requireQueue(database.read, input.QueueUrl, call.account);
    await remove(queue, input.ReceiptHandle);
    return {};
  };

  const DeleteMessageBatch: Handler<'sqs', 'DeleteMessageBatch'> = async (call, input) => {
    const queue = await requireQueue(database.read, input.QueueUrl, call.account);
    return forEachEntry(checkBatch(input.Entries), (entry) => remove(queue, entry.ReceiptHandle));
  };

  const ChangeMessageVisibility: Handler<'sqs', 'ChangeMessageVisibility'> = async (call, input) => {
    const queue = await requireQueue(database.read, input.QueueUrl, call.account);
    await change(call, queue, input.ReceiptHandle, input.VisibilityTimeout ?? -1);
    return {};
  };

  const ChangeMessageVisibilityBatch: Handler<'sqs', 'ChangeMessageVisibilityBatch'> = async (
    call,
    input,
  ) => {
    const queue = await requireQueue(database.read, input.QueueUrl, call.account);
    return forEachEntry(checkBatch(input.Entries), (entry) =>
      change(call, queue, entry.ReceiptHandle, entry.VisibilityTimeout ?? -1),
    );
  };

  /** Deleting twice, or with a receipt that counts no more, is no error, and deletes nothing. */
  async function remove(queue: QueueRow, handle: string | undefined): Promise<void> {
    const { messageId, receipt } = parseReceiptHandle(handle);
    await database.transaction(async (transaction) => {
      await tables(transaction)
        .deleteFrom('sqs_message')
        .where('message_id', '=', messageId)
        .where('queue_id', '=', queue.queue_id)
        .where('receipt', '=', receipt)
        .execute();
    }, 'snapshot');
    // The group of the message may go on.
    room.bell.ring([queue.name]);
  }

  async function change(
    call: Call,
    queue: QueueRow,
    handle: string | undefined,
    seconds: number,
  ): Promise<void> {
    const { messageId, receipt } = parseReceiptHandle(handle);
    if (seconds < 0 || seconds > VISIBILITY_SECONDS_MAX) {
      throw invalidValue(
        seconds,
        'VisibilityTimeout',
        `VisibilityTimeout must be an integer between 0 and ${VISIBILITY_SECONDS_MAX}.`,
      );
    }
    const changed = await database.transaction(async (transaction) => {
      const result = await tables(transaction)
        .updateTable('sqs_message')
        .set({ visible_at: clock.now() + seconds * 1000 })
        .where('message_id', '=', messageId)
        .where('queue_id', '=', queue.queue_id)
        .where('receipt', '=', receipt)
        .where('visible_at', '>', call.at)
        .executeTakeFirst();
      return result.numUpdatedRows > 0n;
    }, 'snapshot');
    if (!changed) {
      throw fault('MessageNotInflight', 'The specified message is not in flight.');
    }
    room.bell.ring([queue.name]);
  }

  return { DeleteMessage, DeleteMessageBatch, ChangeMessageVisibility, ChangeMessageVisibilityBatch };
}

export function createReceiptHandle(row: MessageRow): string {
  assert(row.receipt !== null, 'a message that was received has a receipt');
  return Buffer.from(`${row.message_id}:${row.receipt}`).toString('base64');
}

function parseReceiptHandle(handle: string | undefined): { messageId: string; receipt: string } {
  const [, messageId, receipt] = RECEIPT.exec(Buffer.from(handle ?? '', 'base64').toString('latin1')) ?? [];
  if (messageId !== undefined && receipt !== undefined) return { messageId, receipt };
  throw fault(
    'ReceiptHandleIsInvalid',
    `The input receipt handle "${handle ?? ''}" is not a valid receipt handle.`,
  );
}
