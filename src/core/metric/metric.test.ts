/** Aggregates, statistics and periods: what adds up, and what percentiles tell. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { aggregateSet, aggregateValues, EXACT_VALUES_MAX, mergeAggregates } from './aggregate.ts';
import { createMetric, metricKey } from './metric.ts';
import { groupByPeriod, isPeriod, periodStart } from './period.ts';
import { isInsignificant, parseStatistic, statisticOf, type Statistic } from './statistic.ts';

const known = (text: string): Statistic => {
  const statistic = parseStatistic(text);
  assert.ok(statistic, text);
  return statistic;
};

test('the order of dimensions makes no other metric', () => {
  const a = { name: 'a', value: '1' };
  const b = { name: 'b', value: '2' };
  assert.equal(metricKey(createMetric('n', 'm', [b, a])), metricKey(createMetric('n', 'm', [a, b])));
  assert.notEqual(metricKey(createMetric('n', 'm', [a])), metricKey(createMetric('n', 'm', [b])));
});

test('the simple statistics and percentiles of counted values', () => {
  const aggregate = aggregateValues([
    [10, 1],
    [1, 3],
    [5, 0],
    [2, 6],
  ]);
  const rows: readonly (readonly [string, number])[] = [
    ['SampleCount', 10],
    ['Sum', 25],
    ['Average', 2.5],
    ['Minimum', 1],
    ['Maximum', 10],
    ['p0', 1],
    ['p30', 1],
    ['p30.1', 2],
    ['p90', 2],
    ['p90.5', 10],
    ['p100', 10],
  ];
  for (const [text, value] of rows) assert.equal(statisticOf(aggregate, known(text)), value, text);
});

test('what cannot be computed is no statistic', () => {
  for (const text of ['', 'sum', 'p', 'p101', 'p-1', 'tm90', 'IQM', 'p1.', 'p50 ', 'p1e1']) {
    assert.equal(parseStatistic(text), undefined, text);
  }
});

test('a statistic set tells percentiles only when all its values are the same', () => {
  const mixed = aggregateSet({ sampleCount: 2, sum: 3, minimum: 1, maximum: 2 });
  assert.equal(statisticOf(mixed, known('p50')), undefined);
  assert.equal(statisticOf(mixed, known('Average')), 1.5);
  const same = aggregateSet({ sampleCount: 4, sum: 8, minimum: 2, maximum: 2 });
  assert.equal(statisticOf(same, known('p50')), 2);
  assert.equal(statisticOf(mergeAggregates(mixed, same), known('p50')), undefined);
  assert.equal(statisticOf(mergeAggregates(mixed, same), known('Sum')), 11);
});

test('however values are grouped, they add up to the same, within a percent for very many', () => {
  const value = fc.integer({ min: -1_000_000, max: 1_000_000 });
  const values = fc.array(fc.tuple(value, fc.integer({ min: 1, max: 5 })), {
    minLength: 2,
    maxLength: 2_000,
  });
  fc.assert(
    fc.property(
      values,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.nat({ max: 100 }),
      (all, part, percent) => {
        const cut = 1 + Math.floor(part * (all.length - 2));
        const whole = aggregateValues(all);
        const merged = mergeAggregates(aggregateValues(all.slice(0, cut)), aggregateValues(all.slice(cut)));
        for (const member of ['sampleCount', 'sum', 'minimum', 'maximum'] as const) {
          assert.equal(merged[member], whole[member], member);
        }
        const sorted = all.flatMap(([each, count]) => Array<number>(count).fill(each)).sort((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0;
        const told = statisticOf(merged, { type: 'Percentile', percent }) ?? NaN;
        assert.ok(Math.abs(told - exact) <= Math.abs(exact) * 0.0101, `${told} for ${exact}`);
      },
    ),
    { numRuns: 50 },
  );
});

test('a period keeps a bounded number of values', () => {
  let aggregate = aggregateValues([[0, 1]]);
  for (let n = 1; n <= 50; n++) {
    const values = Array.from({ length: 100 }, (_, i) => [Math.sin(n * 100 + i) * 1e6, 1] as const);
    aggregate = mergeAggregates(aggregate, aggregateValues(values));
  }
  assert.ok((aggregate.values?.length ?? 0) < 10 * EXACT_VALUES_MAX);
  assert.equal(aggregate.sampleCount, 5001);
});

test('periods begin where time divides, or where they are counted from', () => {
  assert.equal(periodStart(125_000, 60), 120_000);
  assert.equal(periodStart(125_000, 60, 30_000), 90_000);
  assert.equal(periodStart(-1, 60), -60_000);
  assert.deepEqual([1, 5, 10, 20, 30, 60, 120, 86_400].map(isPeriod), Array(8).fill(true));
  assert.deepEqual([0, 2, 15, 45, 61, -60, 1.5].map(isPeriod), Array(7).fill(false));
  const one = aggregateValues([[1, 1]]);
  const data = [61_000, 5_000, 0, 119_999].map((at) => ({ at, aggregate: one }));
  assert.deepEqual(
    groupByPeriod(data, 60).map(({ at, aggregate }) => [at, aggregate.sampleCount]),
    [
      [0, 2],
      [60_000, 2],
    ],
  );
});

test('few samples make a percentile insignificant, and no other statistic', () => {
  assert.equal(isInsignificant(known('p99'), 999), true);
  assert.equal(isInsignificant(known('p50'), 20), false);
  assert.equal(isInsignificant(known('p10'), 99), true);
  assert.equal(isInsignificant(known('Average'), 1), false);
});
