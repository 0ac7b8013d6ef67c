/** What log groups and streams there are, page by page. */

import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import { fault } from '#base/fault.ts';
import type { Call, Handler, House } from '#services/service.ts';
import { groupArn, groupName, streamArn } from './names.ts';
import { afterOf, offsetOf, endOfPrefix, pageToken, requireGroup } from './room.ts';
import { tables, type GroupRow, type StreamRow } from './tables.ts';

const PAGE_SIZE = 50;

export function describingOperations(house: House) {
  const { database } = house;
  /** Letter by letter, in a name that holds no wildcards. */
  const contains = (part: string) =>
    database.dialect === 'postgres'
      ? sql<boolean>`strpos(name, ${part}) > 0`
      : sql<boolean>`instr(name, ${part}) > 0`;

  const DescribeLogGroups: Handler<'logs', 'DescribeLogGroups'> = async (call, input) => {
    const { logGroupNamePrefix: prefix, logGroupNamePattern: pattern, logGroupIdentifiers } = input;
    if (prefix && pattern) {
      throw fault(
        'InvalidParameterException',
        'LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.',
      );
    }
    if (isOfOtherClass(input.logGroupClass)) return { logGroups: [] };
    const limit = input.limit ?? PAGE_SIZE;
    let query = pageOfGroups(limit, input.nextToken);
    if (prefix) query = query.where('name', '>=', prefix).where('name', '<', endOfPrefix(prefix));
    if (pattern) query = query.where(contains(pattern));
    if (logGroupIdentifiers?.length) query = query.where('name', 'in', logGroupIdentifiers.map(groupName));
    const found = await query.execute();
    const page = found.slice(0, limit);
    const facts = await readFacts(page);
    return {
      logGroups: page.map((row) =>
        pattern ? viewFound(call, row) : { ...viewFound(call, row), ...viewFacts(call, row, facts) },
      ),
      ...(found.length > limit && { nextToken: pageToken(page.at(-1)?.name ?? '') }),
    };
  };

  const ListLogGroups: Handler<'logs', 'ListLogGroups'> = async (call, input) => {
    if (input.logGroupTags?.length) {
      throw fault('InvalidParameterException', 'Log groups cannot be listed by their tags here.');
    }
    const isNone =
      isOfOtherClass(input.logGroupClass) || input.dataSources?.length || input.fieldIndexNames?.length;
    if (isNone) return { logGroups: [] };
    const limit = input.limit ?? PAGE_SIZE;
    let query = pageOfGroups(limit, input.nextToken);
    const patterns = input.logGroupNamePattern?.split('|');
    if (patterns) {
      query = query.where((eb) =>
        eb.or(
          patterns.map((pattern) => {
            const prefix = pattern.slice(1);
            if (!pattern.startsWith('^')) return contains(pattern);
            return eb.and([eb('name', '>=', prefix), eb('name', '<', endOfPrefix(prefix))]);
          }),
        ),
      );
    }
    const found = await query.execute();
    return {
      logGroups: found.slice(0, limit).map((row) => ({
        logGroupName: row.name,
        logGroupArn: groupArn(call, row.name),
        logGroupClass: 'STANDARD' as const,
      })),
      ...(found.length > limit && { nextToken: pageToken(found[limit - 1]?.name ?? '') }),
    };
  };

  function pageOfGroups(limit: number, token: string | undefined) {
    const after = afterOf(token);
    const query = tables(database)
      .selectFrom('logs_group')
      .selectAll()
      .orderBy('name')
      .limit(limit + 1);
    return after === undefined ? query : query.where('name', '>', after);
  }

  async function readFacts(groups: readonly GroupRow[]): Promise<Facts> {
    const names = groups.map((row) => row.name);
    if (names.length === 0) return { filters: new Map(), bytes: new Map(), keys: new Map() };
    const filters = await tables(database)
      .selectFrom('logs_metric_filter')
      .select(['group_name', (eb) => eb.fn.countAll<number>().as('count')])
      .where('group_name', 'in', names)
      .groupBy('group_name')
      .execute();
    const bytes = await tables(database)
      .selectFrom('logs_stream')
      .select(['group_name', (eb) => eb.fn.sum<number>('stored_bytes').as('bytes')])
      .where('group_name', 'in', names)
      .groupBy('group_name')
      .execute();
    return {
      filters: new Map(filters.map((row) => [row.group_name, Number(row.count)])),
      bytes: new Map(bytes.map((row) => [row.group_name, Number(row.bytes)])),
      keys: await readKeys(database.read, groups),
    };
  }

  const DescribeLogStreams: Handler<'logs', 'DescribeLogStreams'> = async (call, input) => {
    const name = groupName(input.logGroupName ?? input.logGroupIdentifier);
    const group = await requireGroup(database.read, name);
    const byTime = input.orderBy === 'LastEventTime';
    if (byTime && input.logStreamNamePrefix) {
      throw fault('InvalidParameterException', 'Cannot order by LastEventTime with a logStreamNamePrefix.');
    }
    const limit = input.limit ?? PAGE_SIZE;
    const start = offsetOf(input.nextToken);
    let query = tables(database).selectFrom('logs_stream').selectAll().where('group_name', '=', group.name);
    if (input.logStreamNamePrefix) {
      const prefix = input.logStreamNamePrefix;
      query = query.where('name', '>=', prefix).where('name', '<', endOfPrefix(prefix));
    }
    const direction = input.descending ? 'desc' : 'asc';
    const found = await query
      .orderBy(byTime ? sql`coalesce(last_event_at, 0)` : 'name', direction)
      .orderBy('stream_id', direction)
      .limit(limit + 1)
      .offset(start)
      .execute();
    return {
      logStreams: found.slice(0, limit).map((row) => viewStream(call, row)),
      ...(found.length > limit && { nextToken: pageToken(String(start + limit)) }),
    };
  };

  return { DescribeLogGroups, ListLogGroups, DescribeLogStreams };
}

