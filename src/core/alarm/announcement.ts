/**
 * What the world reads when the value of an alarm changes: the event on the bus, and the message to topics.
 * AWS: "Alarm events and EventBridge", "Notifying users on alarm changes".
 */

import { deriveUuid } from '#base/ids.ts';
import { SIMPLE_STATISTICS } from '#core/metric/statistic.ts';
import type { Metric, MetricQuery, MetricStat } from '#core/metric/metric.ts';
import { timestamp } from './evaluate.ts';
import type {
  AlarmSettings,
  CommonSettings,
  MetricSettings,
  SettingsChange,
  ValueChange,
  Verdict,
} from './state.ts';

/** Where the alarm is at home. */
export interface Home {
  readonly account: string;
  readonly region: string;
  readonly arn: string;
}

export function eventDetail(change: ValueChange): Readonly<Record<string, unknown>> {
  const { name, settings, before, beforeAt, after, at } = change;
  return {
    alarmName: name,
    configuration: configurationOf(name, settings),
    previousState: stateOf(before, beforeAt),
    state: stateOf(after, at),
  };
}

/** Of `CloudWatch Alarm Configuration Change`. */
export function settingsDetail(change: SettingsChange): Readonly<Record<string, unknown>> {
  const { name, operation, settings, configuredAt, previous, verdict, verdictAt } = change;
  return {
    alarmName: name,
    operation,
    state: stateOf(verdict, verdictAt),
    configuration: fullConfiguration(name, settings, configuredAt),
    ...(previous && {
      previousConfiguration: fullConfiguration(name, previous.settings, previous.configuredAt),
    }),
  };
}

function fullConfiguration(name: string, settings: AlarmSettings, configuredAt: number): object {
  const { OK: okActions, ALARM: alarmActions, INSUFFICIENT_DATA: insufficientDataActions } = settings.actions;
  return {
    ...(settings.type === 'metric' && {
      evaluationPeriods: settings.evaluationPeriods,
      ...(settings.datapointsToAlarm !== undefined && { datapointsToAlarm: settings.datapointsToAlarm }),
      threshold: settings.threshold,
      comparisonOperator: settings.comparison,
      ...(settings.treatMissingData && { treatMissingData: settings.treatMissingData }),
    }),
    ...configurationOf(name, settings),
    alarmName: name,
    actionsEnabled: settings.actionsEnabled,
    timestamp: timestamp(configuredAt),
    ...{ okActions, alarmActions, insufficientDataActions },
  };
}

function stateOf({ value, reason, reasonData }: Verdict, at: number): object {
  return { value, reason, ...(reasonData !== undefined && { reasonData }), timestamp: timestamp(at) };
}

function configurationOf(name: string, settings: AlarmSettings): object {
  const description = settings.description === undefined ? {} : { description: settings.description };
  if (settings.type === 'composite') return { alarmRule: settings.rule, ...description };
  const own = settings.stat && { id: deriveUuid(name, 0), stat: settings.stat };
  const queries = settings.queries ?? (own ? [own] : []);
  return { ...description, metrics: queries.map(queryDetail) };
}

function queryDetail({ id, stat, expression, label, returnData }: MetricQuery): object {
  return {
    id,
    ...(expression !== undefined && { expression }),
    ...(label !== undefined && { label }),
    ...(stat && { metricStat: statDetail(stat) }),
    returnData: returnData !== false,
  };
}

function statDetail({ metric, periodSeconds, statistic, unit }: MetricStat): object {
  return {
    metric: {
      namespace: metric.namespace,
      name: metric.name,
      dimensions: dimensionsOf(metric),
    },
    period: periodSeconds,
    stat: statistic,
    ...(unit !== undefined && { unit }),
  };
}

function dimensionsOf({ dimensions }: Metric): Readonly<Record<string, string>> {
  return Object.fromEntries(dimensions.map(({ name, value }) => [name, value]));
}

const SUBJECT_LENGTH_MAX = 100;

/** The subject of a mail; topics take printable ASCII only. */
export function messageSubject({ name, after }: ValueChange, { region }: Home): string {
  const subject = `${after.value}: "${name}" in ${region}`.replaceAll(/[^\x20-\x7e]/g, '?');
  return subject.slice(0, SUBJECT_LENGTH_MAX);
}

export function messageText(change: ValueChange, home: Home): string {
  const { name, settings, before, after, at, configuredAt } = change;
  return JSON.stringify({
    AlarmName: name,
    AlarmDescription: settings.description ?? null,
    AWSAccountId: home.account,
    AlarmConfigurationUpdatedTimestamp: timestamp(configuredAt),
    NewStateValue: after.value,
    NewStateReason: after.reason,
    StateChangeTime: timestamp(at),
    Region: home.region,
    AlarmArn: home.arn,
    OldStateValue: before.value,
    ...actionsOf(settings),
    ...(settings.type === 'composite' ? { AlarmRule: settings.rule } : { Trigger: triggerOf(settings) }),
  });
}

function actionsOf({ actions }: CommonSettings): object {
  return {
    OKActions: actions.OK,
    AlarmActions: actions.ALARM,
    InsufficientDataActions: actions.INSUFFICIENT_DATA,
  };
}

function triggerOf(settings: MetricSettings): object {
  const { stat, queries, evaluationPeriods, datapointsToAlarm, comparison, threshold } = settings;
  return {
    ...(stat && metricTrigger(stat)),
    ...(queries && { Metrics: queries.map(metricsTrigger) }),
    Period: settings.periodSeconds,
    EvaluationPeriods: evaluationPeriods,
    ...(datapointsToAlarm !== undefined && { DatapointsToAlarm: datapointsToAlarm }),
    ComparisonOperator: comparison,
    Threshold: threshold,
    TreatMissingData: settings.treatMissingData ?? 'missing',
    EvaluateLowSampleCountPercentile: settings.evaluateLowSampleCountPercentile ?? '',
  };
}

function metricTrigger({ metric, statistic, unit }: MetricStat): object {
  const isSimple = SIMPLE_STATISTICS.some((name) => name === statistic);
  return {
    MetricName: metric.name,
    Namespace: metric.namespace,
    ...(isSimple
      ? { StatisticType: 'Statistic', Statistic: STATISTIC_WORDS[statistic] }
      : { StatisticType: 'ExtendedStatistic', ExtendedStatistic: statistic }),
    Unit: unit ?? null,
    Dimensions: metric.dimensions.map(({ name, value }) => ({ value, name })),
  };
}

const STATISTIC_WORDS: Readonly<Record<string, string>> = {
  SampleCount: 'SAMPLE_COUNT',
  Average: 'AVERAGE',
  Sum: 'SUM',
  Minimum: 'MINIMUM',
  Maximum: 'MAXIMUM',
};

function metricsTrigger({ id, stat, expression, label, returnData }: MetricQuery): object {
  return {
    Id: id,
    ...(label !== undefined && { Label: label }),
    ...(expression !== undefined && { Expression: expression }),
    ...(stat && {
      MetricStat: {
        Metric: {
          Namespace: stat.metric.namespace,
          MetricName: stat.metric.name,
          Dimensions: stat.metric.dimensions.map(({ name, value }) => ({ value, name })),
        },
        Period: stat.periodSeconds,
        Stat: stat.statistic,
      },
    }),
    ReturnData: returnData !== false,
  };
}
