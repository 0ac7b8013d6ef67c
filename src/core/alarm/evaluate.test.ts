/** Evaluating alarms: the documented tables of missing data, comparisons, reasons, and what holds for all data. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createMetric } from '#core/metric/metric.ts';
import { evaluateMetric, periodsToRead, type Datapoints } from './evaluate.ts';
import { COMPARISONS, MISSING_DATA, type AlarmValue, type MetricSettings } from './state.ts';

const MINUTE = 60_000;
const NOW = Date.UTC(2019, 9, 2, 17, 4, 40, 985);
const THRESHOLD = 50;

function settingsOf(more: Partial<MetricSettings> = {}): MetricSettings {
  return {
    type: 'metric',
    actionsEnabled: true,
    actions: { OK: [], ALARM: [], INSUFFICIENT_DATA: [] },
    stat: { metric: createMetric('n', 'm', []), periodSeconds: 60, statistic: 'Average' },
    periodSeconds: 60,
    evaluationPeriods: 3,
    threshold: THRESHOLD,
    comparison: 'GreaterThanThreshold',
    ...more,
  };
}

/** `0 - X`: good, missing, breaching; the newest last. */
function pointsOf(picture: string): Datapoints {
  const signs = picture.split(' ');
  return signs.map((sign, index) =>
    sign === '-'
      ? undefined
      : { at: NOW - (signs.length - index) * MINUTE, value: sign === 'X' ? THRESHOLD + 1 : THRESHOLD - 1 },
  );
}

/** The value afterwards. */
function valueAfter(settings: MetricSettings, picture: string, current: AlarmValue): AlarmValue {
  return evaluateMetric(settings, pointsOf(picture), current, NOW)?.value ?? current;
}

/** "Configuring how CloudWatch alarms treat missing data": 3 evaluation periods, a range of 5. */
const TABLES: readonly (readonly [m: number, rows: readonly string[]])[] = [
  [
    3,
    [
      '0 - X - X | OK | OK | OK | OK',
      '- - - - 0 | OK | OK | OK | OK',
      '- - - - - | INSUFFICIENT_DATA | retain | ALARM | OK',
      '0 X X - X | ALARM | ALARM | ALARM | ALARM',
      '- - X - - | ALARM | retain | ALARM | OK',
    ],
  ],
  [
    2,
    [
      '0 - X - X | ALARM | ALARM | ALARM | ALARM',
      '0 0 X 0 X | ALARM | ALARM | ALARM | ALARM',
      '0 - X - - | OK | OK | ALARM | OK',
      '- - - - 0 | OK | OK | ALARM | OK',
      '- - - X - | ALARM | retain | ALARM | OK',
    ],
  ],
];

test('the documented tables of missing data', () => {
  for (const [m, rows] of TABLES) {
    for (const row of rows) {
      const [picture = '', missing, ignore, breaching, notBreaching] = row.split(' | ');
      const columns = { missing, ignore, breaching, notBreaching };
      for (const treatMissingData of MISSING_DATA) {
        const settings = settingsOf({ datapointsToAlarm: m, treatMissingData });
        for (const current of ['OK', 'ALARM', 'INSUFFICIENT_DATA'] as const) {
          const told = columns[treatMissingData];
          const expected = told === 'retain' ? current : told;
          const label = `${picture} with ${m}, ${treatMissingData}, from ${current}`;
          assert.equal(valueAfter(settings, picture, current), expected, label);
        }
      }
    }
  }
});

test('the documented examples of alarms that wait before they are raised', () => {
  const settings = settingsOf({ datapointsToAlarm: 3 });
  for (const picture of ['- - - - X', '- - - X -', '- - - X 0', '- - X - 0']) {
    assert.notEqual(valueAfter(settings, picture, 'INSUFFICIENT_DATA'), 'ALARM', picture);
  }
  assert.equal(valueAfter(settings, '- - X - -', 'INSUFFICIENT_DATA'), 'ALARM');
  assert.equal(valueAfter(settings, '- X - - X', 'OK'), 'ALARM');
  const ignoring = settingsOf({ datapointsToAlarm: 3, treatMissingData: 'ignore' });
  assert.equal(valueAfter(ignoring, '- - - - X', 'OK'), 'OK');
  assert.equal(valueAfter(ignoring, '- - - - X', 'ALARM'), 'ALARM');
});

test('each comparison, below, at and above the threshold', () => {
  const rows = {
    GreaterThanOrEqualToThreshold: [false, true, true],
    GreaterThanThreshold: [false, false, true],
    LessThanThreshold: [true, false, false],
    LessThanOrEqualToThreshold: [true, true, false],
  };
  for (const comparison of COMPARISONS) {
    const settings = settingsOf({ comparison, evaluationPeriods: 1 });
    const found = [49, 50, 51].map(
      (value) => evaluateMetric(settings, [{ at: 0, value }], 'INSUFFICIENT_DATA', NOW)?.value === 'ALARM',
    );
    assert.deepEqual(found, rows[comparison], comparison);
  }
});

