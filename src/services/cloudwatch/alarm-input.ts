/** What PutMetricAlarm and PutCompositeAlarm are given, as settings of alarms, or the fault in it. */

import type { PutCompositeAlarmInput, PutMetricAlarmInput } from '@aws-sdk/client-cloudwatch';
import { parseAlarmRule, type AlarmRule } from '#core/alarm/rule.ts';
import {
  COMPARISONS,
  MISSING_DATA,
  type CommonSettings,
  type Comparison,
  type CompositeSettings,
  type MetricSettings,
  type MissingData,
} from '#core/alarm/state.ts';
import { createMetric, type MetricQuery, type MetricStat } from '#core/metric/metric.ts';
import { dimensionsOf, queriesOf, requireStatistic } from './queries.ts';
import { invalidCombination, missingParameter, validationError } from './room.ts';

const QUERIES_MAX = 10;
const DAY_SECONDS = 86_400;
const ACTION = /^arn:aws[^:]*:[^:]+:[^:]*:[^:]*:.+$/;
const NO_BANDS = 'anomaly detection bands are not supported by this installation';

export function metricSettings(account: string, input: PutMetricAlarmInput): MetricSettings {
  refuseOthers(input);
  if (input.EvaluationPeriods === undefined) throw missingParameter('EvaluationPeriods');
  if (input.Threshold === undefined) throw missingParameter('Threshold');
  if (!Number.isFinite(input.Threshold)) throw validationError('The threshold must be a number.');
  const watched = input.Metrics ? queriesWatched(account, input) : metricWatched(input);
  const { EvaluationPeriods: evaluationPeriods, DatapointsToAlarm: datapointsToAlarm } = input;
  checkSpan(watched.periodSeconds, evaluationPeriods);
  if ((datapointsToAlarm ?? 1) > evaluationPeriods) {
    throw validationError('DatapointsToAlarm must not be greater than EvaluationPeriods.');
  }
  const treatMissingData = missingDataOf(input.TreatMissingData);
  const lowSamples = lowSamplesOf(input);
  return {
    type: 'metric',
    ...commonSettings(input),
    ...watched,
    evaluationPeriods,
    ...(datapointsToAlarm !== undefined && { datapointsToAlarm }),
    threshold: input.Threshold,
    comparison: comparisonOf(input.ComparisonOperator),
    ...(treatMissingData && { treatMissingData }),
    ...(lowSamples && { evaluateLowSampleCountPercentile: lowSamples }),
  };
}

export function compositeSettings(input: PutCompositeAlarmInput): CompositeSettings & {
  readonly parsed: AlarmRule;
} {
  const { AlarmRule: rule = '', ActionsSuppressor } = input;
  if (ActionsSuppressor !== undefined) {
    throw validationError('ActionsSuppressor is not supported by this installation.');
  }
  const parsed = parseAlarmRule(rule);
  if ('error' in parsed) throw validationError(`The AlarmRule is not valid: ${parsed.error}.`);
  return { type: 'composite', ...commonSettings(input), rule, parsed };
}

/** Ways to make an alarm that this room has not. */
function refuseOthers(input: PutMetricAlarmInput): void {
  if (input.ThresholdMetricId !== undefined) throw validationError(`ThresholdMetricId: ${NO_BANDS}.`);
  if (input.EvaluationCriteria !== undefined || input.EvaluationInterval !== undefined) {
    throw validationError('Alarms on PromQL queries are not supported by this installation.');
  }
}

function commonSettings(input: PutMetricAlarmInput | PutCompositeAlarmInput): CommonSettings {
  const { AlarmDescription: description, OKActions, AlarmActions, InsufficientDataActions } = input;
  const actions = [...(OKActions ?? []), ...(AlarmActions ?? []), ...(InsufficientDataActions ?? [])];
  const wrong = actions.find((arn) => !ACTION.test(arn));
  if (wrong !== undefined) throw validationError(`Invalid arn syntax: ${wrong}`);
  return {
    ...(description !== undefined && { description }),
    actionsEnabled: input.ActionsEnabled ?? true,
    actions: {
      OK: OKActions ?? [],
      ALARM: AlarmActions ?? [],
      INSUFFICIENT_DATA: InsufficientDataActions ?? [],
    },
  };
}

