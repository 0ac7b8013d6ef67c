/**
 * One line and one count for every call, also for those that were refused, whoever made them. Lines carry no input and
 * no secret; counts are kept by service and operation, names that come from the tables only, so they are bounded.
 */

import type { Log } from '#base/log.ts';

export interface AuditRecord {
  readonly requestId: string;
  /** From the model tables; absent for requests that mean nothing here. */
  readonly service: string | undefined;
  readonly operation: string | undefined;
  readonly principal: string | undefined;
  readonly source: string;
  readonly userAgent: string;
  /** The fault's code; absent on success. */
  readonly code: string | undefined;
  /** Why a signature did not count, or what else only the log should say. */
  readonly reason: string | undefined;
  /** From `measure`. */
  readonly startedAt: number;
}

export interface Audit {
  /** A point in time for `startedAt`. */
  measure(): number;
  record(record: AuditRecord): void;
  /** Prometheus text. */
  metrics(): string;
}

/** Upper bounds in seconds. */
const BUCKETS: readonly number[] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30];

interface Series {
  readonly labels: string;
  readonly codes: Map<string, number>;
  readonly buckets: number[];
  sumSeconds: number;
  count: number;
}

/** Codes come from tables and from our own faults; should that ever not hold, the rest is counted together. */
const CODES_MAX = 100;

export function createAudit(log: Log): Audit {
  const series = new Map<string, Series>();
  return {
    measure: () => performance.now(),
    record(record) {
      const milliseconds = performance.now() - record.startedAt;
      count(series, record, milliseconds / 1000);
      log.info('call', {
        requestId: record.requestId,
        service: record.service,
        operation: record.operation,
        principal: record.principal,
        source: record.source,
        userAgent: record.userAgent.slice(0, 256),
        code: record.code,
        reason: record.reason,
        milliseconds: Math.round(milliseconds * 1000) / 1000,
      });
    },
    metrics: () => [...metricLines(series)].join('\n') + '\n',
  };
}

function count(all: Map<string, Series>, record: AuditRecord, seconds: number): void {
  const { service = 'unknown', operation = 'unknown', code = 'ok' } = record;
  const name = `${service}:${operation}`;
  let series = all.get(name);
  if (!series) {
    series = {
      labels: `service="${service}",operation="${operation}"`,
      codes: new Map(),
      buckets: BUCKETS.map(() => 0),
      sumSeconds: 0,
      count: 0,
    };
    all.set(name, series);
  }
  const counted = series.codes.has(code) || series.codes.size < CODES_MAX ? code : 'other';
  series.codes.set(counted, (series.codes.get(counted) ?? 0) + 1);
  series.sumSeconds += seconds;
  series.count += 1;
  const bucket = BUCKETS.findIndex((bound) => seconds <= bound);
  if (bucket >= 0) series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1;
}

function* metricLines(all: ReadonlyMap<string, Series>): Iterable<string> {
  yield '# HELP slipway_calls_total Calls by operation and answer.';
  yield '# TYPE slipway_calls_total counter';
  for (const series of all.values()) {
    for (const [code, total] of series.codes)
      yield `slipway_calls_total{${series.labels},code="${code}"} ${total}`;
  }
  yield '# HELP slipway_call_seconds Time from request to answer.';
  yield '# TYPE slipway_call_seconds histogram';
  for (const series of all.values()) {
    let below = 0;
    for (const [index, bound] of BUCKETS.entries()) {
      below += series.buckets[index] ?? 0;
      yield `slipway_call_seconds_bucket{${series.labels},le="${bound}"} ${below}`;
    }
    yield `slipway_call_seconds_bucket{${series.labels},le="+Inf"} ${series.count}`;
    yield `slipway_call_seconds_sum{${series.labels}} ${series.sumSeconds}`;
    yield `slipway_call_seconds_count{${series.labels}} ${series.count}`;
  }
  yield '# HELP slipway_resident_bytes Memory of the process.';
  yield '# TYPE slipway_resident_bytes gauge';
  yield `slipway_resident_bytes ${process.memoryUsage.rss()}`;
}
