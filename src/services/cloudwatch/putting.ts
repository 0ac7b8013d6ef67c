/** PutMetricData: what a client measured, checked and added to its periods. */

import type { MetricDatum } from '@aws-sdk/client-cloudwatch';
import { aggregateSet, aggregateValues, type Aggregate, type ValueCount } from '#core/metric/aggregate.ts';
import { createMetric, type Dimension } from '#core/metric/metric.ts';
import type { Handler } from '#services/service.ts';
import { type Datum, storeData } from './data.ts';
import { invalidCombination, invalidValue, missingParameter, type Room } from './room.ts';

const DATA_MAX = 1_000;
const VALUES_MAX = 150;
const VALUE_MAX = 2 ** 360;
const DAY_MS = 86_400_000;
const PAST_MS_MAX = 14 * DAY_MS;
const FUTURE_MS_MAX = 2 * 3_600_000;

export function puttingOperations({ house }: Room) {
  const PutMetricData: Handler<'cloudwatch', 'PutMetricData'> = async (call, input) => {
    const ofEntities = (input.EntityMetricData ?? []).flatMap(({ MetricData }) => MetricData ?? []);
    const given = [...(input.MetricData ?? []), ...ofEntities];
    if (given.length === 0) throw missingParameter('MetricData');
    if (given.length > DATA_MAX) {
      throw invalidValue(`The collection MetricData must not have a size greater than ${DATA_MAX}.`);
    }
    const namespace = input.Namespace ?? '';
    if (namespace.startsWith('AWS/')) {
      throw invalidValue('The value AWS/ for parameter Namespace is invalid: it is reserved.');
    }
    const data = given.map((datum, index) =>
      datumOf(namespace, datum, `MetricData.member.${index + 1}`, call.at),
    );
    await house.database.transaction((transaction) => storeData(transaction, data));
    return {};
  };
  return { PutMetricData };
}

function datumOf(namespace: string, datum: MetricDatum, path: string, now: number): Datum {
  const at = datum.Timestamp?.getTime() ?? now;
  if (at < now - PAST_MS_MAX || at > now + FUTURE_MS_MAX) {
    throw invalidValue(
      `The parameter ${path}.Timestamp must be within the last two weeks and at most two hours ahead.`,
    );
  }
  const resolution = datum.StorageResolution ?? 60;
  if (resolution !== 1 && resolution !== 60) {
    throw invalidValue(`The parameter ${path}.StorageResolution must be 1 or 60.`);
  }
  return {
    metric: createMetric(namespace, datum.MetricName ?? '', dimensionsOf(datum, path)),
    at,
    resolution,
    unit: datum.Unit ?? 'None',
    aggregate: aggregateOf(datum, path),
  };
}

function dimensionsOf({ Dimensions = [] }: MetricDatum, path: string): readonly Dimension[] {
  const names = new Set(Dimensions.map(({ Name }) => Name));
  if (names.size < Dimensions.length) {
    throw invalidValue(`The parameter ${path}.Dimensions names a dimension more than once.`);
  }
  return Dimensions.map(({ Name = '', Value = '' }) => ({ name: Name, value: Value }));
}

function aggregateOf(datum: MetricDatum, path: string): Aggregate {
  const { Value, Values, Counts, StatisticValues } = datum;
  const given = [Value, Values, StatisticValues].filter((each) => each !== undefined);
  if (given.length === 0) throw missingParameter(`${path}.Value`);
  if (given.length > 1) {
    throw invalidCombination(
      `The parameters ${path}.Value, ${path}.Values and ${path}.StatisticValues are mutually exclusive.`,
    );
  }
  if (Value !== undefined) return aggregateValues([[checked(Value, `${path}.Value`), 1]]);
  if (Values) return aggregateValues(countedOf(Values, Counts, path));
  const { SampleCount = 0, Sum = 0, Minimum = 0, Maximum = 0 } = StatisticValues ?? {};
  for (const value of [SampleCount, Sum, Minimum, Maximum]) checked(value, `${path}.StatisticValues`);
  if (SampleCount <= 0)
    throw invalidValue(`The parameter ${path}.StatisticValues.SampleCount must be above 0.`);
  if (Maximum < Minimum) {
    throw invalidValue(`The parameter ${path}.StatisticValues.Maximum must not be below Minimum.`);
  }
  return aggregateSet({ sampleCount: SampleCount, sum: Sum, minimum: Minimum, maximum: Maximum });
}

function countedOf(
  values: readonly number[],
  counts: readonly number[] | undefined,
  path: string,
): readonly ValueCount[] {
  if (values.length === 0 || values.length > VALUES_MAX) {
    throw invalidValue(`The parameter ${path}.Values must have 1 to ${VALUES_MAX} values.`);
  }
  if (counts && counts.length !== values.length) {
    throw invalidValue(`The parameters ${path}.Values and ${path}.Counts must be of the same size.`);
  }
  const counted = values.map((value, index): ValueCount => {
    const count = counts?.[index] ?? 1;
    if (!(count >= 0)) throw invalidValue(`The parameter ${path}.Counts must not have values below 0.`);
    return [checked(value, `${path}.Values`), checked(count, `${path}.Counts`)];
  });
  if (counted.some(([, count]) => count > 0)) return counted;
  throw invalidValue(`The parameter ${path}.Counts must have a value above 0.`);
}

function checked(value: number, path: string): number {
  if (Number.isFinite(value) && Math.abs(value) <= VALUE_MAX) return value;
  throw invalidValue(`The value ${value} for parameter ${path} is invalid: it must be within ±2^360.`);
}
