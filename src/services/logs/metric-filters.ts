/**
 * Metric filters: what they are, what they count in each batch, and how the counts reach CloudWatch. Counts are stored
 * in the transaction of their events. A crash just after CloudWatch took some may bring these twice; none is lost.
 */

import type { Kysely } from 'kysely';
import { createText } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import {
  countEvents,
  type CountedEvent,
  type MetricCount,
  type MetricTransformation,
} from '#core/log-metric/count.ts';
import {
  metricOutboxDecider,
  type CarryMetrics,
  type MetricEvent,
  type MetricOutbox,
} from '#core/log-metric/outbox.ts';
import { parseLogPattern } from '#core/log-pattern/parse.ts';
import type { Machine } from '#engine/machine.ts';
import type { InputOfId } from '#services/clients.ts';
import type { Handler, House } from '#services/service.ts';
import { offsetOf, endOfPrefix, pageToken, requireGroup } from './room.ts';
import { tables, type MetricFilterRow } from './tables.ts';

const FILTERS_PER_GROUP_MAX = 100;
const DIMENSIONS_MAX = 3;
const PAGE_SIZE = 50;
/** Counts of one PutMetricData. */
const COUNTS_AT_ONCE = 100;

type Datum = NonNullable<InputOfId<'cloudwatch:PutMetricData'>['MetricData']>[number];

export function createMetricFilters(house: House) {
  const { database } = house;
  const machine: Machine<MetricOutbox, MetricEvent, CarryMetrics> = {
    kind: 'logs.metrics',
    decider: metricOutboxDecider,
    effects: {
      async CarryMetrics(_effect, { machineId, signal }) {
        while (!signal.aborted && (await carrySome(machineId)));
        return { type: 'MetricsCarried' };
      },
    },
  };

  /** Whether there may be more. */
  async function carrySome(group: string): Promise<boolean> {
    const rows = await tables(database)
      .selectFrom('logs_metric_count')
      .selectAll()
      .where('group_name', '=', group)
      .orderBy('count_id')
      .limit(COUNTS_AT_ONCE)
      .execute();
    const counts = rows.map(({ count }) => JSON.parse(count) as MetricCount);
    for (const [Namespace, MetricData] of dataByNamespace(counts)) {
      await house.asService('logs').send('cloudwatch:PutMetricData', { Namespace, MetricData });
    }
    const ids = rows.map((row) => row.count_id);
    if (ids.length === 0) return false;
    await database.transaction(async (transaction) => {
      await tables(transaction).deleteFrom('logs_metric_count').where('count_id', 'in', ids).execute();
    });
    return rows.length === COUNTS_AT_ONCE;
  }

  /** Stores what the group's filters count in these events; whether that is anything. */
  async function count(
    transaction: Kysely<unknown>,
    group: string,
    events: readonly CountedEvent[],
  ): Promise<boolean> {
    const filters = await filtersOf(transaction, group);
    const counts = filters.flatMap((row) =>
      countEvents(parseLogPattern(row.pattern), transformationOf(row), events),
    );
    if (counts.length === 0) return false;
    const values = counts.map((each) => ({
      count_id: Number(createText('0123456789', 15)),
      group_name: group,
      count: JSON.stringify(each),
    }));
    await tables(transaction).insertInto('logs_metric_count').values(values).execute();
    return true;
  }

  const carry = (group: string) => house.engine.send(machine, group, { type: 'MetricsCounted' });

  const PutMetricFilter: Handler<'logs', 'PutMetricFilter'> = async (call, input) => {
    const { filterName: name = '', filterPattern: pattern = '' } = input;
    const transformation = input.metricTransformations?.[0] as MetricTransformation;
    parseLogPattern(pattern);
    checkTransformation(transformation, pattern);
    await database.transaction(async (transaction) => {
      const group = await requireGroup(transaction, input.logGroupName ?? '');
      const others = (await filtersOf(transaction, group.name)).filter((row) => row.name !== name);
      if (others.length >= FILTERS_PER_GROUP_MAX) {
        throw fault(
          'LimitExceededException',
          `A log group can have ${FILTERS_PER_GROUP_MAX} metric filters.`,
        );
      }
      const rows = tables(transaction);
      await rows
        .deleteFrom('logs_metric_filter')
        .where('group_name', '=', group.name)
        .where('name', '=', name)
        .execute();
      const row = { pattern, transformation: JSON.stringify(transformation), created_at: call.at };
      await rows
        .insertInto('logs_metric_filter')
        .values({ group_name: group.name, name, ...row })
        .execute();
    });
    return {};
  };

  const DeleteMetricFilter: Handler<'logs', 'DeleteMetricFilter'> = async (_call, input) => {
    await database.transaction(async (transaction) => {
      const group = await requireGroup(transaction, input.logGroupName ?? '');
      const { numDeletedRows } = await tables(transaction)
        .deleteFrom('logs_metric_filter')
        .where('group_name', '=', group.name)
        .where('name', '=', input.filterName ?? '')
        .executeTakeFirst();
      if (Number(numDeletedRows) > 0) return;
      throw fault('ResourceNotFoundException', 'The specified metric filter does not exist.');
    });
    return {};
  };

  const DescribeMetricFilters: Handler<'logs', 'DescribeMetricFilters'> = async (_call, input) => {
    if (input.logGroupName) await requireGroup(database.read, input.logGroupName);
    const limit = input.limit ?? PAGE_SIZE;
    const start = offsetOf(input.nextToken);
    let query = tables(database).selectFrom('logs_metric_filter').selectAll();
    if (input.logGroupName) query = query.where('group_name', '=', input.logGroupName);
    if (input.filterNamePrefix) {
      const prefix = input.filterNamePrefix;
      query = query.where('name', '>=', prefix).where('name', '<', endOfPrefix(prefix));
    }
    const all = (await query.orderBy('group_name').orderBy('name').execute()).filter((row) => {
      const { metricName, metricNamespace } = transformationOf(row);
      return (
        (input.metricName ?? metricName) === metricName &&
        (input.metricNamespace ?? metricNamespace) === metricNamespace
      );
    });
    return {
      metricFilters: all.slice(start, start + limit).map((row) => ({
        filterName: row.name,
        filterPattern: row.pattern,
        metricTransformations: [transformationOf(row) as never],
        creationTime: row.created_at,
        logGroupName: row.group_name,
        applyOnTransformedLogs: false,
      })),
      ...(all.length > start + limit && { nextToken: pageToken(String(start + limit)) }),
    };
  };

  return {
    machine,
    count,
    carry,
    operations: { PutMetricFilter, DeleteMetricFilter, DescribeMetricFilters },
    /** Counts whose carrier a crash kept from being sent. */
    async recover(): Promise<void> {
      const rows = tables(database).selectFrom('logs_metric_count').select('group_name').distinct();
      for (const { group_name } of await rows.execute()) await carry(group_name);
    },
  };
}