interface Facts {
  readonly filters: ReadonlyMap<string, number>;
  readonly bytes: ReadonlyMap<string, number>;
  readonly keys: ReadonlyMap<number, string>;
}

/** The ARNs of the KMS keys of these groups' data keys. */
async function readKeys(
  database: Kysely<unknown>,
  groups: readonly GroupRow[],
): Promise<ReadonlyMap<number, string>> {
  const ids = groups.map((row) => row.data_key_id).filter((id) => id !== null);
  if (ids.length === 0) return new Map();
  const rows = await tables(database)
    .selectFrom('logs_data_key')
    .select(['data_key_id', 'kms_key_arn'])
    .where('data_key_id', 'in', ids)
    .execute();
  return new Map(rows.map((row) => [row.data_key_id, row.kms_key_arn]));
}

function isOfOtherClass(name: string | undefined): boolean {
  return name !== undefined && name !== 'STANDARD';
}

/** All that a search by pattern shows. */
function viewFound(call: Call, row: GroupRow) {
  return { logGroupName: row.name, creationTime: row.created_at, arn: `${groupArn(call, row.name)}:*` };
}

function viewFacts(call: Call, row: GroupRow, { filters, bytes, keys }: Facts) {
  const key = row.data_key_id === null ? undefined : keys.get(row.data_key_id);
  return {
    ...(row.retention_days !== null && { retentionInDays: row.retention_days }),
    metricFilterCount: filters.get(row.name) ?? 0,
    storedBytes: bytes.get(row.name) ?? 0,
    ...(key !== undefined && { kmsKeyId: key }),
    logGroupArn: groupArn(call, row.name),
    logGroupClass: 'STANDARD' as const,
    deletionProtectionEnabled: row.is_protected === 1,
  };
}

/** `storedBytes` of a stream is always 0 at AWS, since 2019. */
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
