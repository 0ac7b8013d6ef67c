/**
 * What is kept of the values of a metric in one period: the four sums that add up, and how often each value came, for
 * percentiles. Many different values are rounded to one percent, and more coarsely if they still are too many, so that
 * a period is bounded however much is put.
 */

export interface Aggregate {
  readonly sampleCount: number;
  readonly sum: number;
  readonly minimum: number;
  readonly maximum: number;
  /** Values in their order with their counts; absent when only sums were put, from which no percentile follows. */
  readonly values?: readonly ValueCount[];
}

export type ValueCount = readonly [value: number, count: number];

/** Different values that one period keeps as they are. */
export const EXACT_VALUES_MAX = 500;
const ROUNDED_VALUES_MAX = 5_000;
const ROUNDING = Math.log(1.01);

/** At least one value with a count above 0. */
export function aggregateValues(values: readonly ValueCount[]): Aggregate {
  const counted = collect(values.filter(([, count]) => count > 0));
  return {
    sampleCount: counted.reduce((total, [, count]) => total + count, 0),
    sum: counted.reduce((total, [value, count]) => total + value * count, 0),
    minimum: counted[0]?.[0] ?? 0,
    maximum: counted.at(-1)?.[0] ?? 0,
    values: bound(counted),
  };
}

/** AWS: a statistic set tells its values only when they are all the same. */
export function aggregateSet(set: Omit<Aggregate, 'values'>): Aggregate {
  const { sampleCount, sum, minimum, maximum } = set;
  const isOneValue = minimum === maximum && sum === minimum * sampleCount;
  return { sampleCount, sum, minimum, maximum, ...(isOneValue && { values: [[minimum, sampleCount]] }) };
}

export function mergeAggregates(a: Aggregate, b: Aggregate): Aggregate {
  return {
    sampleCount: a.sampleCount + b.sampleCount,
    sum: a.sum + b.sum,
    minimum: Math.min(a.minimum, b.minimum),
    maximum: Math.max(a.maximum, b.maximum),
    ...(a.values && b.values && { values: bound(collect([...a.values, ...b.values])) }),
  };
}

function collect(values: readonly ValueCount[]): readonly ValueCount[] {
  const counts = new Map<number, number>();
  for (const [value, count] of values) counts.set(value, (counts.get(value) ?? 0) + count);
  return [...counts].sort(([a], [b]) => a - b);
}

function bound(values: readonly ValueCount[]): readonly ValueCount[] {
  if (values.length <= EXACT_VALUES_MAX) return values;
  for (let step = ROUNDING; ; step *= 2) {
    const rounded = collect(values.map(([value, count]) => [round(value, step), count]));
    if (rounded.length <= ROUNDED_VALUES_MAX) return rounded;
  }
}

/** To the nearest power of e^step; the same value however often it is rounded. */
function round(value: number, step: number): number {
  if (value === 0) return 0;
  const exponent = Math.round(Math.log(Math.abs(value)) / step);
  return Math.sign(value) * Math.exp(exponent * step);
}
