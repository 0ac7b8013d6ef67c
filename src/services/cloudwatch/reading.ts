/** GetMetricStatistics, GetMetricData and ListMetrics. */

import type { Datapoint, DimensionFilter, MetricDataResult } from '@aws-sdk/client-cloudwatch';
import type { Aggregate } from '#core/metric/aggregate.ts';
import { createMetric, type Dimension, type MetricQuery } from '#core/metric/metric.ts';
import { groupByPeriod } from '#core/metric/period.ts';
import { statisticOf } from '#core/metric/statistic.ts';
import type { Handler } from '#services/service.ts';
import { alignedStart, metricId, readData } from './data.ts';
import { createToken, readToken } from './paging.ts';
import { dimensionsOf, queriesOf, readQueries, requirePeriod, requireStatistic } from './queries.ts';
import { invalidCombination, invalidValue, type Room, validationError } from './room.ts';
import { type MetricRow, tables } from './tables.ts';

type CloudWatch<Operation extends string> = Handler<'cloudwatch', Operation>;

const DATAPOINTS_MAX = 1_440;
const RESULT_POINTS_MAX = 100_800;
const QUERIES_MAX = 500;
const METRICS_PER_PAGE = 500;
const RECENT_MS = 3 * 3_600_000;
const LISTED_MS = 14 * 86_400_000;

export function readingOperations({ house }: Room) {
  const { database } = house;

  const GetMetricStatistics: CloudWatch<'GetMetricStatistics'> = async (_call, input) => {
    const { Namespace = '', MetricName = '', Dimensions, Unit, Statistics, ExtendedStatistics } = input;
    if (!Statistics?.length && !ExtendedStatistics?.length) {
      throw invalidCombination('Must specify either Statistics or ExtendedStatistics');
    }
    const extended = (ExtendedStatistics ?? []).map((name) => ({ name, statistic: requireStatistic(name) }));
    const period = requirePeriod(input.Period ?? 0);
    const { from, until } = rangeOf(input.StartTime, input.EndTime, period);
    const wanted = Math.ceil((until - from) / (period * 1000));
    if (wanted > DATAPOINTS_MAX) {
      throw invalidCombination(
        `You have requested up to ${wanted} datapoints, which exceeds the limit of ${DATAPOINTS_MAX.toLocaleString('en-US')}. You may reduce ` +
          'the datapoints requested by increasing Period, or decreasing the time range.',
      );
    }
    const id = metricId(createMetric(Namespace, MetricName, dimensionsOf(Dimensions)));
    const data = await readData(database, id, { from, until, unit: Unit });
    const units = [...new Set(data.map(({ unit }) => unit))];
    const Datapoints = units.flatMap((unit) =>
      groupByPeriod(
        data.filter((each) => each.unit === unit),
        period,
        from,
      ).map(({ at, aggregate }) => {
        const told = extended.flatMap(({ name, statistic }) => {
          const value = statisticOf(aggregate, statistic);
          return value === undefined ? [] : [[name, value] as const];
        });
        return {
          Timestamp: new Date(at),
          ...simpleStatistics(aggregate, Statistics ?? []),
          ...(told.length > 0 && { ExtendedStatistics: Object.fromEntries(told) }),
          Unit: unit as 'None',
        };
      }),
    );
    return { Label: MetricName, Datapoints };
  };

  const GetMetricData: CloudWatch<'GetMetricData'> = async (call, input) => {
    const { StartTime, EndTime, MetricDataQueries = [], NextToken, MaxDatapoints } = input;
    if (MetricDataQueries.length > QUERIES_MAX) {
      throw validationError(
        `The collection MetricDataQueries must not have a size greater than ${QUERIES_MAX}.`,
      );
    }
    const queries = queriesOf(call.account, MetricDataQueries);
    const finest = Math.min(60, ...queries.flatMap(({ stat }) => stat?.periodSeconds ?? []));
    const range = rangeOf(StartTime, EndTime, finest);
    const isAscending = input.ScanBy === 'TimestampAscending';
    const list = ['GetMetricData', MetricDataQueries, range.from, range.until, isAscending];
    const skipped = Number(readToken(house, list, NextToken) ?? '0');
    const max = Math.min(MaxDatapoints ?? RESULT_POINTS_MAX, RESULT_POINTS_MAX);
    if (max < 1) throw validationError('MaxDatapoints must be at least 1.');
    const series = await readQueries(house, queries, range);
    const { results, isEnd } = cutResults(
      [...series].map(([id, points]) => ({
        query: queries.find((query) => query.id === id),
        points: [...points].sort(([a], [b]) => (isAscending ? a - b : b - a)),
      })),
      skipped,
      max,
    );
    return {
      MetricDataResults: results,
      Messages: [],
      ...(!isEnd && { NextToken: createToken(house, list, String(skipped + max)) }),
    };
  };

  const ListMetrics: CloudWatch<'ListMetrics'> = async (call, input) => {
    const { Namespace, MetricName, Dimensions = [], RecentlyActive, OwningAccount } = input;
    if (OwningAccount !== undefined && OwningAccount !== call.account) return { Metrics: [] };
    const list = ['ListMetrics', Namespace, MetricName, Dimensions, RecentlyActive];
    const since = call.at - (RecentlyActive === undefined ? LISTED_MS : RECENT_MS);
    const found: MetricRow[] = [];
    let after = readToken(house, list, input.NextToken) ?? '';
    for (;;) {
      let query = tables(database)
        .selectFrom('cloudwatch_metric')
        .selectAll()
        .where('metric_key', '>', after)
        .where('last_at', '>=', since)
        .orderBy('metric_key')
        .limit(METRICS_PER_PAGE + 1);
      if (Namespace !== undefined) query = query.where('namespace', '=', Namespace);
      if (MetricName !== undefined) query = query.where('name', '=', MetricName);
      const rows = await query.execute();
      for (const row of rows) {
        if (found.length === METRICS_PER_PAGE) break;
        after = row.metric_key;
        if (hasDimensions(row, Dimensions)) found.push(row);
      }
      const isEnd = rows.length <= METRICS_PER_PAGE && rows.at(-1)?.metric_key === after;
      if (rows.length === 0 || isEnd) return { Metrics: found.map(viewMetric) };
      if (found.length === METRICS_PER_PAGE) {
        return { Metrics: found.map(viewMetric), NextToken: createToken(house, list, after) };
      }
    }
  };

  return { GetMetricStatistics, GetMetricData, ListMetrics };
}

