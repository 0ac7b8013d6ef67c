/**
 * Periods and how long data of which resolution is kept: what is older is added up into the next coarser resolution.
 * AWS: "Metrics concepts", periods and metrics retention.
 */

import { type Aggregate, mergeAggregates } from './aggregate.ts';

export interface Resolution {
  readonly seconds: number;
  readonly keptMs: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Finest first. */
export const RESOLUTIONS: readonly Resolution[] = [
  { seconds: 1, keptMs: 3 * HOUR_MS },
  { seconds: 60, keptMs: 15 * DAY_MS },
  { seconds: 300, keptMs: 63 * DAY_MS },
  { seconds: 3600, keptMs: 455 * DAY_MS },
];

export function isPeriod(seconds: number): boolean {
  return [1, 5, 10, 20, 30].includes(seconds) || (seconds > 0 && seconds % 60 === 0);
}

/** Where the period begins in which a time lies; periods count from `origin`. */
export function periodStart(at: number, periodSeconds: number, origin = 0): number {
  const length = periodSeconds * 1000;
  return origin + Math.floor((at - origin) / length) * length;
}

export interface TimedAggregate {
  readonly at: number;
  readonly aggregate: Aggregate;
}

/** One aggregate for each period in which there is data, oldest first. */
export function groupByPeriod(
  data: readonly TimedAggregate[],
  periodSeconds: number,
  origin = 0,
): readonly TimedAggregate[] {
  const groups = new Map<number, Aggregate>();
  for (const { at, aggregate } of data) {
    const start = periodStart(at, periodSeconds, origin);
    const known = groups.get(start);
    groups.set(start, known ? mergeAggregates(known, aggregate) : aggregate);
  }
  return [...groups].map(([at, aggregate]) => ({ at, aggregate })).sort((a, b) => a.at - b.at);
}
