/** Metric math: what expressions give, and what they refuse. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkQueries, createComputer, Incomputable, type Series } from './compute.ts';
import { parseExpression } from './expression.ts';

const series: ReadonlyMap<string, Series> = new Map([
  [
    'm1',
    new Map([
      [0, 1],
      [60, 2],
      [120, 3],
    ]),
  ],
  [
    'm2',
    new Map([
      [0, 10],
      [60, 0],
      [180, 40],
    ]),
  ],
]);
const times = [0, 60, 120, 180];

function compute(expression: string): readonly (readonly [number, number])[] {
  return [...createComputer({ queries: [{ id: 'e', expression }], series, times })('e')];
}

test('expressions give values where all their operands have one', () => {
  const rows: readonly (readonly [string, readonly (readonly [number, number])[]])[] = [
    [
      'm1 + m2',
      [
        [0, 11],
        [60, 2],
      ],
    ],
    ['m1 / m2', [[0, 0.1]]],
    [
      '2 * m1 - 1',
      [
        [0, 1],
        [60, 3],
        [120, 5],
      ],
    ],
    [
      '-m1 ^ 2',
      [
        [0, 1],
        [60, 4],
        [120, 9],
      ],
    ],
    [
      '(m1 + 1) * 2',
      [
        [0, 4],
        [60, 6],
        [120, 8],
      ],
    ],
    [
      'm1 >= 2',
      [
        [0, 0],
        [60, 1],
        [120, 1],
      ],
    ],
    [
      'm1 > 1 AND m1 < 3',
      [
        [0, 0],
        [60, 1],
        [120, 0],
      ],
    ],
    [
      'SUM([m1, m2])',
      [
        [0, 11],
        [60, 2],
        [120, 3],
        [180, 40],
      ],
    ],
    [
      'SUM(METRICS())',
      [
        [0, 11],
        [60, 2],
        [120, 3],
        [180, 40],
      ],
    ],
    [
      'MAX(METRICS("2"))',
      [
        [0, 10],
        [60, 0],
        [180, 40],
      ],
    ],
    [
      'm1 - AVG(m1)',
      [
        [0, -1],
        [60, 0],
        [120, 1],
      ],
    ],
    [
      'FILL(m1, 0)',
      [
        [0, 1],
        [60, 2],
        [120, 3],
        [180, 0],
      ],
    ],
    [
      'FILL(m2, "REPEAT")',
      [
        [0, 10],
        [60, 0],
        [120, 0],
        [180, 40],
      ],
    ],
    [
      'IF(m1 > 1, m1, 0)',
      [
        [0, 0],
        [60, 2],
        [120, 3],
      ],
    ],
    [
      'ABS(0 - m1)',
      [
        [0, 1],
        [60, 2],
        [120, 3],
      ],
    ],
    [
      'CEIL(m1 / 2)',
      [
        [0, 1],
        [60, 1],
        [120, 2],
      ],
    ],
  ];
  for (const [expression, expected] of rows) assert.deepEqual(compute(expression), expected, expression);
});

test('what cannot be computed says why', () => {
  const rows: readonly (readonly [string, RegExp])[] = [
    ['m3', /no query with the id m3/],
    ['e', /refers to itself/],
    ['1 + 1', /does not give a time series/],
    ['SUM(m1)', /does not give a time series/],
    ['m1 +', /not valid: unexpected end/],
    ['m1 m2', /not valid: unexpected m2/],
    ['(m1', /not closed/],
    ['m1 ; m2', /not valid: unexpected ;/],
    ['ANOMALY_DETECTION_BAND(m1)', /ANOMALY_DETECTION_BAND is not supported/],
    ['SEARCH("x")', /SEARCH is not supported/],
    ['m1 + "x"', /number or a time series/],
    [`${'('.repeat(60)}m1${')'.repeat(60)}`, /nested too deep/],
    [Array(600).fill('m1').join('+'), /too long/],
  ];
  for (const [expression, message] of rows) {
    assert.throws(
      () => compute(expression),
      (error) => error instanceof Incomputable && message.test(error.message),
    );
  }
});

test('queries build upon each other in any order, without circles', () => {
  const metric = { namespace: 'n', name: 'm', dimensions: [] };
  const stat = { metric, periodSeconds: 60, statistic: 'Sum' };
  assert.equal(
    checkQueries([
      { id: 'b', expression: 'a + 1' },
      { id: 'a', expression: 'm * 2' },
      { id: 'm', stat },
    ]),
    undefined,
  );
  assert.match(
    checkQueries([
      { id: 'a', expression: 'b' },
      { id: 'b', expression: 'a' },
    ]) ?? '',
    /itself/,
  );
});

test('queries that build upon each other twice, and so on, cost no more than their number', () => {
  const queries = Array.from({ length: 60 }, (_, n) => ({ id: `e${n + 1}`, expression: `e${n} + e${n}` }));
  const first = new Map([['e0', new Map([[0, 1]])]]);
  assert.equal(createComputer({ queries, series: first, times })('e60').get(0), 2 ** 60);
});

test('work is bounded', () => {
  const long = new Map(Array.from({ length: 20_000 }, (_, at) => [at, at]));
  const expression = Array(400).fill('m').join('+');
  const compute = createComputer({
    queries: [{ id: 'e', expression }],
    series: new Map([['m', long]]),
    times: [],
  });
  assert.throws(() => compute('e'), /too much work/);
});

test('no text breaks the parser', () => {
  const part = fc.constantFrom(
    'm1',
    '(',
    ')',
    '[',
    ']',
    ',',
    '+',
    '-',
    '<',
    '>=',
    'AND',
    'SUM',
    '"x"',
    '1e3',
    ' ',
    '.',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(part, { maxLength: 30 }).map((parts) => parts.join('')),
      ),
      (text) => {
        parseExpression(text);
      },
    ),
  );
});