function rangeOf(start: Date | undefined, end: Date | undefined, period: number) {
  const [from, until] = [start?.getTime() ?? 0, end?.getTime() ?? 0];
  if (from >= until) {
    throw invalidValue('The parameter StartTime must be less than the parameter EndTime.');
  }
  return { from: alignedStart(from, period), until };
}

function simpleStatistics(aggregate: Aggregate, names: readonly string[]): Partial<Datapoint> {
  return Object.fromEntries(names.map((name) => [name, statisticOf(aggregate, requireStatistic(name))]));
}

interface Found {
  readonly query: MetricQuery | undefined;
  readonly points: readonly (readonly [number, number])[];
}

/** The points of one page, counted through all results; a result that goes on has partial data. */
function cutResults(found: readonly Found[], skipped: number, max: number) {
  let skip = skipped;
  let left = max;
  let isEnd = true;
  const results = found.map(({ query, points }): MetricDataResult => {
    const page = points.slice(skip, skip + left);
    const isComplete = skip + page.length >= points.length;
    skip = Math.max(0, skip - points.length);
    left -= page.length;
    if (!isComplete) isEnd = false;
    return {
      Id: query?.id,
      Label: query?.label ?? query?.stat?.metric.name ?? query?.id,
      Timestamps: page.map(([at]) => new Date(at)),
      Values: page.map(([, value]) => value),
      StatusCode: isComplete ? 'Complete' : 'PartialData',
    };
  });
  return { results, isEnd };
}

function hasDimensions(row: MetricRow, filters: readonly DimensionFilter[]): boolean {
  const dimensions = JSON.parse(row.dimensions) as readonly Dimension[];
  return filters.every(({ Name, Value }) =>
    dimensions.some(({ name, value }) => name === Name && (Value === undefined || value === Value)),
  );
}

function viewMetric(row: MetricRow) {
  const dimensions = JSON.parse(row.dimensions) as readonly Dimension[];
  return {
    Namespace: row.namespace,
    MetricName: row.name,
    Dimensions: dimensions.map(({ name, value }) => ({ Name: name, Value: value })),
  };
}
