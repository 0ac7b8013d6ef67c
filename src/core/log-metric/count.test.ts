/** What filters count, by minute, value and dimension, and when somebody carries it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLogPattern } from '#core/log-pattern/parse.ts';
import { countEvents } from './count.ts';
import { metricOutboxDecider } from './outbox.ts';

const metric = { metricName: 'n', metricNamespace: 's' };
const noDimensions = { namespace: 's', name: 'n', unit: undefined, dimensions: {} };

test('matches are counted by minute, and a minute without one has the default', () => {
  const events = [
    { at: 60_000, message: 'ERROR 1' },
    { at: 61_000, message: 'ERROR 2' },
    { at: 125_000, message: 'fine' },
  ];
  assert.deepEqual(
    countEvents(parseLogPattern('ERROR'), { ...metric, metricValue: '1', defaultValue: 0 }, events),
    [
      { ...noDimensions, at: 60_000, values: [1], counts: [2] },
      { ...noDimensions, at: 120_000, values: [0], counts: [1] },
    ],
  );
});

test('values and dimensions come out of the events; what has no number is not counted', () => {
  const transformation = {
    ...metric,
    metricValue: '$.ms',
    dimensions: { verb: '$.verb' },
    unit: 'Milliseconds',
  };
  const events = [
    { at: 0, message: '{"ms":12,"verb":"GET"}' },
    { at: 1, message: '{"ms":"x","verb":"GET"}' },
    { at: 2, message: '{"ms":7,"verb":"PUT"}' },
  ];
  const base = { namespace: 's', name: 'n', unit: 'Milliseconds', at: 0, counts: [1] };
  assert.deepEqual(countEvents(parseLogPattern('{ $.ms = * }'), transformation, events), [
    { ...base, dimensions: { verb: 'GET' }, values: [12] },
    { ...base, dimensions: { verb: 'PUT' }, values: [7] },
  ]);
});

test('one carrier at a time, and another one for what came meanwhile', () => {
  const stamp = { at: 0, chance: '0'.repeat(32) };
  const { decide } = metricOutboxDecider;
  const first = decide(undefined, { type: 'MetricsCounted', ...stamp });
  assert.equal(first.effects.length, 1);
  const second = decide(first.state, { type: 'MetricsCounted', ...stamp });
  assert.deepEqual(second, { state: { isCarrying: true, hasMore: true }, effects: [] });
  const third = decide(second.state, { type: 'MetricsCarried', ...stamp });
  assert.equal(third.effects.length, 1);
  const last = decide(third.state, { type: 'MetricsCarried', ...stamp });
  assert.deepEqual(last, { state: { isCarrying: false, hasMore: false }, effects: [] });
});
