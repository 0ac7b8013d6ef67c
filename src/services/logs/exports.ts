/** Export tasks: ordered, described, cancelled. What they do is in `exporting.ts`. */

import type { Kysely } from 'kysely';
import { createUuid } from '#base/chance.ts';
import { fault, isFault } from '#base/fault.ts';
import { isEnded, type ExportOrder, type ExportStatus, type ExportTask } from '#core/log-export/task.ts';
import type { Handler, House } from '#services/service.ts';
import { bucketCaller, type ExportMachine } from './exporting.ts';
import { groupArn } from './names.ts';
import { offsetOf, pageToken, requireGroup } from './room.ts';
import { tables } from './tables.ts';

const PAGE_SIZE = 50;
const DEFAULT_PREFIX = 'exportedlogs';
const ACTIVE: readonly ExportStatus[] = ['PENDING', 'RUNNING', 'PENDING_CANCEL'];
/** How long an ended task is told of. */
const KEPT_MS = 30 * 86_400_000;
const FORGOTTEN_AT_ONCE = 100;

export function exportOperations(house: House, machine: ExportMachine) {
  const { database, engine } = house;

  const CreateExportTask: Handler<'logs', 'CreateExportTask'> = async (call, input) => {
    const { logGroupName: name = '', from = 0, to = 0, destination: bucket = '' } = input;
    await requireGroup(database.read, name);
    if (from > to) {
      throw fault('InvalidParameterException', 'The start of the time range must not be after its end.');
    }
    const order: ExportOrder = {
      ...(input.taskName !== undefined && { name: input.taskName }),
      group: name,
      groupArn: groupArn(call, name),
      streamPrefix: input.logStreamNamePrefix ?? '',
      from,
      to,
      bucket,
      prefix: input.destinationPrefix ?? DEFAULT_PREFIX,
    };
    await tryBucket(order);
    await forgetOld(call.at);
    const taskId = createUuid();
    await engine.send(machine, taskId, { type: 'ExportRequested', order }, refuseSecond);
    return { taskId };
  };

  /** AWS runs one task of an account at a time. */
  async function refuseSecond(transaction: Kysely<unknown>): Promise<void> {
    const active = await tables(transaction)
      .selectFrom('logs_export_task')
      .select('task_id')
      .where('status', 'in', ACTIVE)
      .executeTakeFirst();
    if (active) throw fault('LimitExceededException', 'Resource limit exceeded.');
  }

  async function tryBucket({ bucket, prefix, groupArn: arn }: ExportOrder): Promise<void> {
    const caller = bucketCaller(house, arn);
    await orRefused('GetBucketAcl', () => caller.send('s3:GetBucketAcl', { Bucket: bucket }));
    await orRefused('PutObject', () =>
      caller.send('s3:PutObject', {
        Bucket: bucket,
        Key: `${prefix}/aws-logs-write-test`,
        Body: Buffer.from('Permission Check Successful'),
        ACL: 'bucket-owner-full-control',
      }),
    );
  }

  async function forgetOld(now: number): Promise<void> {
    const old = await tables(database)
      .selectFrom('logs_export_task')
      .select('task_id')
      .where('created_at', '<', now - KEPT_MS)
      .where('status', 'not in', ACTIVE)
      .limit(FORGOTTEN_AT_ONCE)
      .execute();
    for (const { task_id } of old) {
      await engine.forget(machine, task_id);
      await database.transaction(async (transaction) => {
        await tables(transaction).deleteFrom('logs_export_task').where('task_id', '=', task_id).execute();
      });
    }
  }

  const DescribeExportTasks: Handler<'logs', 'DescribeExportTasks'> = async (_call, input) => {
    const limit = input.limit ?? PAGE_SIZE;
    const start = offsetOf(input.nextToken);
    let query = tables(database).selectFrom('logs_export_task').selectAll();
    if (input.taskId !== undefined) query = query.where('task_id', '=', input.taskId);
    if (input.statusCode !== undefined) query = query.where('status', '=', input.statusCode);
    const found = await query
      .orderBy('created_at', 'desc')
      .orderBy('task_id')
      .limit(limit + 1)
      .offset(start)
      .execute();
    return {
      exportTasks: found
        .slice(0, limit)
        .map((row) => viewTask(row.task_id, JSON.parse(row.task) as ExportTask)),
      ...(found.length > limit && { nextToken: pageToken(String(start + limit)) }),
    };
  };

  const CancelExportTask: Handler<'logs', 'CancelExportTask'> = async (_call, input) => {
    const taskId = input.taskId ?? '';
    if (!(await engine.read(machine, taskId))) {
      throw fault('ResourceNotFoundException', 'The specified export task does not exist.');
    }
    await engine.send(machine, taskId, { type: 'ExportCancelled' });
    return {};
  };

  return { CreateExportTask, DescribeExportTasks, CancelExportTask };
}

async function orRefused(operation: string, ask: () => Promise<unknown>): Promise<void> {
  try {
    await ask();
  } catch (cause) {
    if (!isFault(cause)) throw cause;
    const message = `${operation} call on the given bucket failed. Please check if CloudWatch Logs has been granted permission to perform this operation.`;
    throw fault('InvalidParameterException', message, { cause });
  }
}

function viewTask(taskId: string, { order, status, message, createdAt, endedAt }: ExportTask) {
  return {
    taskId,
    ...(order.name !== undefined && { taskName: order.name }),
    logGroupName: order.group,
    from: order.from,
    to: order.to,
    destination: order.bucket,
    destinationPrefix: order.prefix,
    status: { code: status, message },
    executionInfo: {
      creationTime: createdAt,
      ...(isEnded(status) && endedAt !== undefined && { completionTime: endedAt }),
    },
  };
}
