/** Log groups and streams: created, described, deleted, kept for so many days, tagged. */

import { createText } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { Call, Handler, House } from '#services/service.ts';
import { groupArn, groupName, streamArn } from './names.ts';
import { afterOf, deleteStreams, endOfPrefix, pageToken, requireGroup, requireStream } from './room.ts';
import { tables } from './tables.ts';
import { checkTags } from './tagging.ts';
import type { GroupRow, StreamRow } from './tables.ts';

const PAGE_SIZE = 50;
const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

export function groupOperations(house: House) {
  const { database } = house;

  const CreateLogGroup: Handler<'logs', 'CreateLogGroup'> = async (call, input) => {
    const name = input.logGroupName ?? '';
    const tags = JSON.stringify(checkTags(input.tags ?? {}));
    await database.transaction(async (transaction) => {
      const rows = tables(transaction);
      const there = await rows
        .selectFrom('logs_group')
        .select('name')
        .where('name', '=', name)
        .executeTakeFirst();
      if (there) throw fault('ResourceAlreadyExistsException', 'The specified log group already exists');
      await rows
        .insertInto('logs_group')
        .values({ name, created_at: call.at, retention_days: null, tags })
        .execute();
    });
    return {};
  };

  const DeleteLogGroup: Handler<'logs', 'DeleteLogGroup'> = async (_call, input) => {
    await database.transaction(async (transaction) => {
      const { name } = await requireGroup(transaction, input.logGroupName ?? '');
      const rows = tables(transaction);
      const streams = await rows
        .selectFrom('logs_stream')
        .select('stream_id')
        .where('group_name', '=', name)
        .execute();
      await deleteStreams(
        rows,
        streams.map((stream) => stream.stream_id),
      );
      await rows.deleteFrom('logs_metric_filter').where('group_name', '=', name).execute();
      await rows.deleteFrom('logs_group').where('name', '=', name).execute();
    });
    return {};
  };

  const DescribeLogGroups: Handler<'logs', 'DescribeLogGroups'> = async (call, input) => {
    const limit = input.limit ?? PAGE_SIZE;
    const after = afterOf(input.nextToken);
    let query = tables(database)
      .selectFrom('logs_group')
      .selectAll()
      .orderBy('name')
      .limit(limit + 1);
    if (after !== undefined) query = query.where('name', '>', after);
    if (input.logGroupNamePrefix) {
      const prefix = input.logGroupNamePrefix;
      query = query.where('name', '>=', prefix).where('name', '<', endOfPrefix(prefix));
    }
    if (input.logGroupNamePattern) query = query.where('name', 'like', `%${input.logGroupNamePattern}%`);
    const found = await query.execute();
    const page = found.slice(0, limit);
    const filters = await countFilters(page.map((row) => row.name));
    return {
      logGroups: page.map((row) => viewGroup(call, row, filters.get(row.name) ?? 0)),
      ...(found.length > limit && { nextToken: pageToken(page.at(-1)?.name ?? '') }),
    };
  };

  async function countFilters(names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (names.length === 0) return new Map();
    const rows = await tables(database)
      .selectFrom('logs_metric_filter')
      .select(['group_name', (eb) => eb.fn.countAll<number>().as('count')])
      .where('group_name', 'in', names)
      .groupBy('group_name')
      .execute();
    return new Map(rows.map((row) => [row.group_name, Number(row.count)]));
  }

  const CreateLogStream: Handler<'logs', 'CreateLogStream'> = async (call, input) => {
    const [group, name] = [input.logGroupName ?? '', input.logStreamName ?? ''];
    const streamId = Number(createText('0123456789', 15));
    await database.transaction(async (transaction) => {
      await requireGroup(transaction, group);
      const rows = tables(transaction);
      const there = await rows
        .selectFrom('logs_stream')
        .select('stream_id')
        .where('group_name', '=', group)
        .where('name', '=', name)
        .executeTakeFirst();
      if (there) throw fault('ResourceAlreadyExistsException', 'The specified log stream already exists');
      await rows
        .insertInto('logs_stream')
        .values({
          stream_id: streamId,
          group_name: group,
          name,
          created_at: call.at,
          first_event_at: null,
          last_event_at: null,
          last_ingestion_at: null,
          event_count: 0,
        })
        .execute();
    });
    return {};
  };

  const DeleteLogStream: Handler<'logs', 'DeleteLogStream'> = async (_call, input) => {
    await database.transaction(async (transaction) => {
      const stream = await requireStream(transaction, input.logGroupName ?? '', input.logStreamName);
      await deleteStreams(tables(transaction), [stream.stream_id]);
    });
    return {};
  };

  const DescribeLogStreams: Handler<'logs', 'DescribeLogStreams'> = async (call, input) => {
    const group = await requireGroup(
      database.read,
      groupName(input.logGroupName ?? input.logGroupIdentifier),
    );
    const byTime = input.orderBy === 'LastEventTime';
    if (byTime && input.logStreamNamePrefix) {
      throw fault('InvalidParameterException', 'Cannot order by LastEventTime with a logStreamNamePrefix.');
    }
    const limit = input.limit ?? PAGE_SIZE;
    const start = Number(afterOf(input.nextToken) ?? 0);
    let query = tables(database).selectFrom('logs_stream').selectAll().where('group_name', '=', group.name);
    if (input.logStreamNamePrefix) {
      const prefix = input.logStreamNamePrefix;
      query = query.where('name', '>=', prefix).where('name', '<', endOfPrefix(prefix));
    }
    const direction = input.descending ? 'desc' : 'asc';
    const found = await query
      .orderBy(byTime ? 'last_event_at' : 'name', direction)
      .orderBy('stream_id')
      .limit(limit + 1)
      .offset(start)
      .execute();
    return {
      logStreams: found.slice(0, limit).map((row) => viewStream(call, row)),
      ...(found.length > limit && { nextToken: pageToken(String(start + limit)) }),
    };
  };

  const setRetention = async (name: string | undefined, days: number | null): Promise<object> => {
    await database.transaction(async (transaction) => {
      const group = await requireGroup(transaction, name ?? '');
      await tables(transaction)
        .updateTable('logs_group')
        .set({ retention_days: days })
        .where('name', '=', group.name)
        .execute();
    });
    return {};
  };

  const PutRetentionPolicy: Handler<'logs', 'PutRetentionPolicy'> = async (_call, input) => {
    const days = input.retentionInDays ?? 0;
    if (!RETENTION_DAYS.includes(days)) {
      throw fault(
        'InvalidParameterException',
        `Invalid retentionInDays: ${days}. Valid: ${RETENTION_DAYS.join(', ')}`,
      );
    }
    return setRetention(input.logGroupName, days);
  };

  const DeleteRetentionPolicy: Handler<'logs', 'DeleteRetentionPolicy'> = async (_call, input) =>
    setRetention(input.logGroupName, null);

  return {
    CreateLogGroup,
    DeleteLogGroup,
    DescribeLogGroups,
    CreateLogStream,
    DeleteLogStream,
    DescribeLogStreams,
    PutRetentionPolicy,
    DeleteRetentionPolicy,
  };
}

/** `storedBytes` of AWS lags by hours and is 0 for streams; nothing here counts it. */
function viewGroup(call: Call, row: GroupRow, metricFilterCount: number) {
  const arn = groupArn(call, row.name);
  return {
    logGroupName: row.name,
    creationTime: row.created_at,
    ...(row.retention_days !== null && { retentionInDays: row.retention_days }),
    metricFilterCount,
    arn: `${arn}:*`,
    logGroupArn: arn,
    logGroupClass: 'STANDARD' as const,
  };
}

function viewStream(call: Call, row: StreamRow) {
  return {
    logStreamName: row.name,
    creationTime: row.created_at,
    ...(row.first_event_at !== null && { firstEventTimestamp: row.first_event_at }),
    ...(row.last_event_at !== null && { lastEventTimestamp: row.last_event_at }),
    ...(row.last_ingestion_at !== null && { lastIngestionTime: row.last_ingestion_at }),
    uploadSequenceToken: `position/${row.event_count}`,
    arn: streamArn(call, row.group_name, row.name),
    storedBytes: 0,
  };
}
