/** What clients ask of metrics, as the queries of `core/metric`, checked; and their series out of the database. */

import type { Dimension as DimensionInput, MetricDataQuery } from '@aws-sdk/client-cloudwatch';
import { checkQueries, createComputer, Incomputable, type Series } from '#core/metric/compute.ts';
import { createMetric, type Dimension, type MetricQuery, type MetricStat } from '#core/metric/metric.ts';
import { groupByPeriod, isPeriod, type TimedAggregate } from '#core/metric/period.ts';
import { parseStatistic, statisticOf, type Statistic } from '#core/metric/statistic.ts';
import type { House } from '#services/service.ts';
import { metricId, readData } from './data.ts';
import { validationError } from './room.ts';

const ID = /^[a-z][a-zA-Z0-9_]*$/;
/** Points of all queries of one call together. */
const POINTS_MAX = 500_000;
/** Rows that these points come from. */
const ROWS_MAX = 300_000;

export function dimensionsOf(input: readonly DimensionInput[] | undefined): readonly Dimension[] {
  return (input ?? []).map(({ Name = '', Value = '' }) => ({ name: Name, value: Value }));
}

export function requireStatistic(text: string): Statistic {
  const statistic = parseStatistic(text);
  if (statistic) return statistic;
  throw validationError(
    `The statistic ${text} is not supported: use SampleCount, Average, Sum, Minimum, Maximum or a percentile such as p99.`,
  );
}

export function requirePeriod(seconds: number): number {
  if (isPeriod(seconds)) return seconds;
  throw validationError(`The period ${seconds} is not 1, 5, 10, 20, 30 or a multiple of 60.`);
}

/** Queries that may build upon each other; the faults are those of the whole list. */
export function queriesOf(account: string, input: readonly MetricDataQuery[]): readonly MetricQuery[] {
  const queries = input.map((query) => queryOf(account, query));
  if (new Set(queries.map(({ id }) => id)).size < queries.length) {
    throw validationError('The ids of the queries must be different.');
  }
  const problem = checkQueries(queries);
  if (problem !== undefined) throw validationError(problem);
  return queries;
}

function queryOf(account: string, query: MetricDataQuery): MetricQuery {
  const { Id = '', MetricStat, Expression, Label, ReturnData, Period, AccountId } = query;
  if (!ID.test(Id)) {
    throw validationError(
      `The id ${Id} must begin with a lower case letter, with letters, digits and _ after it.`,
    );
  }
  if (AccountId !== undefined && AccountId !== account) {
    throw validationError(`Metrics of the account ${AccountId} cannot be read here.`);
  }
  if ((MetricStat === undefined) === (Expression === undefined)) {
    throw validationError(`The query ${Id} must have either MetricStat or Expression.`);
  }
  return {
    id: Id,
    ...(MetricStat && { stat: statOf(MetricStat) }),
    ...(Expression !== undefined && { expression: Expression }),
    ...(Label !== undefined && { label: Label }),
    ...(ReturnData !== undefined && { returnData: ReturnData }),
    ...(Period !== undefined && { periodSeconds: requirePeriod(Period) }),
  };
}

function statOf({ Metric, Period, Stat, Unit }: NonNullable<MetricDataQuery['MetricStat']>): MetricStat {
  const { Namespace = '', MetricName = '', Dimensions } = Metric ?? {};
  if (Namespace === '' || MetricName === '')
    throw validationError('A metric needs Namespace and MetricName.');
  requireStatistic(Stat ?? '');
  return {
    metric: createMetric(Namespace, MetricName, dimensionsOf(Dimensions)),
    periodSeconds: requirePeriod(Period ?? 0),
    statistic: Stat ?? '',
    ...(Unit !== undefined && { unit: Unit }),
  };
}

export interface Range {
  /** Where periods begin to be counted. */
  readonly from: number;
  /** Not included. */
  readonly until: number;
}

/** The series of all queries that return data, by their ids. */
export async function readQueries(
  house: House,
  queries: readonly MetricQuery[],
  { from, until }: Range,
): Promise<ReadonlyMap<string, Series>> {
  const stats = queries.flatMap(({ id, stat }) => (stat ? [{ id, stat }] : []));
  const points = stats.reduce((sum, { stat }) => sum + (until - from) / (stat.periodSeconds * 1000), 0);
  if (points > POINTS_MAX) {
    throw validationError(`The queries ask for more than ${POINTS_MAX} points. Make range or period other.`);
  }
  const series = new Map<string, Series>();
  let rows = 0;
  for (const { id, stat } of stats) {
    const data = await readData(house.database, metricId(stat.metric), { from, until, unit: stat.unit });
    rows += data.length;
    if (rows > ROWS_MAX)
      throw validationError('The queries read too much data. Make the time range shorter.');
    series.set(id, seriesOf(stat, data, from));
  }
  const finest = Math.min(...stats.map(({ stat }) => stat.periodSeconds));
  const times = Number.isFinite(finest) ? timesOf({ from, until }, finest) : [];
  const compute = createComputer({ queries, series, times });
  try {
    return new Map(
      queries.filter((query) => query.returnData !== false).map(({ id }) => [id, compute(id)] as const),
    );
  } catch (error) {
    if (error instanceof Incomputable) throw validationError(error.message);
    throw error;
  }
}

function seriesOf(stat: MetricStat, data: readonly TimedAggregate[], from: number): Series {
  const statistic = requireStatistic(stat.statistic);
  const points = groupByPeriod(data, stat.periodSeconds, from).flatMap(({ at, aggregate }) => {
    const value = statisticOf(aggregate, statistic);
    return value === undefined ? [] : [[at, value] as const];
  });
  return new Map(points);
}

function timesOf({ from, until }: Range, periodSeconds: number): readonly number[] {
  const count = Math.ceil((until - from) / (periodSeconds * 1000));
  return Array.from({ length: count }, (_, index) => from + index * periodSeconds * 1000);
}