test('the reason is told in the words of AWS, with its data', () => {
  const at = Date.UTC(2019, 9, 2, 16, 59);
  const settings = settingsOf({ evaluationPeriods: 1, periodSeconds: 300 });
  const verdict = evaluateMetric(settings, [undefined, { at, value: 99.5, sampleCount: 5 }], 'OK', NOW);
  assert.equal(
    verdict?.reason,
    'Threshold Crossed: 1 out of the last 1 datapoints [99.5 (02/10/19 16:59:00)] was greater than the threshold ' +
      '(50.0) (minimum 1 datapoint for OK -> ALARM transition).',
  );
  assert.deepEqual(JSON.parse(verdict?.reasonData ?? ''), {
    version: '1.0',
    queryDate: '2019-10-02T17:04:40.985+0000',
    startDate: '2019-10-02T16:59:00.000+0000',
    statistic: 'Average',
    period: 300,
    recentDatapoints: [99.5],
    threshold: 50,
    evaluatedDatapoints: [{ timestamp: '2019-10-02T16:59:00.000+0000', sampleCount: 5, value: 99.5 }],
  });
  const reasonOf = (more: Partial<MetricSettings>, picture: string, current: AlarmValue) =>
    evaluateMetric(settingsOf(more), pointsOf(picture), current, NOW)?.reason;
  assert.equal(reasonOf({}, '- - - - -', 'OK'), 'Insufficient Data: 3 datapoints were unknown.');
  assert.equal(
    reasonOf({ treatMissingData: 'breaching' }, '- - - - -', 'OK'),
    'Threshold Crossed: no datapoints were received for 5 periods and 3 missing datapoints were treated as [Breaching].',
  );
  assert.match(
    reasonOf({ datapointsToAlarm: 2 }, 'X 0 X 0 0', 'ALARM') ?? '',
    /^Threshold Crossed: 2 out of the last 3 datapoints \[49\.0 .*\] were not greater than the threshold \(50\.0\) \(minimum 2 datapoints for ALARM -> OK transition\)\.$/,
  );
  assert.match(
    reasonOf({ datapointsToAlarm: 2, treatMissingData: 'breaching' }, '- - - - X', 'OK') ?? '',
    /was greater than the threshold \(50\.0\) and 2 missing datapoints were treated as \[Breaching\] \(minimum/,
  );
});

test('a percentile of too few samples changes nothing, if the alarm says so', () => {
  const stat = { metric: createMetric('n', 'm', []), periodSeconds: 60, statistic: 'p90' };
  const points = (sampleCount: number) => [{ at: 0, value: 99, sampleCount }];
  const ignoring = settingsOf({ evaluationPeriods: 1, stat, evaluateLowSampleCountPercentile: 'ignore' });
  assert.equal(evaluateMetric(ignoring, points(5), 'OK', NOW), undefined);
  assert.equal(evaluateMetric(ignoring, points(100), 'OK', NOW)?.value, 'ALARM');
  const evaluating = settingsOf({ evaluationPeriods: 1, stat });
  assert.equal(evaluateMetric(evaluating, points(5), 'OK', NOW)?.value, 'ALARM');
});

test('for all data: texts are bounded, and treating missing data as better or worse moves alarms that way', () => {
  const picture = fc.array(fc.constantFrom('0', 'X', '-'), { minLength: 3, maxLength: 60 });
  const current = fc.constantFrom<AlarmValue>('OK', 'ALARM', 'INSUFFICIENT_DATA');
  fc.assert(
    fc.property(picture, current, fc.nat({ max: 1000 }), (signs, before, pick) => {
      const evaluationPeriods = signs.length - 2;
      const datapointsToAlarm = 1 + (pick % evaluationPeriods);
      const text = signs.join(' ');
      const after = Object.fromEntries(
        MISSING_DATA.map((treatMissingData) => {
          const settings = settingsOf({ evaluationPeriods, datapointsToAlarm, treatMissingData });
          assert.equal(periodsToRead(settings), signs.length);
          const verdict = evaluateMetric(settings, pointsOf(text), before, NOW);
          assert.ok((verdict?.reason.length ?? 0) <= 1023);
          assert.ok((verdict?.reasonData?.length ?? 0) <= 4000);
          assert.notEqual(verdict?.value, before);
          return [treatMissingData, verdict?.value ?? before];
        }),
      );
      assert.notEqual(after['breaching'], 'INSUFFICIENT_DATA');
      assert.notEqual(after['notBreaching'], 'INSUFFICIENT_DATA');
      if (after['notBreaching'] === 'ALARM') {
        for (const value of Object.values(after)) assert.equal(value, 'ALARM');
      }
      if (!signs.includes('-')) assert.equal(new Set(Object.values(after)).size, 1);
    }),
  );
});
