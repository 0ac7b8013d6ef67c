/** Data of metrics in the database: added up into periods when it comes, read back as aggregates. */

import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import { fault } from '#base/fault.ts';
import { type Aggregate, mergeAggregates } from '#core/metric/aggregate.ts';
import { type Metric, metricKey } from '#core/metric/metric.ts';
import { periodStart, type TimedAggregate } from '#core/metric/period.ts';
import type { Database } from '#store/database.ts';
import { invalidCombination } from './room.ts';
import { tables } from './tables.ts';

export interface Datum {
  readonly metric: Metric;
  readonly at: number;
  /** Seconds: 1 or 60. */
  readonly resolution: number;
  readonly unit: string;
  readonly aggregate: Aggregate;
}

/** Metrics of the whole installation; AWS has no such number, but bills each. */
export const METRICS_MAX = 100_000;
/** Rows that one read of one metric may take: more than all that is kept of a metric of one unit. */
const ROWS_PER_READ_MAX = 100_000;
const MINUTE_MS = 60_000;

export function metricId(metric: Metric): string {
  return createHash('sha256').update(metricKey(metric)).digest('hex').slice(0, 32);
}

/** In one transaction, so that data which is put together is there together. */
export async function storeData(transaction: Kysely<unknown>, data: readonly Datum[]): Promise<void> {
  const periods = new Map<string, Datum & { readonly metricId: string }>();
  const newest = new Map<string, Datum>();
  for (const datum of data) {
    const id = metricId(datum.metric);
    const at = periodStart(datum.at, datum.resolution);
    const key = `${id} ${at} ${datum.resolution} ${datum.unit}`;
    const known = periods.get(key);
    const aggregate = known ? mergeAggregates(known.aggregate, datum.aggregate) : datum.aggregate;
    periods.set(key, { ...datum, at, aggregate, metricId: id });
    if ((newest.get(id)?.at ?? -1) < datum.at) newest.set(id, datum);
  }
  let added = 0;
  for (const [id, { metric, at }] of newest) if (await noteMetric(transaction, id, metric, at)) added++;
  if (added > 0 && (await countMetrics(transaction)) > METRICS_MAX) {
    throw fault('LimitExceededFault', `This installation keeps at most ${METRICS_MAX} metrics.`);
  }
  for (const period of periods.values()) await addToPeriod(transaction, period.metricId, period);
}

/** Whether it is a new one. */
async function noteMetric(
  transaction: Kysely<unknown>,
  id: string,
  metric: Metric,
  at: number,
): Promise<boolean> {
  const rows = tables(transaction);
  const lastAt = periodStart(at, 60);
  const known = await rows
    .selectFrom('cloudwatch_metric')
    .select('last_at')
    .where('metric_id', '=', id)
    .executeTakeFirst();
  if (known) {
    if (known.last_at >= lastAt) return false;
    await rows
      .updateTable('cloudwatch_metric')
      .set({ last_at: lastAt })
      .where('metric_id', '=', id)
      .execute();
    return false;
  }
  const { namespace, name } = metric;
  const dimensions = JSON.stringify(metric.dimensions);
  await rows
    .insertInto('cloudwatch_metric')
    .values({ metric_id: id, metric_key: metricKey(metric), namespace, name, dimensions, last_at: lastAt })
    .execute();
  return true;
}

async function countMetrics(transaction: Kysely<unknown>): Promise<number> {
  const { count } = await tables(transaction)
    .selectFrom('cloudwatch_metric')
    .select((row) => row.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** `datum.at` is where the period begins. */
export async function addToPeriod(
  transaction: Kysely<unknown>,
  id: string,
  datum: Omit<Datum, 'metric'>,
): Promise<void> {
  const rows = tables(transaction);
  const { at, resolution, unit } = datum;
  const known = await rows
    .selectFrom('cloudwatch_datum')
    .select('aggregate')
    .where('metric_id', '=', id)
    .where('at', '=', at)
    .where('resolution', '=', resolution)
    .where('unit', '=', unit)
    .executeTakeFirst();
  if (!known) {
    const aggregate = JSON.stringify(datum.aggregate);
    await rows
      .insertInto('cloudwatch_datum')
      .values({ metric_id: id, at, resolution, unit, aggregate })
      .execute();
    return;
  }
  const merged = mergeAggregates(JSON.parse(known.aggregate) as Aggregate, datum.aggregate);
  await rows
    .updateTable('cloudwatch_datum')
    .set({ aggregate: JSON.stringify(merged) })
    .where('metric_id', '=', id)
    .where('at', '=', at)
    .where('resolution', '=', resolution)
    .where('unit', '=', unit)
    .execute();
}

export interface ReadRange {
  readonly from: number;
  /** Not included. */
  readonly until: number;
  readonly unit?: string | undefined;
}

/** What is kept of a metric in a range of time, of whatever resolution, in the order of time. */
export async function readData(
  database: Database,
  id: string,
  { from, until, unit }: ReadRange,
): Promise<readonly (TimedAggregate & { readonly unit: string })[]> {
  let query = tables(database)
    .selectFrom('cloudwatch_datum')
    .select(['at', 'unit', 'aggregate'])
    .where('metric_id', '=', id)
    .where('at', '>=', from)
    .where('at', '<', until)
    .orderBy('at')
    .limit(ROWS_PER_READ_MAX + 1);
  if (unit !== undefined) query = query.where('unit', '=', unit);
  const rows = await query.execute();
  if (rows.length > ROWS_PER_READ_MAX) {
    throw invalidCombination('The time range holds more data than can be read at once. Make it shorter.');
  }
  return rows.map((row) => ({
    at: row.at,
    unit: row.unit,
    aggregate: JSON.parse(row.aggregate) as Aggregate,
  }));
}

/** Where a range of time begins that a client gave: at a minute, or, for shorter periods, at one of these. */
export function alignedStart(at: number, periodSeconds: number): number {
  return periodSeconds < 60 ? periodStart(at, periodSeconds) : Math.floor(at / MINUTE_MS) * MINUTE_MS;
}
