/**
 * Statistics of a period: the five simple ones and percentiles. AWS: "CloudWatch statistics definitions"; of the other
 * extended statistics (trimmed means and their kin) there are none here, and asking for one is refused.
 */

import type { Aggregate } from './aggregate.ts';

export const SIMPLE_STATISTICS = ['SampleCount', 'Average', 'Sum', 'Minimum', 'Maximum'] as const;

export type Statistic =
  | { readonly type: (typeof SIMPLE_STATISTICS)[number] }
  | { readonly type: 'Percentile'; readonly percent: number };

const PERCENTILE = /^p(\d{1,2}(?:\.\d{1,10})?|100)$/;

/** `undefined` for what is no statistic that can be computed here. */
export function parseStatistic(text: string): Statistic | undefined {
  const simple = SIMPLE_STATISTICS.find((name) => name === text);
  if (simple) return { type: simple };
  const [, percent] = PERCENTILE.exec(text) ?? [];
  return percent === undefined ? undefined : { type: 'Percentile', percent: Number(percent) };
}

/** `undefined` when the period does not tell it: a percentile of data that was put as sums. */
export function statisticOf(aggregate: Aggregate, statistic: Statistic): number | undefined {
  switch (statistic.type) {
    case 'SampleCount':
      return aggregate.sampleCount;
    case 'Average':
      return aggregate.sampleCount === 0 ? undefined : aggregate.sum / aggregate.sampleCount;
    case 'Sum':
      return aggregate.sum;
    case 'Minimum':
      return aggregate.minimum;
    case 'Maximum':
      return aggregate.maximum;
    case 'Percentile':
      return percentileOf(aggregate, statistic.percent);
  }
}

/** The smallest value below or at which so many percent of all values lie. */
function percentileOf({ values, sampleCount }: Aggregate, percent: number): number | undefined {
  if (!values) return undefined;
  const rank = (percent * sampleCount) / 100;
  let below = 0;
  for (const [value, count] of values) {
    below += count;
    if (below >= rank) return value;
  }
  return values.at(-1)?.[0];
}

/**
 * Whether so few samples make the percentile insignificant. AWS: "Percentile-based CloudWatch alarms and low data
 * samples".
 */
export function isInsignificant(statistic: Statistic, sampleCount: number): boolean {
  if (statistic.type !== 'Percentile') return false;
  return sampleCount * Math.min(statistic.percent, 100 - statistic.percent) < 1000;
}
