/**
 * One file of an export task: the events of one stream from where the last file ended, as gzip text, put into the bucket
 * as the service itself, so that the bucket's policy decides. Its key comes from where it begins, so a repeated effect
 * writes the same object again. See "Exporting log data to Amazon S3".
 */

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { isFault } from '#base/fault.ts';
import type { LogEvent, Place } from '#core/log-chunk/event.ts';
import {
  exportDecider,
  type ExportCursor,
  type ExportEvent,
  type ExportFile,
  type ExportOrder,
  type ExportTask,
} from '#core/log-export/task.ts';
import type { Machine } from '#engine/machine.ts';
import type { Caller, House } from '#services/service.ts';
import { endOfPrefix } from './room.ts';
import type { Scanner } from './scanning.ts';
import { tables } from './tables.ts';

export type ExportMachine = Machine<ExportTask, ExportEvent, ExportFile>;

const compress = promisify(gzip);
/** Of one file, before it is compressed. */
const FILE_BYTES_MAX = 8 * 1024 * 1024;
const PAGE_EVENTS_MAX = 10_000;
/** What a bucket answers when it would be able to later. */
const PASSING = new Set(['SlowDown', 'InternalError', 'InternalFailure', 'ServiceUnavailable', 'Throttling']);

export function createExportMachine(house: House, scanner: Scanner): ExportMachine {
  const { database } = house;

  async function exportFile(
    { order, cursor }: ExportFile,
    { machineId, signal }: { readonly machineId: string; readonly signal: AbortSignal },
  ): Promise<ExportEvent> {
    if (!cursor) return { type: 'FileExported', next: await firstOf(order, undefined) };
    try {
      return { type: 'FileExported', next: await writeFile(order, machineId, cursor, signal) };
    } catch (error) {
      if (!isFault(error) || PASSING.has(error.code)) throw error;
      return { type: 'ExportRefused', message: `${error.code}: ${error.message}` };
    }
  }

  /** Where the next file begins. */
  async function writeFile(
    order: ExportOrder,
    taskId: string,
    cursor: ExportCursor,
    signal: AbortSignal,
  ): Promise<ExportCursor | undefined> {
    const { lines, next } = await collect(order, cursor, signal);
    if (lines.length > 0) await put(order, taskId, cursor, lines);
    if (!next) return firstOf(order, cursor.stream);
    return { ...cursor, at: next.at, sequence: next.sequence, file: cursor.file + 1 };
  }

  /** Whole pages, until they are enough for a file or the stream has no more. */
  async function collect(
    order: ExportOrder,
    cursor: ExportCursor,
    signal: AbortSignal,
  ): Promise<{ readonly lines: readonly string[]; readonly next: Place | undefined }> {
    const lines: string[] = [];
    let from: Place | undefined = { at: cursor.at, streamId: cursor.streamId, sequence: cursor.sequence };
    for (let length = 0; from && length < FILE_BYTES_MAX;) {
      signal.throwIfAborted();
      const page = await scanner.scan({
        streamIds: [cursor.streamId],
        isForward: true,
        from,
        since: order.from,
        until: order.to + 1,
        eventsMax: PAGE_EVENTS_MAX,
      });
      for (const line of page.events.map(lineOf)) {
        lines.push(line);
        length += line.length;
      }
      from = page.edge;
    }
    return { lines, next: from };
  }

  async function put(
    order: ExportOrder,
    taskId: string,
    cursor: ExportCursor,
    lines: readonly string[],
  ): Promise<void> {
    const stream = cursor.stream.replaceAll('/', '-');
    await bucketCaller(house, order.groupArn).send('s3:PutObject', {
      Bucket: order.bucket,
      Key: `${order.prefix}/${taskId}/${stream}/${String(cursor.file).padStart(6, '0')}.gz`,
      Body: await compress(lines.join('')),
      ACL: 'bucket-owner-full-control',
      ContentType: 'application/x-gzip',
    });
  }

  /** The first stream after this name. */
  async function firstOf(order: ExportOrder, after: string | undefined): Promise<ExportCursor | undefined> {
    let query = tables(database)
      .selectFrom('logs_stream')
      .select(['stream_id', 'name'])
      .where('group_name', '=', order.group)
      .where('name', '>=', order.streamPrefix);
    if (order.streamPrefix) query = query.where('name', '<', endOfPrefix(order.streamPrefix));
    if (after !== undefined) query = query.where('name', '>', after);
    const row = await query.orderBy('name').limit(1).executeTakeFirst();
    return row && { stream: row.name, streamId: row.stream_id, at: 0, sequence: 0, file: 0 };
  }

  return {
    kind: 'logs.export',
    decider: exportDecider,
    effects: { ExportFile: exportFile },
    async record(transaction, { id, after }) {
      const row = { status: after.status, task: JSON.stringify(after) };
      await tables(transaction)
        .insertInto('logs_export_task')
        .values({ task_id: id, created_at: after.createdAt, ...row })
        .onConflict((conflict) => conflict.column('task_id').doUpdateSet(row))
        .execute();
    },
  };
}

/** In bucket policies the service has its region in its name, and the group is the source. */
export function bucketCaller(house: House, groupArn: string): Caller {
  return house.asService(`logs.${house.region}`, `${groupArn}:*`);
}

function lineOf({ at, message }: LogEvent): string {
  return `${new Date(at).toISOString()} ${message.endsWith('\n') ? message : `${message}\n`}`;
}
