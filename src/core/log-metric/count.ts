/** What a metric filter makes of a batch of events: values by minute and dimensions. See "Creating metric filters". */

import type { LogPattern } from '#core/log-pattern/pattern.ts';

export interface MetricTransformation {
  readonly metricName: string;
  readonly metricNamespace: string;
  /** A number, or what an event says at a selector: `$.latency`, `$bytes`. */
  readonly metricValue: string;
  readonly defaultValue?: number | undefined;
  /** Names to selectors. */
  readonly dimensions?: Readonly<Record<string, string>> | undefined;
  readonly unit?: string | undefined;
}

/** One datum of one minute. */
export interface MetricCount {
  readonly namespace: string;
  readonly name: string;
  readonly unit: string | undefined;
  readonly at: number;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly values: readonly number[];
  readonly counts: readonly number[];
}

export interface CountedEvent {
  readonly at: number;
  readonly message: string;
}

const MINUTE_MS = 60_000;
/** What PutMetricData takes for one datum. */
const VALUES_MAX = 150;

export function countEvents(
  pattern: LogPattern,
  transformation: MetricTransformation,
  events: readonly CountedEvent[],
): readonly MetricCount[] {
  const found = new Map<
    string,
    { at: number; dimensions: Record<string, string>; values: Map<number, number> }
  >();
  const minutes = new Set<number>();
  const matched = new Set<number>();
  for (const { at: time, message } of events) {
    const at = time - (time % MINUTE_MS);
    minutes.add(at);
    if (!pattern.matches(message)) continue;
    const value = valueOf(transformation.metricValue, pattern, message);
    if (value === undefined) continue;
    matched.add(at);
    const dimensions = dimensionsOf(transformation, pattern, message);
    const key = JSON.stringify([at, dimensions]);
    const datum = found.get(key) ?? { at, dimensions, values: new Map<number, number>() };
    found.set(key, datum);
    datum.values.set(value, (datum.values.get(value) ?? 0) + 1);
  }
  const { defaultValue } = transformation;
  if (defaultValue !== undefined) {
    for (const at of minutes) {
      if (matched.has(at)) continue;
      found.set(`default ${at}`, { at, dimensions: {}, values: new Map([[defaultValue, 1]]) });
    }
  }
  return [...found.values()].flatMap(({ at, dimensions, values }) => {
    const all = [...values];
    const pieces = Array.from({ length: Math.ceil(all.length / VALUES_MAX) }, (_, i) =>
      all.slice(i * VALUES_MAX, (i + 1) * VALUES_MAX),
    );
    return pieces.map((piece) => ({
      namespace: transformation.metricNamespace,
      name: transformation.metricName,
      unit: transformation.unit,
      at,
      dimensions,
      values: piece.map(([value]) => value),
      counts: piece.map(([, count]) => count),
    }));
  });
}

function valueOf(metricValue: string, pattern: LogPattern, message: string): number | undefined {
  const text = metricValue.startsWith('$') ? pattern.valueOf(message, metricValue) : metricValue;
  const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function dimensionsOf(
  { dimensions = {} }: MetricTransformation,
  pattern: LogPattern,
  message: string,
): Record<string, string> {
  const found = Object.entries(dimensions).map(([name, selector]): [string, string | undefined] => [
    name,
    pattern.valueOf(message, selector),
  ]);
  return Object.fromEntries(found.filter((pair): pair is [string, string] => Boolean(pair[1])));
}
