/** What a metric is, and what may be asked of one: the vocabulary of metric data. */

/** Two metrics are the same if namespace, name and all dimensions are. */
export interface Metric {
  readonly namespace: string;
  readonly name: string;
  /** In the order of their names. */
  readonly dimensions: readonly Dimension[];
}

export interface Dimension {
  readonly name: string;
  readonly value: string;
}

/** A metric read by a statistic over a period. */
export interface MetricStat {
  readonly metric: Metric;
  readonly periodSeconds: number;
  /** `Average`, `p99`, … */
  readonly statistic: string;
  /** Only data of this unit; absent: of whatever unit. */
  readonly unit?: string;
}

/** One of several that may build upon each other: a metric, or an expression over others. */
export interface MetricQuery {
  readonly id: string;
  readonly stat?: MetricStat;
  readonly expression?: string;
  readonly label?: string;
  /** Absent means yes. */
  readonly returnData?: boolean;
  readonly periodSeconds?: number;
}

export function createMetric(namespace: string, name: string, dimensions: readonly Dimension[]): Metric {
  const sorted = [...dimensions].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return { namespace, name, dimensions: sorted };
}

/** One text for one metric, whose order is by namespace, name and dimensions. */
export function metricKey({ namespace, name, dimensions }: Metric): string {
  return JSON.stringify([namespace, name, ...dimensions.flatMap((each) => [each.name, each.value])]);
}