type Watched = Pick<MetricSettings, 'stat' | 'queries' | 'periodSeconds'>;

function metricWatched(input: PutMetricAlarmInput): Watched {
  const { Namespace, MetricName, Dimensions, Statistic, ExtendedStatistic, Period, Unit } = input;
  if (MetricName === undefined) throw missingParameter('MetricName');
  if (Namespace === undefined) throw missingParameter('Namespace');
  if (Period === undefined) throw missingParameter('Period');
  const statistic = Statistic ?? ExtendedStatistic;
  if (statistic === undefined || (Statistic !== undefined && ExtendedStatistic !== undefined)) {
    throw validationError('Exactly one of Statistic and ExtendedStatistic must be given.');
  }
  requireStatistic(statistic);
  const stat: MetricStat = {
    metric: createMetric(Namespace, MetricName, dimensionsOf(Dimensions)),
    periodSeconds: Period,
    statistic,
    ...(Unit !== undefined && { unit: Unit }),
  };
  return { stat, periodSeconds: Period };
}

function queriesWatched(account: string, input: PutMetricAlarmInput): Watched {
  const others = [input.MetricName, input.Namespace, input.Period, input.Statistic, input.ExtendedStatistic];
  if (others.some((each) => each !== undefined) || input.Dimensions?.length) {
    throw invalidCombination(
      'The parameter Metrics cannot be used with MetricName, Namespace, Dimensions, Period, Statistic or ExtendedStatistic.',
    );
  }
  const given = input.Metrics ?? [];
  if (given.length === 0 || given.length > QUERIES_MAX) {
    throw validationError(`The parameter Metrics must have 1 to ${QUERIES_MAX} members.`);
  }
  if (given.some(({ Expression }) => /ANOMALY_DETECTION_BAND/i.test(Expression ?? ''))) {
    throw validationError(`ANOMALY_DETECTION_BAND: ${NO_BANDS}.`);
  }
  const queries = queriesOf(account, given);
  if (queries.filter(({ returnData }) => returnData !== false).length !== 1) {
    throw validationError('Exactly one element of the metrics list should return data.');
  }
  return { queries, periodSeconds: periodOf(queries) };
}

function periodOf(queries: readonly MetricQuery[]): number {
  const [first, ...others] = new Set(queries.flatMap(({ stat }) => stat?.periodSeconds ?? []));
  if (first === undefined)
    throw validationError('At least one element of the metrics list must be a metric.');
  if (others.length === 0) return first;
  throw validationError('All metrics of an alarm must have the same period in this installation.');
}

function checkSpan(period: number, evaluationPeriods: number): void {
  if (![10, 20, 30].includes(period) && period % 60 !== 0) {
    throw validationError(`The period ${period} of an alarm must be 10, 20, 30 or a multiple of 60.`);
  }
  const most = period >= 3_600 ? 7 * DAY_SECONDS : DAY_SECONDS;
  if (period * evaluationPeriods <= most) return;
  throw validationError(
    `Metrics cannot be checked across more than ${most / DAY_SECONDS} day(s) (EvaluationPeriods * Period must be <= ${most}).`,
  );
}

function comparisonOf(text: string | undefined): Comparison {
  if (text === undefined) throw missingParameter('ComparisonOperator');
  const comparison = COMPARISONS.find((each) => each === text);
  if (comparison) return comparison;
  throw validationError(`ComparisonOperator ${text}: ${NO_BANDS}.`);
}

function missingDataOf(text: string | undefined): MissingData | undefined {
  if (text === undefined) return undefined;
  const found = MISSING_DATA.find((each) => each === text);
  if (found) return found;
  throw validationError(`Invalid value for TreatMissingData: ${text}. Use ${MISSING_DATA.join(', ')}.`);
}

function lowSamplesOf(input: PutMetricAlarmInput): 'evaluate' | 'ignore' | undefined {
  const { EvaluateLowSampleCountPercentile: text, ExtendedStatistic } = input;
  if (text === undefined) return undefined;
  if (ExtendedStatistic === undefined) {
    throw validationError('EvaluateLowSampleCountPercentile is only for alarms on percentiles.');
  }
  if (text === 'evaluate' || text === 'ignore') return text;
  throw validationError(`Invalid value for EvaluateLowSampleCountPercentile: ${text}.`);
}