export type MetricFilters = ReturnType<typeof createMetricFilters>;

function filtersOf(database: Kysely<unknown>, group: string): Promise<MetricFilterRow[]> {
  return tables(database)
    .selectFrom('logs_metric_filter')
    .selectAll()
    .where('group_name', '=', group)
    .execute();
}

function transformationOf(row: MetricFilterRow): MetricTransformation {
  return JSON.parse(row.transformation) as MetricTransformation;
}

function checkTransformation(transformation: MetricTransformation, pattern: string): void {
  const { metricValue, dimensions = {}, defaultValue } = transformation;
  const names = Object.keys(dimensions);
  const why =
    !metricValue.startsWith('$') && !Number.isFinite(Number(metricValue || 'x'))
      ? 'The metric value is neither a number nor a selector.'
      : names.length > DIMENSIONS_MAX
        ? `A metric filter can have ${DIMENSIONS_MAX} dimensions.`
        : names.length > 0 && defaultValue !== undefined
          ? 'Invalid metric transformation: dimensions and default value are mutually exclusive properties.'
          : names.length > 0 && !/^\s*[{[]/.test(pattern)
            ? 'Dimensions need a filter pattern of JSON or of fields.'
            : undefined;
  if (why !== undefined) throw fault('InvalidParameterException', why);
}

function dataByNamespace(counts: readonly MetricCount[]): ReadonlyMap<string, Datum[]> {
  const data = new Map<string, Datum[]>();
  for (const { namespace, name, unit, at, dimensions, values, counts: times } of counts) {
    const datum: Datum = {
      MetricName: name,
      Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
      Timestamp: new Date(at),
      Values: [...values],
      Counts: [...times],
      ...(unit !== undefined && { Unit: unit as Datum['Unit'] }),
    };
    data.set(namespace, [...(data.get(namespace) ?? []), datum]);
  }
  return data;
}
